"""The studies that the catalog holds: loaded, listed, shown as a protocol."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipelines.cohorts import load_cohort
from pipelines.cohorts.catalog import catalog_files
from pipelines.cohorts.yaml_models import dump_yaml, load_model
from pipelines.errors import InputError
from pipelines.studies.compare import Target, load_targets
from pipelines.studies.evidence import show_evidence
from pipelines.studies.language import EvidenceDefinition, StudyDefinition
from pipelines.studies.protocol import protocol
from pipelines.studies.target_trial import with_results

Definition = TypeVar("Definition", StudyDefinition, EvidenceDefinition)


@dataclass(frozen=True)
class StudyListing:
    """One line of the list of studies."""

    id: str
    title: str
    cohort: str


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
    """Whether a definition says ``kind: evidence``: published estimates, and no cohort."""
    path = catalog_dir / "studies" / name / "study.yaml"
    if not path.is_file():
        return False
    return any(
        line.split() == ["kind:", "evidence"] for line in path.read_text(encoding="utf-8").splitlines()
    )


def load_as(name: str, catalog_dir: Path, model: type[Definition]) -> Definition:
    """Read the definition of a study into a model."""
    folder = catalog_dir / "studies"
    names = [path.parent.name for path in catalog_files(catalog_dir, "studies/*/study.yaml")]
    if name not in names:
        raise InputError(
            f"There is no study '{name}'", where=str(folder), remedy=f"There are: {', '.join(names)}."
        )
    study = load_model(folder / name / "study.yaml", model)
    if study.id != name:
        raise InputError(f"The definition calls itself '{study.id}'", where=str(folder / name / "study.yaml"))
    return study


def load_published(name: str, catalog_dir: Path) -> list[Target]:
    """Read ``<catalog>/studies/<name>/published.csv``."""
    return load_targets(catalog_dir / "studies" / name / "published.csv")


def list_studies(catalog_dir: Path) -> list[StudyListing]:
    """Every study of the catalog, by name."""
    names = [path.parent.name for path in catalog_files(catalog_dir, "studies/*/study.yaml")]
    return [listing(name, catalog_dir) for name in names]


def listing(name: str, catalog_dir: Path) -> StudyListing:
    """A study's line in the list; a synthesis of published estimates has no cohort."""
    if is_evidence(name, catalog_dir):
        evidence = load_evidence(name, catalog_dir)
        return StudyListing(evidence.id, evidence.title, "")
    study = load_study(name, catalog_dir)
    return StudyListing(study.id, study.title, study.cohort)


def show_study(name: str, catalog_dir: Path) -> str:
    """The protocol as a reader would want it, then the definition itself."""
    if is_evidence(name, catalog_dir):
        return show_evidence(load_evidence(name, catalog_dir), catalog_dir)
    study = load_study(name, catalog_dir)
    cohort = load_cohort(study.cohort, catalog_dir)
    targets = load_published(name, catalog_dir)
    return f"{protocol(study, cohort, targets)}\n\n--- definition ---\n{dump_yaml(study)}"
