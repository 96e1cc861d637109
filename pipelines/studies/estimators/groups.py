"""Groups described without a comparison of arms: shares by year, survival in levels, relative survival."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binomtest

from pipelines.stats.adjusted import weighted_curves
from pipelines.stats.errors import CodingError, StatsError
from pipelines.stats.kaplan_meier import KaplanMeierCurve, Quantile, kaplan_meier
from pipelines.stats.propensity.logistic import fit_logistic
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import ordered_levels
from pipelines.studies.estimators.describe import arms_of, label_of
from pipelines.studies.estimators.relative import relative_survival_of
from pipelines.studies.estimators.rows import estimate_of
from pipelines.studies.language import ALL, Covariate, GroupSurvival
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes

EVERYBODY = "everybody"
Group = tuple[str, AnalysisSet]


def share_by_year(people: AnalysisSet) -> Outcomes:
    """Share of the first arm, and of each binary outcome in each arm, by year of diagnosis.

    A share needs its denominator. Of the people of a year, how many are in the first arm; of the first arm, and of
    everybody, how many are of that year: the last two say how the file grew, and registries join it over time.
    """
    years = people.frame["year"]
    known = years.is_not_null().to_numpy()
    gone = float((~known).sum())
    people = people.where(known)
    found = Outcomes(
        estimates=(*first_arm_by_year(people), *outcomes_by_year(people)),
        findings=unknown_people("share_by_year", people, "year_unknown", "year of diagnosis unknown", gone),
    )
    return found + trend_over_years(people)


def first_arm_by_year(people: AnalysisSet) -> Iterator[Estimate]:
    """Every denominator of the first arm, year after year."""
    label = people.exposed_label
    first_arm = (people.frame["arm"] == label).to_numpy()
    in_arm, everybody = int(first_arm.sum()), people.frame.height
    for year, of_year in by_year(people):
        there = first_arm & of_year
        shares = {
            label: (there, int(of_year.sum())),
            f"{label}, of all years": (there, in_arm),
            f"{EVERYBODY}, of all years": (of_year, everybody),
        }
        for contrast, (rows, whole) in shares.items():
            yield share(people, f"year={year}", people.study.exposure, contrast, int(rows.sum()), whole)


def outcomes_by_year(people: AnalysisSet) -> Iterator[Estimate]:
    """Share of each binary outcome by arm and year, of those in whom it is known."""
    for outcome in people.study.binary_outcomes:
        for label, arm in arms_of(people):
            happened = arm.frame[f"event_{outcome.name}"]
            for year, of_year in by_year(arm):
                known = happened.filter(pl.Series(of_year)).drop_nulls()
                if known.len():
                    subgroup = f"{label}, year={year}"
                    yield share(arm, subgroup, outcome.name, "", int(known.sum()), known.len())


def by_year(people: AnalysisSet) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Every year of diagnosis that somebody has, and who has it."""
    years = people.frame["year"].to_numpy()
    for year in np.unique(years).tolist():
        yield int(year), years == year


def share(
    people: AnalysisSet, subgroup: str, term: str, contrast: str, part: int, whole: int, *, analysis: str = ""
) -> Estimate:
    """A percentage with Wilson's interval (Wilson EB. J Am Stat Assoc 1927;22:209-212)."""
    level = people.study.confidence_level
    interval = binomtest(part, whole).proportion_ci(level, method="wilson")
    return Estimate(
        analysis or "share_by_year",
        label_of(people, subgroup),
        term,
        contrast,
        "percent",
        100 * part / whole,
        100 * float(interval.low),
        100 * float(interval.high),
        method="count, Wilson interval",
        counts=Counts(whole, part),
    )


def trend_over_years(people: AnalysisSet) -> Outcomes:
    """Odds ratio of the first arm per calendar year; absent where there is one year alone."""
    first_arm = (people.frame["arm"] == people.exposed_label).to_numpy()
    years = people.frame["year"].to_numpy().astype(float)
    try:
        fit = fit_logistic(years[:, None] - years.min(), first_arm, names=["year"])
    except StatsError as error:
        absent = Finding("share_by_year", people.subgroup, "trend", "absent", error.without_count)
        return Outcomes(findings=(absent,))
    row = fit.to_frame(people.study.confidence_level).filter(pl.col("term") == "year").row(0, named=True)
    trend = Estimate(
        "share_by_year",
        people.subgroup,
        "year",
        "per 1",
        "or",
        row["odds_ratio"],
        row["ci_low"],
        row["ci_high"],
        row["p_value"],
        estimand="association",
        effect_type="marginal",
        method="logistic regression of the first arm on the year",
        counts=people.counts(),
    )
    return Outcomes(estimates=(trend,))


def group_survival(people: AnalysisSet) -> Outcomes:
    """Survival in the levels of covariates: medians, survival at given months, differences of ordered levels."""
    settings = cast("GroupSurvival", people.study.group_survival)
    people, findings = described(people)
    by_term: dict[str, list[Group]] = {
        one.name: groups_of(people, one) for one in people.study.terms(settings.by)
    }
    found = Outcomes(tuple(survival_of(people, ALL, "", settings)), findings)
    for term, groups in by_term.items():
        found += Outcomes(tuple(in_levels(people, term, groups, settings)))
    if settings.relative and people.study.survives.kind == "overall":  # it is made from deaths of any cause
        named = [(term, f"{term}={level}", one) for term, groups in by_term.items() for level, one in groups]
        found += relative_survival_of(people, [("", ALL, people), *named], settings.at_months)
    return found


