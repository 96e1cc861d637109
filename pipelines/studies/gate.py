"""Diagnostics first: what an analysis must show of itself before its estimate of the exposure's effect is shown.

Rules of thumb for the limits: standardised mean differences under 0.1 (Austin PC. Stat Med 2009;28:3083-3107), and
under 0.05 for what predicts death strongly; everything else in `GateLimits`. That hazards are not proportional never
hides an estimate: at the size of a registry the test nearly always rejects.
"""

from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Any, NamedTuple

import polars as pl

from pipelines.stats.errors import StatsError
from pipelines.stats.propensity import fit_propensity, overlap
from pipelines.store.withheld import KEY
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import build_design, complete_cases
from pipelines.studies.language import ALL, ANALYSES, AnalysisFacts, Covariate, StudyDefinition
from pipelines.studies.results import LARGEST_SMD, LARGEST_SMD_STRONG, Estimate, Finding, Outcomes

RULE = (
    "Every estimate of the exposure's effect is hidden until the gate of the primary analysis passes; an analysis "
    "whose own gate fails is hidden alone. What each arm is and how it fares, with nothing adjusted (Table 1, its "
    "Kaplan-Meier curve, survival and shares), is shown in any case: it describes, and its difference is no effect."
)
RECORD = (
    "estimates.csv, comparison.csv and the tables beside them are the record and complete; pages, terminal, diff and "
    "warehouse leave out what hidden.csv lists, unless the gate is off or signature.json is valid"
)
DESIGN_OF = {"rosenbaum": "matched_cox", "matching_grid": "matched_cox", "weighted_survival": "weighted_cox"}
"""Analyses that make no design of their own: they are as balanced as the one they rest on."""
OWN_MODEL = AnalysisFacts("a Cox model of the study's own", gate="overlap")
BESIDE = {
    "attrition": AnalysisFacts("who left the cohort, and why", survival=False),
    "interaction": AnalysisFacts("whether the effect differs between subgroups", gate="events"),
}
OF_INTERACTION = ("cox_adjusted", "cox_unadjusted")
"""Whose ratio a test of interaction is, where it is not that of the primary analysis."""
OF_ONE_ARM = ("survival_probability", "rmst_months", "median_months", "percent")
"""Measures that describe an arm."""
OF_THE_TRIAL = ("trial_agreement", "trial")
"""The published ratio that ours is set beside."""
SIMULATED = "bias"
"""Estimand of what estimators find where the truth is drawn."""
GATE_SCHEMA = {
    "check": pl.String,
    "analysis": pl.String,
    "subgroup": pl.String,
    "variant": pl.String,
    "value": pl.Float64,
    "threshold": pl.Float64,
    "status": pl.String,
    "note": pl.String,
}


class GateRow(NamedTuple):
    """One check of one analysis (row of ``gate.csv``); ``variant`` is whose people they are."""

    check: str
    analysis: str
    subgroup: str
    variant: str
    value: float | None
    threshold: float
    status: str
    note: str = ""


class Named(NamedTuple):
    """What the language knows of an analysis by the name in ``estimates.csv``."""

    word: str
    facts: AnalysisFacts
    model: str
    """Whose covariates tell the arms apart: ``cox``, ``propensity``, or a model of the study's own."""


UNNAMED = Named("", AnalysisFacts("an analysis that the language does not know", gate="events"), "")


def named_analyses(study: StudyDefinition) -> dict[str, Named]:
    """Every analysis that a study may have estimates of, by their name there."""
    found = {word: Named(word, facts, facts.terms) for word, facts in BESIDE.items()}
    found |= {
        name: Named(word, facts, facts.terms)
        for word, facts in ANALYSES.items()
        for name in study.names_of([word])
    }
    return found | {one.name: Named(one.name, OWN_MODEL, one.name) for one in study.models.extra}


