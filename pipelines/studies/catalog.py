"""The studies that the catalog holds: loaded, listed, shown as a protocol."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipelines.cohorts.catalog import catalog_files, checked_cohort
from pipelines.cohorts.conditions import Expression, require_expressions
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.yaml_models import dump_yaml, load_model, read_document
from pipelines.errors import CohortsError, InputError
from pipelines.studies.analysis_set import expressions_of
from pipelines.studies.compare import Target, load_targets, require_analyses
from pipelines.studies.evidence import show_evidence
from pipelines.studies.language import EvidenceDefinition, StudyDefinition
from pipelines.studies.protocol import protocol
from pipelines.studies.target_trial import with_results

Definition = TypeVar("Definition", StudyDefinition, EvidenceDefinition)


@dataclass(frozen=True)
class StudyListing:
    """One line of the list of studies; without a cohort where it has none, or its definition cannot be read."""

    id: str
    title: str
    cohort: str
    readable: bool = True


def load_study(name: str, catalog_dir: Path) -> StudyDefinition:
    """Read ``<catalog>/studies/<name>/study.yaml``.

    Raises
    ------
    InputError
        There is none (the message names those there are), or the definition has mistakes (all of them).
    """
    return with_results(load_as(name, catalog_dir, StudyDefinition), catalog_dir)


def load_evidence(name: str, catalog_dir: Path) -> EvidenceDefinition:
    """Read the ``study.yaml`` of a synthesis of published estimates (``kind: evidence``).

    Raises
    ------
    InputError
        As `load_study`.
    """
    return load_as(name, catalog_dir, EvidenceDefinition)


def is_evidence(name: str, catalog_dir: Path) -> bool:
    """Whether a definition says ``kind: evidence``: published estimates, and no cohort.

    Never an error: what is wrong with a definition is told by who loads it.
    """
    path = catalog_dir / "studies" / name / "study.yaml"
    if not path.is_file() or b"evidence" not in path.read_bytes():  # spares reading all of them as YAML
        return False
    try:
        content = read_document(path).content
    except InputError:
        return False
    return isinstance(content, dict) and content.get("kind") == "evidence"


def study_names(catalog_dir: Path) -> list[str]:
    """Names of the studies of the catalog, in order; those whose definitions have mistakes too."""
    return [path.parent.name for path in catalog_files(catalog_dir, "studies/*/study.yaml")]


def require_study(name: str, catalog_dir: Path) -> str:
    """A name that is a study's, and therefore no path to somewhere else.

    Raises
    ------
    InputError
        There is none of that name; the message names those there are.
    """
    names = study_names(catalog_dir)
    if name not in names:
        raise InputError(
            f"There is no study '{name}'",
            where=str(catalog_dir / "studies"),
            remedy=f"There are: {', '.join(names)}.",
        )
    return name


def load_as(name: str, catalog_dir: Path, model: type[Definition]) -> Definition:
    """Read the definition of a study into a model."""
    path = catalog_dir / "studies" / require_study(name, catalog_dir) / "study.yaml"
    study = load_model(path, model)
    if study.id != name:
        raise InputError(f"The definition calls itself '{study.id}'", where=str(path))
    return study


def load_published(name: str, catalog_dir: Path) -> list[Target]:
    """Read ``<catalog>/studies/<name>/published.csv``."""
    return load_targets(catalog_dir / "studies" / name / "published.csv")


def list_studies(catalog_dir: Path) -> list[StudyListing]:
    """Every study of the catalog, by name; a definition with mistakes hides no other."""
    return [listing(name, catalog_dir) for name in study_names(catalog_dir)]


def listing(name: str, catalog_dir: Path) -> StudyListing:
    """A study's line in the list; a synthesis of published estimates has no cohort."""
    try:
        if is_evidence(name, catalog_dir):
            return StudyListing(name, load_evidence(name, catalog_dir).title, "")
        study = load_study(name, catalog_dir)
    except CohortsError:
        title = f"its definition has mistakes: `cohorts study show {name}` tells them"
        return StudyListing(name, title, "", readable=False)
    return StudyListing(name, study.title, study.cohort)


def checked_study(name: str, catalog_dir: Path) -> tuple[StudyDefinition, CohortDefinition, list[Target]]:
    """A study with its cohort and its targets, after everything that can be known of them without a record.

    Raises
    ------
    InputError
        Mistakes of one of the files, all of them: expressions that the registry does not take, too.
    """
    study = load_study(name, catalog_dir)
    others = [
        Expression(f"sensitivity.{one.name}", ("sensitivity", number, "when"), one.when, "boolean")
        for number, one in enumerate(study.sensitivity)
    ]
    document = read_document(catalog_dir / "studies" / name / "study.yaml")
    require_expressions(document, [*expressions_of(study).values(), *others])
    cohort = checked_cohort(study.cohort, catalog_dir)
    targets = load_published(name, catalog_dir)
    require_analyses(targets, study)
    return study, cohort, targets


def show_study(name: str, catalog_dir: Path) -> str:
    """The protocol as a reader would want it."""
    if is_evidence(name, catalog_dir):
        return show_evidence(load_evidence(name, catalog_dir), catalog_dir)
    return protocol(*checked_study(name, catalog_dir))


def show_definition(name: str, catalog_dir: Path) -> str:
    """The definition with every choice named, those left to their usual value too; it loads as the same study."""
    load = load_evidence if is_evidence(name, catalog_dir) else load_study
    return dump_yaml(load(name, catalog_dir))
