"""How far a study agrees with the trial that it emulates."""

from collections.abc import Sequence
from dataclasses import replace

from pipelines.stats.errors import EmptyArmError
from pipelines.stats.pooling import Agreement, agreement
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.language import ALL, Emulation
from pipelines.studies.language.emulation import TrialResult
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes

ANALYSIS = "trial_agreement"


def trial_agreement(people: AnalysisSet, estimates: Sequence[Estimate]) -> Outcomes:
    """Agreement of the study's estimate with each report of the trial.

    Terms: ``trial`` (the report's hazard ratio in our orientation and at our level), ``estimate_agreement`` and
    ``significance_agreement`` (1 or 0; empty where the trial rests on what is not recorded: that is no verdict),
    ``standardised_difference`` with its p-value.

    Raises
    ------
    EmptyArmError
        The estimate that is to be compared is not there.
    """
    emulation = people.study.emulation
    if emulation is None:
        raise ValueError(f"study {people.study.id} emulates no trial")
    ours = estimate_to_compare(people, estimates, emulation)
    found = Outcomes(findings=rests_on(people, emulation))
    for report in emulation.results:
        found += Outcomes(rows(ours, report, people.study.confidence_level, judged=not emulation.undecidable))
    return found


def estimate_to_compare(
    people: AnalysisSet, estimates: Sequence[Estimate], emulation: Emulation
) -> tuple[Estimate, float, float, float]:
    """Our estimate of everybody, with its limits."""
    key = (emulation.analysis, ALL, people.study.exposure, people.contrast, "hr")
    for one in estimates:
        if one.key == key and None not in (one.estimate, one.ci_low, one.ci_high):
            return one, float(one.estimate or 0), float(one.ci_low or 0), float(one.ci_high or 0)
    raise EmptyArmError(
        f"There is no estimate of {emulation.analysis} to set beside the trial",
        field="emulation.analysis",
        remedy="See why that analysis is absent.",
    )


def rests_on(people: AnalysisSet, emulation: Emulation) -> tuple[Finding, ...]:
    """A warning for everything that the trial's question rests on and no registry records."""
    return tuple(
        Finding(
            ANALYSIS,
            people.subgroup,
            "not_comparable",
            "warning",
            f"the trial rests on what no registry records: {one.trial}. Agreement or its absence says nothing of it",
        )
        for one in emulation.undecidable
    )


def rows(
    ours: tuple[Estimate, float, float, float], report: TrialResult, level: float, *, judged: bool
) -> tuple[Estimate, ...]:
    """The report's estimate and the three statistics of agreement, the two verdicts only where they are ``judged``."""
    one, value, low, high = ours
    found: Agreement = agreement((value, low, high), (report.hr, report.ci_low, report.ci_high), level=level)
    contrast = f"{one.contrast}, against {report.report}"

    def row(term: str, measure: str, estimate: float | None, p_value: float | None = None) -> Estimate:
        return Estimate(
            ANALYSIS,
            one.subgroup,
            term,
            contrast,
            measure,
            estimate,
            p_value=p_value,
            counts=one.counts,
            estimand=one.estimand,
            effect_type=one.effect_type,
            method=f"{one.analysis} against {report.name}",
        )

    theirs = replace(
        row("trial", "hr", report.hr),
        ci_low=report.ci_low,
        ci_high=report.ci_high,
        counts=Counts(),  # its people are not ours
        estimand="ate",
        effect_type="marginal",
        method=f"{report.name}, as published ({report.verification})",
    )
    return (
        theirs,
        row("estimate_agreement", "agreement", float(found.estimate) if judged else None),
        row("significance_agreement", "agreement", float(found.significance) if judged else None),
        row("standardised_difference", "standardised_difference", found.difference, found.p_value),
    )
