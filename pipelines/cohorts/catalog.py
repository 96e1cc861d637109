"""The cohorts that the catalog holds: loaded, listed, shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.cohorts.compile import compile_query, steps_of
from pipelines.cohorts.composition import Composition, compose
from pipelines.cohorts.conditions import conditions_of, require_expressions
from pipelines.cohorts.definition import CohortDefinition, Rule
from pipelines.cohorts.yaml_models import Document, read_document
from pipelines.errors import CohortsError, InputError
from pipelines.settings import REPOSITORY, Settings


@dataclass(frozen=True)
class Listing:
    """One line of a catalog."""

    id: str
    title: str


def catalog_files(catalog_dir: Path, pattern: str) -> list[Path]:
    """Definition files of the catalog, in order.

    Raises
    ------
    InputError
        There is none: the folder is no catalog.
    """
    found = sorted(catalog_dir.glob(pattern))
    if not found:
        raise InputError(
            "This folder is no catalog: it has no definition",
            where=str(catalog_dir / pattern),
            remedy="Set COHORTS_CATALOG to a folder with cohorts, mappings and studies, or leave it out.",
        )
    return found


def table_file(folder: str, name: str, catalog_dir: Path) -> Path:
    """A table of the catalog, such as ``evidence/trials.csv``; the shipped one where a site's own has none."""
    own = catalog_dir / folder / f"{name}.csv"
    return own if own.is_file() else REPOSITORY / "catalog" / folder / own.name


def in_use(what: str, *path: str) -> str:
    """Where a definition of the catalog in use is, for a message; what it is where a program made it."""
    file = Settings().catalog_dir.joinpath(*path)
    return str(file) if file.is_file() else what


def cohort_in_use(name: str) -> str:
    """Where a cohort's definition is, for a message."""
    return in_use(f"cohort {name}", "cohorts", f"{name}.yaml")


def study_in_use(name: str, file: str = "study.yaml") -> str:
    """Where a study's definition, or another file of its folder, is, for a message."""
    return in_use(f"study {name}", "studies", name, file)


def cohort_names(catalog_dir: Path) -> list[str]:
    """Names of the cohorts of the catalog; ``<name>.toys.yaml`` beside a definition is none."""
    return [path.stem for path in catalog_files(catalog_dir, "cohorts/*.yaml") if "." not in path.stem]


def load_cohort(name: str, catalog_dir: Path) -> CohortDefinition:
    """Read ``<catalog>/cohorts/<name>.yaml``, with the cohorts that it is based on.

    Raises
    ------
    InputError
        There is none (the message names those there are), the definition has mistakes (all of them), or cohorts
        are based on each other in a circle.
    """
    return _load(name, catalog_dir, based_on_it=())


def checked_cohort(name: str, catalog_dir: Path) -> CohortDefinition:
    """Read a cohort as `load_cohort` does, and bind its expressions to the columns of the registry.

    Raises
    ------
    InputError
        As `load_cohort`; or expressions of one of its files cannot be used, each with its line.
    """
    definition = load_cohort(name, catalog_dir)
    for one in (name, *bases_of(name, catalog_dir)):
        document = read_document(catalog_dir / "cohorts" / f"{one}.yaml")
        said = (
            document.as_model(Composition)
            if "base" in document.content
            else document.as_model(CohortDefinition)
        )
        require_expressions(document, conditions_of(said))
    return definition


def _load(name: str, catalog_dir: Path, based_on_it: tuple[str, ...]) -> CohortDefinition:
    path = catalog_dir / "cohorts" / f"{name}.yaml"
    if name in based_on_it:
        circle = (*based_on_it[based_on_it.index(name) :], name)
        raise InputError(
            f"Cohorts are based on each other in a circle: {' on '.join(circle)}",
            where=str(path),
            remedy="Write one of them out whole.",
        )
    names = cohort_names(catalog_dir)
    if name not in names:
        raise InputError(
            f"There is no cohort '{name}'", where=str(path.parent), remedy=f"There are: {', '.join(names)}."
        )
    document = read_document(path)
    definition = _resolved(document, catalog_dir, (*based_on_it, name))
    if definition.name != name:
        raise InputError(f"The definition calls itself '{definition.name}'", where=str(path))
    return definition


def _resolved(document: Document, catalog_dir: Path, based_on_it: tuple[str, ...]) -> CohortDefinition:
    if not (isinstance(document.content, dict) and "base" in document.content):
        return document.as_model(CohortDefinition)
    changes = document.as_model(Composition)
    names = cohort_names(catalog_dir)
    if changes.base not in names:
        there = f"base: there is no cohort '{changes.base}'; there are {', '.join(names)}"
        raise document.wrong([(("base",), there)])
    return compose(document, changes, _load(changes.base, catalog_dir, based_on_it))


def list_cohorts(catalog_dir: Path) -> list[Listing]:
    """Every cohort of the catalog, by name; a definition with mistakes hides no other."""
    return [listing(name, catalog_dir) for name in cohort_names(catalog_dir)]


def listing(name: str, catalog_dir: Path) -> Listing:
    """A cohort's line in the list."""
    try:
        return Listing(name, load_cohort(name, catalog_dir).title)
    except CohortsError:
        return Listing(name, f"its definition has mistakes: `cohorts cohort show {name}` tells them")


def show_cohort(name: str, catalog_dir: Path) -> str:
    """The definition in words and the SQL it becomes, for a reader; bases are resolved."""
    definition = checked_cohort(name, catalog_dir)
    return f"{in_words(definition, bases_of(name, catalog_dir))}\n\n{compile_query(definition)}"


def bases_of(name: str, catalog_dir: Path) -> list[str]:
    """The cohorts that a cohort is based on, the nearest first."""
    content = read_document(catalog_dir / "cohorts" / f"{name}.yaml").content
    base = content.get("base")
    return [base, *bases_of(base, catalog_dir)] if base else []


def in_words(definition: CohortDefinition, bases: Sequence[str] = ()) -> str:
    """Rules, index tumor and arms as a reader would want them: plain text."""
    rules = {rule.id: rule for _, rule in definition.numbered_rules}
    lines = [f"{definition.title} ({definition.name})", "", definition.words.strip()]
    lines += [f"Based on {', which is based on '.join(bases)}; what follows is the whole."] if bases else []
    lines += ["", f"Needs: {', '.join(definition.all_needs)}", ""]
    for step in steps_of(definition):
        lines.append(f"{step.number:>2}. {step.rule} [{step.rule_id}]")
        lines.append(f"    why: {step.reference}")
        if step.rule_id in rules:
            lines += [f"    {line}" for line in conditions(rules[step.rule_id])]
    index = ", then ".join(definition.index_tumor.order_by)
    lines += ["", f"Index tumor: the first by {index}", "", f"Arms: {definition.arms.words}"]
    lines += [f"  {arm.label} ({role}): {arm.when}" for role, arm in definition.arms.by_role.items()]
    return "\n".join(lines)


def conditions(rule: Rule) -> list[str]:
    """The condition of a rule, by diagnosis year where it has eras."""
    if rule.when is not None:
        return [f"when: {rule.when}"]
    told = [f"{era.first} to {era.last}: {era.words} ({era.reference}): {era.when}" for era in rule.eras]
    return [*told, "other years: unknown"]