def effects_of(
    estimates: Iterable[Estimate], study: StudyDefinition, labels: Iterable[str]
) -> list[Estimate]:
    """The numbers that tell what the exposure does.

    Whatever sets arms against each other, and everything in an analysis with a gate that is not about a covariate. The
    ratios of the covariates, and the odds of being exposed, are no effect of the exposure: they are how a reader
    judges the adjustment, and stay. So does what one arm shows by itself with nothing adjusted (its survival, its
    restricted mean, its share with an outcome), beside its Kaplan-Meier curve, and what is found of a simulated truth.

    Parameters
    ----------
    estimates : iterable of Estimate
    study : StudyDefinition
    labels : iterable of str
        Of the arms.
    """
    names, covariates = named_analyses(study), {one.name for one in study.covariates}
    against = tuple(
        f"{one} {word} {other}" for one, other in permutations(labels, 2) for word in ("vs", "minus")
    )

    def is_effect(one: Estimate) -> bool:
        if one.estimand == SIMULATED or (one.analysis, one.term) == OF_THE_TRIAL:
            return False
        if one.contrast.startswith(against):
            return True
        facts = names.get(one.analysis, UNNAMED).facts
        described = one.measure in OF_ONE_ARM and not facts.terms
        return bool(facts.gate) and one.term not in covariates and not described

    return [one for one in estimates if is_effect(one)]


def judge(people: AnalysisSet, found: Outcomes) -> Outcomes:
    """Judge every effect that some people gave.

    Parameters
    ----------
    people : AnalysisSet
        Those of the variant.
    found : Outcomes
        What its analyses gave: estimates, ``balance`` tables, findings of ``common_support``.

    Returns
    -------
    Outcomes
        Findings about the people's overlap and events, and the table ``gate``.
    """
    study, names = people.study, named_analyses(people.study)
    asked: dict[tuple[str, str], list[Estimate]] = {}
    for one in effects_of(found.estimates, study, people.labels):
        asked.setdefault((one.analysis, one.subgroup), []).append(one)
    models = {
        names[analysis].model for analysis, _ in asked if analysis in names and _overlaps(names[analysis])
    }
    facts = (*support_facts(people, models), *event_facts(people))
    balance = found.table("balance")
    rows = [
        row
        for (analysis, subgroup), estimates in asked.items()
        for row in _rows(
            names.get(analysis, UNNAMED),
            estimates,
            people,
            (*found.findings, *facts),
            balance,
            (analysis, subgroup),
        )
    ]
    return Outcomes(findings=facts, tables=(("gate", pl.DataFrame(rows, schema=GATE_SCHEMA, orient="row")),))


def _overlaps(named: Named) -> bool:
    return named.facts.gate in ("overlap", "balance") and bool(named.model)


def _rows(
    named: Named,
    estimates: list[Estimate],
    people: AnalysisSet,
    findings: tuple[Finding, ...],
    balance: pl.DataFrame | None,
    where: tuple[str, str],
) -> Iterator[GateRow]:
    """The checks that an analysis has to pass: balance, overlap, events, as far as its gate asks."""
    gate, limits = named.facts.gate, people.study.gate
    here = (*where, people.subgroup)
    if gate == "balance":
        own = {one.check: one.value for one in findings if (one.analysis, one.subgroup) == where}
        if LARGEST_SMD in own:  # a cell of a grid, which is a design of its own
            for check, name, limit in (
                ("balance", LARGEST_SMD, limits.smd),
                ("balance_strong", LARGEST_SMD_STRONG, limits.smd_strong),
            ):
                value = own.get(name)
                if value is not None:
                    yield _row(check, here, value, limit, value < limit)
        else:
            yield from _balance_rows(named, people, balance, here)
    if _overlaps(named):
        yield _overlap_row(named, people, findings, here)
    if gate:
        yield _events_row(estimates, findings, limits.min_events, here)


def _row(
    check: str,
    here: tuple[str, str, str],
    value: float | None,
    threshold: float,
    passed: bool,
    note: str = "",
) -> GateRow:
    return GateRow(check, *here, value, threshold, "pass" if passed else "fail", note)


def _balance_rows(
    named: Named, people: AnalysisSet, balance: pl.DataFrame | None, here: tuple[str, str, str]
) -> Iterator[GateRow]:
    """The largest standardised difference that the design left, over strong prognostic factors and over the others."""
    study, limits = people.study, people.study.gate
    table = _design_rows(named, balance, here[0], people.subgroup)
    strong = [one.name for one in study.covariates if one.strong]
    of_strong = pl.col("term").is_in(strong)
    for check, keep, limit in (
        ("balance", ~of_strong, limits.smd),
        ("balance_strong", of_strong, limits.smd_strong),
    ):
        part = table.filter(keep & pl.col("smd_after").is_not_null())
        if part.is_empty():
            if check == "balance" and table.is_empty():
                yield _row(check, here, None, limit, False, "the design gave no table of its balance")
            continue
        worst = part.sort(pl.col("smd_after").abs(), "covariate", descending=[True, False]).row(0, named=True)
        value = abs(worst["smd_after"])
        yield _row(check, here, value, limit, value < limit, f"largest: {worst['covariate']}")


