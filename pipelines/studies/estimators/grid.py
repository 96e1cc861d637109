"""The matched estimate under other choices: every ratio and caliper, and a bias that nobody measured."""

from itertools import product

import numpy as np
import polars as pl

from pipelines.stats.balance import balance
from pipelines.stats.effect import Effect
from pipelines.stats.errors import StatsError
from pipelines.stats.matching import Matches
from pipelines.stats.matching import matched_cox as matched_effect
from pipelines.stats.sensitivity import RosenbaumBounds, rosenbaum_survival
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Design, build_design
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.estimators.matched import SMD_LIMIT, in_words, pairs_of, scores_of, terms_of
from pipelines.studies.estimators.models import matrix_of_levels, post_baseline
from pipelines.studies.estimators.rows import estimate_of, require_no_entry
from pipelines.studies.language import Matching
from pipelines.studies.results import LARGEST_SMD, LARGEST_SMD_STRONG, Counts, Estimate, Finding, Outcomes

GRID, ROSENBAUM = "matching_grid", "rosenbaum"
GAMMAS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 2.5, 3.0)


def matching_grid(people: AnalysisSet) -> Outcomes:
    """The matched hazard ratio for every ratio and caliper of the definition: what the choice of one is worth.

    `pipelines.stats.sensitivity.specification_curve` does the like for whole designs; here the reason of a cell
    that fails must not hold a count of people.
    """
    terms = terms_of(people)
    design = build_design(people, terms, analysis=GRID, with_exposure=False, of_exposure=True)
    scores = scores_of(design, people.study.matching)
    found = Outcomes(findings=(*design.findings, *post_baseline(GRID, people.subgroup, terms)))
    for rule in rules_of(people.study.matching):
        label = label_of(people, cell_words(rule))
        try:
            matches = pairs_of(design.people, rule, scores)
            found += one_cell(design, matches, rule, label)
        except StatsError as error:
            reason = Finding(GRID, label, "not_fitted", "absent", error.without_count)
            found += Outcomes(findings=(reason,))
    return found


def rules_of(rule: Matching) -> list[Matching]:
    """The study's own rule among those with every ratio and caliper; exact pairs have no caliper."""
    ratios = sorted({rule.ratio, *rule.grid_ratios})
    widths = sorted({*rule.grid_calipers, *([rule.caliper] if rule.caliper else [])})
    calipers: list[float | None] = [None] if rule.method == "exact" else [*widths]
    if rule.method != "exact" and rule.caliper is None:
        calipers.append(None)
    return [
        rule.model_copy(update={"ratio": ratio, "caliper": caliper})
        for ratio, caliper in product(ratios, calipers)
    ]


def cell_words(rule: Matching) -> str:
    """``1:2, caliper 0.1``: controls of one exposed person, standard deviations of the logit."""
    return f"1:{rule.ratio}, " + ("no caliper" if rule.caliper is None else f"caliper {rule.caliper:g}")


def one_cell(design: Design, matches: Matches, rule: Matching, label: str) -> Outcomes:
    """Hazard ratio, balance and exposed without a match under one rule."""
    people, study = design.people, design.people.study
    effect: Effect = matched_effect(
        matches,
        people.time,
        people.event,
        entry=people.entry,
        ties=study.models.ties,
        level=study.confidence_level,
    )
    matrix, labels = matrix_of_levels(people, terms_of(people))
    names = [f"{term}={level}" if level else term for term, level in labels]
    matched = balance(matrix, people.exposed, weights=matches.weights(), names=names)
    worst = matched.largest_smd()
    words = "largest absolute standardized mean difference after matching"
    status = "ok" if worst < SMD_LIMIT else "warning"
    strong = {one.name for one in study.covariates if one.strong}
    of_strong = np.array([term in strong for term, _ in labels])
    smds = np.abs((matched.after or matched.before).smd[of_strong])
    words_strong = f"{words}, of strong prognostic factors"
    strongest = [float(smds.max())] if of_strong.any() else []
    unmatched = float(matches.n_treated - matches.n_matched_treated)
    findings = (
        Finding(GRID, label, LARGEST_SMD, status, words, worst, SMD_LIMIT),
        *(Finding(GRID, label, LARGEST_SMD_STRONG, "info", words_strong, one) for one in strongest),
        Finding(
            GRID,
            label,
            "exposed_unmatched",
            "info",
            "exposed without a match: not in the estimand",
            unmatched,
            unit="people",
        ),
    )
    return Outcomes((estimate_of(effect, GRID, label, study.exposure, people.contrast),), findings)


def rosenbaum(people: AnalysisSet) -> Outcomes:
    """How strong a bias between the members of a pair would have to be to explain who died first.

    One-to-one pairs by the study's rule; of each pair in which it is known, who died first (exact sign test, one
    side, 0.05). The estimate is the largest gamma at which the test still rejects, 1 where it never does.

    Raises
    ------
    CodingError
        The outcome has delayed entry: who died first is then not the question of a sign test.

    References
    ----------
    Rosenbaum PR. Observational studies. 2nd ed. Springer 2002.
    """
    require_no_entry(people, "Rosenbaum's sign test of pairs")
    rule = people.study.matching.model_copy(update={"ratio": 1})
    design = build_design(people, terms_of(people), analysis=ROSENBAUM, with_exposure=False, of_exposure=True)
    inside = design.people
    matches = pairs_of(inside, rule, scores_of(design, rule))
    bounds = bounds_of(inside, matches)
    estimand = "att" if matches.n_matched_treated == matches.n_treated else "matched_set"
    longer = "longer" if bounds.alternative == "fewer" else "shorter"
    row = Estimate(
        ROSENBAUM,
        people.subgroup,
        people.study.exposure,
        inside.contrast,
        "gamma",
        bounds.critical_gamma or 1.0,
        counts=pair_counts(inside, matches),
        estimand=estimand,
        effect_type="conditional",
        method=f"{in_words(rule)}; sign test of who died first, the exposed living {longer}, one-sided 0.05",
    )
    table = bounds.to_frame().select(
        pl.lit(ROSENBAUM).alias("analysis"),
        pl.lit(people.subgroup).alias("subgroup"),
        "gamma",
        "p_low",
        "p_high",
        "alternative",
        "alpha",
    )
    return Outcomes((row,), design.findings, ((ROSENBAUM, table),))


def bounds_of(inside: AnalysisSet, matches: Matches) -> RosenbaumBounds:
    """Bounds of the test on the side on which the exposed fare better, or worse."""
    first, second = matches.treated_index, matches.control_index

    def on(side: str) -> RosenbaumBounds:
        return rosenbaum_survival(
            inside.time[first],
            inside.event[first],
            inside.time[second],
            inside.event[second],
            gamma=GAMMAS,
            alternative=side,
        )

    longer, shorter = on("fewer"), on("more")
    return longer if longer.p_high[0] <= shorter.p_high[0] else shorter


def pair_counts(inside: AnalysisSet, matches: Matches) -> Counts:
    """People of the pairs."""
    return inside.taken(np.concatenate([matches.treated_index, matches.control_index])).counts()
