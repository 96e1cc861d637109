"""What the people are like: Table 1, who is exposed, Kaplan-Meier medians beside medians of observed time."""

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats.kaplan_meier import kaplan_meier, naive_median
from pipelines.stats.kaplan_meier.logrank import logrank
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.language import ALL, Covariate
from pipelines.studies.results import Estimate, Finding, Outcomes

FULL, MATCHED = "full", "matched"


def arms_of(people: AnalysisSet) -> list[tuple[str, AnalysisSet]]:
    """Every arm with its label, exposed first, reference last."""
    arms = people.frame["arm"]
    return [(label, people.where((arms == label).to_numpy())) for label in people.labels]


def label_of(people: AnalysisSet, part: str) -> str:
    """Subgroup of an estimate about a part of these people, such as an arm."""
    if people.subgroup == ALL:
        return part
    return people.subgroup if part == ALL else f"{people.subgroup}, {part}"


def table_one(people: AnalysisSet) -> Outcomes:
    """Counts and percentages of every level by arm; mean and standard deviation of continuous covariates.

    A missing value keeps its reason here: unknown, not collected and withheld are separate levels.
    """
    groups = [(ALL, people), *arms_of(people)]
    total = people.frame.height
    rows: list[Estimate] = [
        Estimate("table_one", ALL, "", "", "n", float(total), method="count", counts=people.counts())
    ]
    for label, group in groups[1:]:
        for measure, value in (("n", group.frame.height), ("percent", 100 * group.frame.height / total)):
            rows.append(
                Estimate(
                    "table_one",
                    ALL,
                    people.study.exposure,
                    label,
                    measure,
                    float(value),
                    method="count",
                    counts=people.counts(),
                )
            )
    tables = [describe(one, label, group) for one in people.study.covariates for label, group in groups]
    if not tables:  # a study without covariates has its arms alone
        return Outcomes(tuple(rows))
    table = pl.concat(tables)
    return Outcomes(
        estimates=(*rows, *percentages(table, dict(groups))),
        tables=(("table_one", table),),
    )


