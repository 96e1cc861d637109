"""One pool of published estimates: which rows, read how, and what comes of pooling them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.cohorts.catalog import study_in_use
from pipelines.errors import InputError
from pipelines.stats.errors import StatsError
from pipelines.stats.pooling import (
    Overlap,
    Pooled,
    StudyEstimate,
    check_study,
    egger,
    find_overlaps,
    leave_one_out,
    log_effects,
    pool_studies,
)
from pipelines.studies.evidence.tables import EvidenceRow, load_rows
from pipelines.studies.language.evidence import EvidenceDefinition, EvidencePool
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes

INTERVALS = {
    "hartung_knapp": "hartung_knapp",
    "prediction": "prediction_t_k_minus_1",
    "prediction_hartung_knapp": "prediction_hartung_knapp",
}
"""Words of the language that name an interval; the others name the variance between studies, with Wald's interval."""
BETWEEN_WORDS = {
    "fixed": "one effect for all studies",
    "dersimonian_laird": "DerSimonian and Laird",
    "reml": "REML",
    "paule_mandel": "Paule and Mandel",
}
FAILED = {
    "interval_symmetric": "interval_not_symmetric",
    "p_value_agrees": "p_value_disagrees",
    "deaths_within_people": "more_deaths_than_people",
}
"""What a check of the statistics is called where it fails."""
SAID = {
    "assumed_membership": "No source says which studies {review} pooled: this set is an assumption, and a pool that "
    "agrees does not show that the sets are the same.",
    "not_verified": "Ratios from memory, which may inform and never decide: {names}.",
    "reading": "{name} is read otherwise than printed: {words}",
    "left_out_for_overlap": "Left out, because others that are kept may hold the same people: {names}.",
}


@dataclass(frozen=True)
class PoolSet:
    """The studies of a pool as they go into it.

    Attributes
    ----------
    pool : EvidencePool
    rows : tuple of EvidenceRow
        As read, other readings done.
    left_out : tuple of EvidenceRow
        Because others that are kept may hold the same people.
    overlaps : tuple of Overlap
        Pairs that may share people and stay.
    """

    pool: EvidencePool
    rows: tuple[EvidenceRow, ...]
    left_out: tuple[EvidenceRow, ...]
    overlaps: tuple[Overlap, ...]

    @property
    def studies(self) -> list[StudyEstimate]:
        """As the statistics take them."""
        return [one.study() for one in self.rows]


def pool_set(pool: EvidencePool, definition: EvidenceDefinition, catalog_dir: Path) -> PoolSet:
    """Choose and read the rows of a pool.

    Raises
    ------
    InputError
        A row, a column of membership or a reading that its tables do not have; a row without ratio or interval; fewer
        than two studies.
    """
    there = [one for table in pool.tables for one in load_rows(table, catalog_dir)]
    where = f"{study_in_use(definition.id)}, pool {pool.name}"
    refuse_strangers(pool, there, where)
    chosen = members(pool, there)
    if len(chosen) < 2:
        raise InputError(f"Pool {pool.name} has fewer than two studies with ratio and interval", where=where)
    readings = {one.row: one for one in pool.readings}
    read = [one.read_as(readings.get(one.row)) for one in chosen]
    kept = read if pool.overlap == "flag" else largest(read, definition.shared_sources)
    overlaps = find_overlaps([one.study() for one in kept], shared=definition.shared_sources)
    left_out = tuple(one for one in read if one not in kept)
    return PoolSet(pool, tuple(kept), left_out, overlaps)


def refuse_strangers(pool: EvidencePool, there: Sequence[EvidenceRow], where: str) -> None:
    """Refuse names that the tables of the pool do not have.

    Raises
    ------
    InputError
        All of them at once.
    """
    known = {one.row: one for one in there}
    named = dict.fromkeys((*pool.rows, *pool.without, *(one.row for one in pool.readings)))
    mistakes = [f"there is no row {name}" for name in named if name not in known]
    mistakes += [
        f"row {name} has no ratio with an interval"
        for name in pool.rows
        if name in known and not known[name].usable
    ]
    if pool.members and not any(pool.members in (one.model_extra or {}) for one in there):
        mistakes.append(f"there is no column {pool.members}")
    if mistakes:
        raise InputError(
            f"Pool {pool.name}: {'; '.join(mistakes)} in {', '.join(pool.tables)}",
            where=where,
            remedy="The tables are in catalog/evidence.",
        )


