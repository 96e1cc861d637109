"""The studies that the catalog holds: loaded, listed, shown as a protocol."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipelines.cohorts import load_cohort
from pipelines.cohorts.catalog import catalog_files
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.yaml_models import dump_yaml, load_model
from pipelines.errors import InputError
from pipelines.studies.compare import Target, load_targets
from pipelines.studies.evidence import show_evidence
from pipelines.studies.language import EvidenceDefinition, StudyDefinition

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
    return load_as(name, catalog_dir, StudyDefinition)


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


def protocol(study: StudyDefinition, cohort: CohortDefinition, targets: list[Target]) -> str:
    """Question, people, arms, outcome, models, choices, targets: plain text."""
    rule = study.matching
    lines = [
        f"{study.title} ({study.id})",
        "",
        f"Question: {study.question}",
        f"Sources that can answer: {', '.join(study.sources)}",
        *(f"Reference: {one}" for one in study.references),
        "",
        f"Cohort: {cohort.title} ({cohort.name})",
        *(f"  {number}. {words}" for number, words in enumerate(rules_in_words(cohort), start=1)),
        f"Arms: {cohort.arms.exposed.label} against {cohort.arms.reference.label}",
        *outcome_lines(study),
        "",
        "Covariates:",
        *(
            f"  {one.name}: {one.words}"
            + (f" (reference {one.reference})" if one.reference else "")
            + (", known only after diagnosis" if one.post_baseline else "")
            for one in study.covariates
        ),
        f"  model of the exposure: {', '.join(study.models.logistic) or 'none'}",
        f"  Cox model: {', '.join(study.models.cox) or 'none'}",
        f"  propensity score: {', '.join(study.models.propensity) or 'none'}",
    ]
    if "matched_cox" in study.analyses:
        caliper = "no caliper" if rule.caliper is None else f"caliper {rule.caliper:g} SD ({rule.caliper_sd})"
        said = "as the paper says" if rule.stated_in_paper else "our default, the paper does not say"
        lines.append(f"Matching: {rule.ratio}:1, {caliper}, order {rule.order}, no replacement ({said})")
    lines += [
        f"Analyses: {', '.join(study.analysis_names)}; primary: {study.primary}",
        *(f"Again as {other.name}, for rule {other.rule}: {other.words}" for other in study.sensitivity),
        f"Published numbers compared: {len(targets)}",
    ]
    return "\n".join(lines)


def outcome_lines(study: StudyDefinition) -> list[str]:
    """Outcomes and how they are counted."""
    lines = [] if study.outcome is None else [f"Outcome: {study.outcome.words}"]
    lines += [f"  survival of 0 months: {study.outcome.zero_months}"] if study.outcome else []
    lines += [f"Also: {one.words}" for one in study.other_outcomes]
    return lines + [f"Happened or not: {one.words}" for one in study.binary_outcomes]


def rules_in_words(cohort: CohortDefinition) -> list[str]:
    """The cohort's rules as sentences."""
    from pipelines.cohorts.compile import steps_of

    return [step.rule for step in steps_of(cohort)]
