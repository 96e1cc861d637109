"""The cohorts that the catalog holds: loaded, listed, shown."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.cohorts.compile import compile_query
from pipelines.cohorts.composition import Composition, compose
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.yaml_models import Document, dump_yaml, read_document
from pipelines.errors import InputError


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
    """Every cohort of the catalog, by name."""
    return [Listing(name, load_cohort(name, catalog_dir).title) for name in cohort_names(catalog_dir)]


def show_cohort(name: str, catalog_dir: Path) -> str:
    """The definition and the SQL it becomes, for a reader."""
    definition = load_cohort(name, catalog_dir)
    return f"{dump_yaml(definition)}\n{compile_query(definition)}"