def describe(one: Covariate, label: str, group: AnalysisSet) -> pl.DataFrame:
    """Rows of Table 1 of one covariate in one group."""
    raw = group.frame[f"raw_{one.name}"]
    schema = {
        "variable": pl.String,
        "words": pl.String,
        "level": pl.String,
        "arm": pl.String,
        "n": pl.Int64,
        "percent": pl.Float64,
        "mean": pl.Float64,
        "sd": pl.Float64,
    }
    total = group.frame.height
    if one.kind == "continuous":
        known = np.sort(raw.drop_nulls().to_numpy())  # one order of summing, whatever the order of the rows
        mean = float(known.mean()) if len(known) else None
        sd = float(known.std(ddof=1)) if len(known) > 1 else None
        rows = [
            (one.name, one.words, "", label, len(known), 100 * len(known) / total, mean, sd),
            (
                one.name,
                one.words,
                "missing",
                label,
                total - len(known),
                100 - 100 * len(known) / total,
                None,
                None,
            ),
        ]
    else:
        levels = (raw.replace(one.groups) if one.groups else raw).fill_null("missing")
        counted = dict(levels.value_counts().iter_rows())
        named = [level for level in one.known_levels if level in counted]
        rows = [
            (one.name, one.words, level, label, counted[level], 100 * counted[level] / total, None, None)
            for level in [*named, *sorted(set(counted) - set(named))]
        ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def percentages(table: pl.DataFrame, groups: dict[str, AnalysisSet]) -> list[Estimate]:
    """Percentages of Table 1 as estimates, so that published ones can be joined to them."""
    counts = {label: group.counts() for label, group in groups.items()}
    return [
        Estimate(
            "table_one",
            row["arm"],
            row["variable"],
            row["level"],
            "percent",
            row["percent"],
            method="count",
            counts=counts[row["arm"]],
        )
        for row in table.iter_rows(named=True)
        if row["level"]
    ]


def exposed_share(people: AnalysisSet) -> Outcomes:
    """Percent of each arm but the reference in every level of the categorical covariates (``era=1988-1998``)."""
    rows = []
    for one in people.study.covariates:
        if one.kind == "continuous":
            continue
        column = people.frame[f"cov_{one.name}"]
        for level in sorted(set(column.drop_nulls().to_list())):
            group = people.where((column == level).fill_null(False).to_numpy())
            for label in people.labels[:-1]:
                inside = int((group.frame["arm"] == label).sum())
                rows.append(
                    Estimate(
                        "exposed_share",
                        f"{one.name}={level}",
                        people.study.exposure,
                        label,
                        "percent",
                        100 * inside / group.frame.height,
                        method="count",
                        counts=replace(group.counts(), n_exposed=inside),
                    )
                )
    return Outcomes(estimates=tuple(rows))


def survival_by_arm(
    people: AnalysisSet,
    *,
    analysis: str = "km",
    which: str = FULL,
    sets: NDArray[np.int64] | None = None,
) -> Outcomes:
    """Kaplan-Meier median with its log-log interval and the median of observed time, by arm and over all.

    ``sets`` are the matched sets of the people, who are not independent within one: the log-rank test is robust then.

    The median of observed time counts the living as if they had died when last seen. It is no survival
    estimate; it stands here because papers have printed it under that name.
    """
    rows: list[Estimate] = []
    curves = []
    for label, group in [*arms_of(people), (ALL, people)]:
        curve = next(
            iter(
                kaplan_meier(
                    group.time,
                    group.event,
                    entry=group.entry,
                    ci="log-log",
                    level=people.study.confidence_level,
                )
            )
        )
        median = curve.median()
        term, counts = people.study.exposure, group.counts()
        rows += [
            Estimate(
                analysis,
                label_of(people, label),
                term,
                "",
                "median_months",
                median.estimate,
                median.lower,
                median.upper,
                estimand=f"{which}_set",
                effect_type="marginal",
                method="Kaplan-Meier, log-log interval",
                counts=counts,
            ),
            Estimate(
                analysis,
                label_of(people, label),
                term,
                "",
                "naive_median_months",
                naive_median(group.time),
                estimand=f"{which}_set",
                method="median of observed time, dead and living alike",
                counts=counts,
            ),
        ]
        if label != ALL and people.subgroup == ALL:
            columns = ["time", "n_risk", "n_event", "n_censor", "survival", "lower", "upper"]
            frame = curve.to_frame().select(columns)
            curves.append(frame.select(pl.lit(label).alias("arm"), *columns, pl.lit(which).alias("set")))
    drawn = (("km_curves", pl.concat(curves)),) if curves else ()
    return Outcomes(estimates=tuple(rows), tables=drawn) + logrank_test(people, analysis, sets)


def logrank_test(people: AnalysisSet, analysis: str, sets: NDArray[np.int64] | None = None) -> Outcomes:
    """Log-rank test of the arms, as a finding beside the curves."""
    arms = people.frame["arm"].to_numpy()
    test = logrank(people.time, people.event, arms, entry=people.entry, cluster=sets)
    robust = "" if sets is None else ", clustered by matched set"
    message = (
        f"log-rank chi-square {test.statistic:.4g} on {test.df} degree of freedom{robust}; the value is its p"
    )
    return Outcomes(
        findings=(Finding(analysis, people.subgroup, "logrank_p", "info", message, value=test.p_value),)
    )


def vital_status_medians(people: AnalysisSet) -> Outcomes:
    """Median of observed time among the dead and among the living of each arm: not survival estimates."""
    rows = []
    for label, group in arms_of(people):
        for words, keep in (("alive", ~group.event), ("dead", group.event)):
            inside = group.where(keep)
            value = naive_median(inside.time) if inside.frame.height else None
            rows.append(
                Estimate(
                    "vital_status_median",
                    f"{label}, {words}",
                    people.study.exposure,
                    "",
                    "naive_median_months",
                    value,
                    method="median of observed time within vital status",
                    counts=inside.counts(),
                )
            )
    return Outcomes(estimates=tuple(rows))