def members(pool: EvidencePool, there: Sequence[EvidenceRow]) -> list[EvidenceRow]:
    """Rows of the pool, in the order it names them or else of its tables."""
    if pool.rows:
        by_name = {one.row: one for one in there}
        return [by_name[name] for name in pool.rows]
    usable = [one for one in there if one.usable and one.row not in pool.without]
    return [one for one in usable if pool.members is None or one.says(pool.members)]


def largest(rows: Sequence[EvidenceRow], shared: Sequence[tuple[str, str]]) -> list[EvidenceRow]:
    """Of the sets of studies that share nobody the one with the most people, those of verified ratios first.

    Not the largest study first: one of many years would put out several that share a few of its years each, and with
    them more people than it has.
    """
    clashes: dict[str, set[str]] = {one.row: set() for one in rows}
    for pair in find_overlaps([replace(one.study(), label=one.row) for one in rows], shared=shared):
        clashes[pair.first].add(pair.second)
        clashes[pair.second].add(pair.first)
    kept = most_people(sorted(rows, key=lambda one: one.row), clashes)
    return [row for row in rows if row in kept]


def most_people(rows: list[EvidenceRow], clashes: dict[str, set[str]]) -> list[EvidenceRow]:
    """The set without a clash that holds the most people; of equal ones the one that keeps the earlier names."""
    if not rows:
        return []
    first, *rest = rows
    beside = [one for one in rest if one.row not in clashes[first.row]]
    kept = [first, *most_people(beside, clashes)]
    return kept if beside == rest else max(kept, most_people(rest, clashes), key=people_held)


def people_held(rows: Sequence[EvidenceRow]) -> tuple[int, int]:
    """People of the studies whose ratio is verified, and of all."""
    verified = [one for one in rows if one.verification != "memory"]
    return sum(one.people or 0 for one in verified), sum(one.people or 0 for one in rows)


def pooled(chosen: PoolSet, definition: EvidenceDefinition, review: str) -> Outcomes:
    """Every estimate of a pool, and what a reader has to know of it."""
    studies, name = chosen.studies, chosen.pool.name
    estimates = tuple(one_estimate(chosen, method, definition) for method in chosen.pool.methods)
    found = Outcomes(estimates, (*about_the_set(chosen, review), *about_the_pool(chosen, definition)))
    if len(studies) < 3:
        return found
    y, v, labels, measure = log_effects(studies)
    left_out = leave_one_out(
        y, v, method=chosen.pool.between, level=definition.confidence_level, measure=measure, labels=labels
    ).select(pl.lit(name).alias("pool"), pl.all())
    strongest = left_out.sort(pl.col("log_shift").abs(), descending=True).row(0, named=True)
    message = (
        f"Without {strongest['left_out']} the pooled ratio is {strongest['estimate']:.2f} "
        f"({strongest['ci_low']:.2f} to {strongest['ci_high']:.2f}): no other study moves it more."
    )
    moved = Finding("leave_one_out", name, "strongest_study", "info", message, strongest["log_shift"])
    return found + Outcomes(findings=(moved, asymmetry(y, v, name)), tables=(("leave_one_out", left_out),))


def fit(chosen: PoolSet, between: str, definition: EvidenceDefinition) -> Pooled:
    """Pool the set with one estimator of the variance between studies."""
    return pool_studies(
        chosen.studies, method=between, level=definition.confidence_level, shared=definition.shared_sources
    )


def one_estimate(chosen: PoolSet, method: str, definition: EvidenceDefinition) -> Estimate:
    """The estimate ``pooled_<method>``; its interval is empty where the method has none for so few studies."""
    between = chosen.pool.between if method in INTERVALS else method
    result = fit(chosen, between, definition)
    kind = INTERVALS.get(method, "wald")
    interval = next((one for one in result.intervals if one.kind == kind), None)
    words = f"{BETWEEN_WORDS[between]}, {len(chosen.rows)} studies, {kind.replace('_', ' ')} interval"
    return Estimate(
        analysis=f"pooled_{method}",
        subgroup=chosen.pool.name,
        term=definition.exposure,
        contrast=definition.contrast,
        measure="hr",
        estimate=float(np.exp(result.log_estimate)),
        ci_low=float(np.exp(interval.low)) if interval else None,
        ci_high=float(np.exp(interval.high)) if interval else None,
        p_value=interval.p_value if interval else None,
        counts=people_of(chosen),
        estimand=result.estimand,
        effect_type=result.effect_type,
        method=words,
    )


