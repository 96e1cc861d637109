"""Runs a study on a submission: cohort, analyses, comparison, everything written at once."""

from pathlib import Path

from pipelines.cohorts.yaml_models import settings_hash
from pipelines.store import Submission
from pipelines.studies import gate
from pipelines.studies.analyse import analyse
from pipelines.studies.catalog import checked_study, is_evidence, load_evidence
from pipelines.studies.compare import compare
from pipelines.studies.evidence import run_evidence
from pipelines.studies.facts import StudyFacts
from pipelines.studies.plan import plan_study
from pipelines.studies.record import write
from pipelines.studies.results import Outcomes
from pipelines.studies.variants import fresh_cohort


def run_study(sub: Submission, name: str, catalog_dir: Path, *, no_gate: bool = False) -> StudyFacts:
    """Write ``studies/<name>/`` of a submission.

    Parameters
    ----------
    sub : Submission
        Built and passed by its quality gate.
    name : str
        A study of the catalog.
    catalog_dir : Path
        The catalog.
    no_gate : bool
        Show every estimate whatever the gate says, and record that.

    Raises
    ------
    GateError
        The submission has no pass.
    RefusedError
        The source cannot give what the study needs, or does not cover its years.
    InputError
        Unknown or wrong definition, an empty cohort or arm, targets that join to nothing, or the primary
        analysis cannot be fitted. Nothing is written then.
    """
    sub.require_pass()
    if is_evidence(name, catalog_dir):
        return run_evidence(sub.root / "studies", load_evidence(name, catalog_dir), catalog_dir, sub)
    sub.require_people()
    study, cohort, targets = checked_study(name, catalog_dir)
    plan = plan_study(sub, study, cohort)
    fresh_cohort(sub, cohort)
    found = analyse(sub, plan, cohort)
    comparison = compare(targets, found.estimates, found.findings, study)
    identity = settings_hash(study, cohort)
    verdict = gate.verdict_of(plan.study, found.table("gate"))
    hidden = gate.hidden_by(verdict, found.estimates, plan.study, cohort.arms.labels)
    found += Outcomes(tables=(("hidden", hidden),))
    judged = {"gate": "off" if no_gate else "on", "gate_verdict": verdict, "record": gate.RECORD}
    write(sub, plan, cohort, found, comparison, identity, judged)
    return StudyFacts(
        name=name,
        submission=sub.id,
        cohort=study.cohort,
        folder=sub.root / "studies" / name,
        settings_hash=identity,
        n_estimates=len(found.estimates),
    )