def in_levels(
    people: AnalysisSet, term: str, groups: list[Group], settings: GroupSurvival
) -> Iterator[Estimate]:
    """Each level's share of those in any level, its survival, and the differences of ordered levels."""
    total = sum(group.frame.height for _, group in groups)
    for level, group in groups:
        subgroup = f"{term}={level}"
        yield share(people, subgroup, term, "", group.frame.height, total, analysis="group_survival")
        yield from survival_of(group, subgroup, term, settings)
    yield from differences(people, term, dict(groups), settings)


def described(people: AnalysisSet) -> tuple[AnalysisSet, tuple[Finding, ...]]:
    """Those whom the description is about; who cannot be told is counted."""
    if "described" not in people.frame.columns:
        return people, ()
    among = people.frame["described"]
    words = "it is unknown whether they are among those described"
    findings = unknown_people("group_survival", people, "among_unknown", words, float(among.null_count()))
    return people.where(among.fill_null(False).to_numpy()), findings


def unknown_people(
    analysis: str, people: AnalysisSet, check: str, words: str, gone: float
) -> tuple[Finding, ...]:
    """Who is left out because something is unknown; nothing where nobody is."""
    if not gone:
        return ()
    return (Finding(analysis, people.subgroup, check, "info", f"left out: {words}", gone, unit="people"),)


def groups_of(people: AnalysisSet, one: Covariate) -> list[Group]:
    """People by level, reference first, then as the study names the levels; a missing value is in no level."""
    values = people.frame[f"cov_{one.name}"]
    present = set(values.drop_nulls().to_list())
    first = [one.reference] if one.reference is not None and one.reference in present else []
    return [
        (level, people.where((values == level).fill_null(False).to_numpy()))
        for level in (*first, *ordered_levels(one, values))
    ]


def curve_of(people: AnalysisSet) -> KaplanMeierCurve:
    """The Kaplan-Meier curve of some people."""
    level = people.study.confidence_level
    return kaplan_meier(people.time, people.event, entry=people.entry, ci="log-log", level=level).curves[0]


def survival_of(people: AnalysisSet, subgroup: str, term: str, settings: GroupSurvival) -> Iterator[Estimate]:
    """Number, median and survival at each of the months of some people; empty where they were not followed so far."""
    label, counts = label_of(people, subgroup), people.counts()
    curve = curve_of(people)
    median = curve.median()
    method = "Kaplan-Meier, log-log interval"
    yield Estimate(
        "group_survival", label, term, "", "n", float(people.frame.height), method="count", counts=counts
    )
    yield Estimate(
        "group_survival",
        label,
        term,
        "",
        "median_months",
        median.estimate,
        median.lower,
        median.upper,
        method=method,
        counts=counts,
    )
    for row in curve.at(settings.at_months).iter_rows(named=True):
        yield Estimate(
            "group_survival",
            label,
            term,
            f"at {row['time']:g} months",
            "survival_probability",
            row["survival"],
            row["lower"],
            row["upper"],
            method=method,
            counts=counts,
        )


def differences(
    people: AnalysisSet, term: str, groups: dict[str, AnalysisSet], settings: GroupSurvival
) -> Iterator[Estimate]:
    """Each ordered level less the one before it: an ordering holds where every difference is above zero.

    A level that nobody has leaves the difference empty: an ordering that cannot be told is no mistake.
    """
    label = label_of(people, ALL)
    for shorter, longer in pairwise(settings.order.get(term, ())):
        both = [groups[level] for level in (longer, shorter) if level in groups]
        medians = [curve_of(group).median() for group in both]
        difference, low, high = difference_of(*medians) if len(medians) == 2 else (None, None, None)
        contrast = f"{longer} minus {shorter}"
        yield Estimate(
            "group_survival",
            label,
            term,
            contrast,
            "median_difference_months",
            difference,
            low,
            high,
            method="difference of Kaplan-Meier medians, interval from those of the two",
            counts=Counts(sum(group.frame.height for group in both)),
        )
        if len(both) == 2:
            yield from survival_differences(people, term, (longer, shorter), settings.at_months)


def difference_of(first: Quantile, second: Quantile) -> tuple[float | None, float | None, float | None]:
    """First median less the second, with the interval that their own intervals give; None for what is not reached.

    References
    ----------
    Zou GY, Donner A. Construction of confidence limits about effect measures: a general approach. Stat Med
    2008;27:1693-1702.
    """
    one, other = first.estimate, second.estimate
    if one is None or other is None:
        return None, None, None
    difference = one - other

    def limit(of_one: float | None, of_other: float | None, side: int) -> float | None:
        if of_one is None or of_other is None:
            return None
        return difference + side * math.hypot(one - of_one, other - of_other)

    return difference, limit(first.lower, second.upper, -1), limit(first.upper, second.lower, 1)


def survival_differences(
    people: AnalysisSet, term: str, levels: tuple[str, str], months: tuple[float, ...]
) -> Iterator[Estimate]:
    """Survival of the first level less that of the second, at the months that both were followed to."""
    both = people.where(people.frame[f"cov_{term}"].is_in(levels).fill_null(False).to_numpy())
    first, ones = (both.frame[f"cov_{term}"] == levels[0]).to_numpy(), np.ones(both.frame.height)
    level = people.study.confidence_level
    curves = weighted_curves(both.time, both.event, first, ones, entry=both.entry, level=level)
    for month in months:
        try:
            effect = curves.survival_difference(month)
        except CodingError:  # beyond the curves
            continue
        yield estimate_of(
            effect,
            "group_survival",
            label_of(people, ALL),
            term,
            f"{levels[0]} minus {levels[1]}, at {month:g} months",
            estimand="association",
            method="difference of Kaplan-Meier survival, robust variance, not adjusted",
        )