def _design_rows(named: Named, balance: pl.DataFrame | None, analysis: str, subgroup: str) -> pl.DataFrame:
    """Balance of the design that an analysis rests on."""
    empty = pl.DataFrame(schema={"covariate": pl.String, "term": pl.String, "smd_after": pl.Float64})
    if balance is None or "analysis" not in balance.columns:
        return empty
    for name in (analysis, named.word, named.facts.within, DESIGN_OF.get(named.word, "")):
        rows = balance.filter((pl.col("analysis") == name) & (pl.col("subgroup") == subgroup))
        if not rows.is_empty():
            return rows
    return empty


def _overlap_row(
    named: Named, people: AnalysisSet, findings: tuple[Finding, ...], here: tuple[str, str, str]
) -> GateRow:
    """The share of people whose score the other arm reaches."""
    wanted = ((here[0], "common_support"), ("analysis_set", f"common_support_{named.model}"))
    told = {(one.analysis, one.check): one for one in findings if one.subgroup == people.subgroup}
    one = next((told[key] for key in wanted if key in told), None)
    limit = people.study.gate.min_common_support
    if one is None or one.value is None:
        return _row(
            "overlap", here, None, limit, False, one.message if one else "no score tells the arms apart"
        )
    return _row("overlap", here, one.value, limit, one.value >= limit)


def _events_row(
    estimates: list[Estimate], findings: tuple[Finding, ...], limit: int, here: tuple[str, str, str]
) -> GateRow:
    """Events of the analysis, and whether an arm has none."""
    variant, checks = here[2], {"fewest_events", *(f"fewest_events_{_binary(here[0])}",)}
    own = [one for one in findings if one.analysis == here[0] and one.check == "fewest_events"]
    told = own or [
        one
        for one in findings
        if one.analysis == "analysis_set" and one.subgroup == variant and one.check in checks
    ]
    counted = [one.counts.events for one in estimates if one.counts.events is not None]
    if not counted:
        return _row("events", here, None, limit, False, "the analysis does not say how many events it has")
    fewest = min((one.value for one in told if one.value is not None), default=1.0)
    note = "an arm has no event" if fewest < 1 else ""
    return _row("events", here, float(max(counted)), limit, max(counted) >= limit and fewest >= 1, note)


def _binary(analysis: str) -> str:
    """The binary outcome that ``share_<name>``, ``crude_<name>`` or ``logistic_<name>`` is about."""
    return analysis.partition("_")[2]


def support_facts(people: AnalysisSet, models: Iterable[str]) -> tuple[Finding, ...]:
    """How far the arms' propensity scores cover each other, for every model that an effect is adjusted by."""
    study, found, known = people.study, [], {}
    extra = {one.name: one.covariates for one in study.models.extra}
    for model in sorted(models):
        terms = people.covariates(extra[model]) if model in extra else people.terms(model)
        names = tuple(sorted(one.name for one in terms))
        if not names:
            continue
        if names not in known:
            known[names] = _support(people, terms)
        value, message = known[names]
        status = "warning" if value is None else "info"
        check = f"common_support_{model}"
        found.append(Finding("analysis_set", people.subgroup, check, status, message, value))
    return tuple(found)


def _support(people: AnalysisSet, terms: list[Covariate]) -> tuple[float | None, str]:
    words = "share of people whose propensity score the other arm reaches"
    try:
        return common_support(people, terms), words
    except StatsError as error:
        return None, f"{words}: it cannot be told, as {error.what[:1].lower()}{error.what[1:].rstrip('.')}"