def people_of(chosen: PoolSet) -> Counts:
    """Everybody in the pool, and the exposed: only where each study says so, for a sum of some misleads."""
    people = [one.people for one in chosen.rows]
    exposed = [one.n_surgery for one in chosen.rows]
    return Counts(
        sum(one for one in people if one is not None) if None not in people else None,
        sum(one for one in exposed if one is not None) if None not in exposed else None,
    )


def about_the_set(chosen: PoolSet, review: str) -> list[Finding]:
    """What is assumed, unverified, read otherwise, left out, shared or impossible among the studies."""
    name = chosen.pool.name
    findings = [said(name, "assumed_membership", "warning", review=review)] if chosen.pool.assumed else []
    memory = [one.name for one in chosen.rows if one.verification == "memory"]
    if memory:
        findings.append(said(name, "not_verified", "warning", names=", ".join(memory)))
    by_row = {one.row: one.name for one in chosen.rows}
    findings += [
        said(name, "reading", "warning", name=by_row.get(one.row, one.row), words=one.words)
        for one in chosen.pool.readings
    ]
    if chosen.left_out:
        names = ", ".join(one.name for one in chosen.left_out)
        findings.append(said(name, "left_out_for_overlap", "info", names=names))
    findings += [Finding("pooled", name, "overlap", "warning", str(one)) for one in chosen.overlaps]
    findings += [
        Finding("pooled", name, FAILED[check.check], "warning", f"{check.label}: {check.finding}.")
        for row in chosen.rows
        if not row.ours  # its figures are computed, and not rounded as printed ones are
        for check in check_study(row.study())
        if check.passed is False
    ]
    return findings


def said(pool: str, check: str, status: str, **words: str) -> Finding:
    """A finding in the words of `SAID`."""
    return Finding("pooled", pool, check, status, SAID[check].format(**words))


def about_the_pool(chosen: PoolSet, definition: EvidenceDefinition) -> list[Finding]:
    """Number of studies and how much they disagree."""
    name = chosen.pool.name
    result = fit(chosen, chosen.pool.between, definition)
    words = BETWEEN_WORDS[chosen.pool.between]
    low, high = result.i_squared_ci
    return [
        Finding("pooled", name, "studies", "info", "Studies in the pool.", len(chosen.rows), unit="studies"),
        Finding(
            "pooled",
            name,
            "i_squared",
            "info",
            f"Percent of the spread that is between studies ({words}; interval {low:.0f} to {high:.0f}); "
            f"from Cochran's Q {result.i_squared_from_q:.0f}.",
            result.i_squared,
        ),
        Finding(
            "pooled",
            name,
            "tau2",
            "info",
            f"Variance between studies on the log scale ({words}).",
            result.tau2,
        ),
        Finding(
            "pooled", name, "q_p", "info", "Cochran's test that all studies have one effect.", result.q_p
        ),
    ]


def asymmetry(y: np.ndarray, v: np.ndarray, pool: str) -> Finding:
    """Egger's test, or why it cannot be done."""
    try:
        test = egger(y, v)
    except StatsError as error:
        return Finding("egger", pool, "small_studies", "absent", error.without_count)
    message = " ".join(("Egger's test that small studies show another effect than large ones.", *test.notes))
    return Finding("egger", pool, "small_studies", "info", message, test.p_value)


def with_site(chosen: PoolSet, site: EvidenceRow, shared: Sequence[tuple[str, str]]) -> PoolSet:
    """The pool with the site's estimate, without the studies that may hold the site's people."""
    study = site.study()
    kept = [one for one in chosen.rows if not find_overlaps([study, one.study()], shared=shared)]
    pool = chosen.pool.model_copy(update={"name": f"{chosen.pool.name}_with_site", "readings": ()})
    left_out = tuple(one for one in chosen.rows if one not in kept)
    overlaps = find_overlaps([one.study() for one in kept], shared=shared)
    return replace(chosen, pool=pool, rows=(*kept, site), left_out=left_out, overlaps=overlaps)