def common_support(people: AnalysisSet, terms: list[Covariate]) -> float:
    """Share of people in common support; of several arms each against the last, and the smallest share.

    Raises
    ------
    StatsError
        The score cannot be fitted, as where a covariate tells who is exposed without error.
    """
    shares = []
    for label in people.labels[:-1]:
        arms = people.frame["arm"].is_in([label, people.labels[-1]])
        pair, _ = complete_cases(people.where(arms.to_numpy()), terms, "gate")
        design = build_design(pair, terms, analysis="gate", with_exposure=False, of_exposure=True)
        score = fit_propensity(design.matrix, design.people.exposed, names=design.names).score
        inside = 1 - overlap(score, design.people.exposed).outside_share
        # People of a level that the other arm has nobody of have no score, and are outside.
        shares.append(inside * design.people.frame.height / pair.frame.height)
    return min(shares)


def event_facts(people: AnalysisSet) -> tuple[Finding, ...]:
    """Events of the arm that has the fewest, of the outcome and of every binary one."""
    study, frame = people.study, people.frame
    columns = {} if study.outcome is None else {"fewest_events": "event"}
    if people.subgroup == ALL:
        columns |= {f"fewest_events_{one.name}": f"event_{one.name}" for one in study.binary_outcomes}
    words = "events of the arm that has the fewest"
    return tuple(
        Finding("analysis_set", people.subgroup, check, "info", words, float(fewest), unit="people")
        for check, column in columns.items()
        if column in frame.columns
        for fewest in [min(frame.filter(arm=label)[column].fill_null(False).sum() for label in people.labels)]
    )


def verdict_of(study: StudyDefinition, gate: pl.DataFrame | None) -> dict[str, Any]:
    """The study's gate: that of its primary analysis on everybody.

    Returns
    -------
    dict
        ``status`` (passed, failed; not_needed where the primary analysis gives no effect, with its ``reason``),
        ``primary``, ``failed`` (its checks that failed, with value, threshold and note), ``rule``, and
        ``hidden_alone``: analyses whose own gate fails.
    """
    rows = pl.DataFrame(schema=GATE_SCHEMA) if gate is None else gate
    bad = rows.filter(pl.col("status") == "fail")
    mine = bad.filter((pl.col("analysis") == study.primary) & (pl.col("variant") == ALL))
    of_primary = rows.filter((pl.col("analysis") == study.primary) & (pl.col("variant") == ALL))
    others = bad.join(mine, on=["analysis", "subgroup"], how="anti")
    alone = others.select("analysis", "subgroup").unique(maintain_order=True)
    return {
        "status": "failed" if mine.height else "passed" if of_primary.height else "not_needed",
        "reason": "" if of_primary.height else f"{study.primary} is no estimate of the exposure's effect",
        "primary": study.primary,
        "failed": mine.select("check", "value", "threshold", "note").unique(maintain_order=True).to_dicts(),
        "hidden_alone": alone.to_dicts(),
        "rule": RULE,
    }


def hidden_by(
    verdict: dict[str, Any],
    estimates: Iterable[Estimate],
    study: StudyDefinition,
    labels: Iterable[str],
) -> pl.DataFrame:
    """Keys of the effects that the gate hides: all where the primary's failed, else those whose own did.

    What is said about other estimates (an E-value, the agreement with a trial, whether levels differ) is hidden with
    any of them.
    """
    effects = effects_of(estimates, study, labels)
    if verdict["status"] != "failed":
        bad = {(one["analysis"], one["subgroup"]) for one in verdict["hidden_alone"]}
        effects = [one for one in effects if {(one.analysis, one.subgroup), *rests_on(study, one)} & bad]
    keys = list(dict.fromkeys(one.key for one in effects))
    return pl.DataFrame(keys, schema=dict.fromkeys(KEY, pl.String), orient="row")


def rests_on(study: StudyDefinition, one: Estimate) -> set[tuple[str, str]]:
    """The analyses, with their subgroups, whose estimates another one is about; none where it is about none.

    A test of interaction is a ratio of the levels' estimates: with it and one level the other can be told.
    """
    if one.analysis == "trial_agreement" and study.emulation:
        return {(study.emulation.analysis, ALL)}
    if one.analysis != "interaction":
        return set()
    before, _, name = one.subgroup.rpartition(", ")
    levels = [group.label(level) for group in study.subgroups if group.name == name for level in group.levels]
    return {
        (analysis, f"{before}, {level}" if before else level)
        for analysis in (study.primary, *OF_INTERACTION)
        for level in levels
    }
