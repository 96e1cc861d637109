"""Propensity-matched analyses: pairs, balance, and the Cox model of the matched set."""

from urllib.parse import quote

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.stats.balance import balance
from pipelines.stats.cox import fit_cox
from pipelines.stats.errors import StatsError
from pipelines.stats.matching import Matches, adjusted_matched_cox, match_nearest, match_optimal
from pipelines.stats.propensity import Propensity, fit_propensity
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import Column, Design, build_design
from pipelines.studies.estimators.describe import MATCHED, survival_by_arm
from pipelines.studies.estimators.models import few_events, hazard_ratios, matrix_of_levels, post_baseline
from pipelines.studies.language import ALL, Covariate, Matching
from pipelines.studies.results import Counts, Estimate, Finding, Outcomes

LOGIT_DIGITS = 9
SMD_LIMIT = 0.1
BINS = 20
PAIRS = "matched_pairs"
"""File stem of the pairs of the published set; another set adds its label."""


def matched(people: AnalysisSet) -> Outcomes:
    """Match on the propensity score, then every matched analysis that the study asks for."""
    study, rule, subgroup = people.study, people.study.matching, people.subgroup
    terms = terms_of(people)
    design = build_design(people, terms, analysis="matched_cox", with_exposure=False, of_exposure=True)
    everybody = design.people
    scores = scores_of(design, rule)
    matches = pairs_of(everybody, rule, scores)
    rows, pair = matches.rows()
    weights = np.zeros(everybody.frame.height)
    weights[rows] = weights_in_sets(everybody.exposed[rows], pair)
    inside = everybody.taken(rows)
    found = Outcomes(
        findings=(*design.findings, *post_baseline("matched_cox", subgroup, terms)),
        tables=((pairs_name(subgroup), pairs_table(inside, pair, matches)),),
    )
    if scores is not None:
        found += Outcomes(tables=(("propensity", histogram(everybody, scores, rows, subgroup)),))
    found += balance_of(everybody, terms, weights, subgroup) + matching_facts(matches, scores, subgroup)
    found += matched_cox(inside, pair, matches, subgroup) + adjusted_in_sets(design, matches, subgroup)
    if "stratified_cox" in study.analyses:
        found += stratified_cox(inside, pair, subgroup)
    if "matched_km" in study.analyses and subgroup == ALL:
        found += survival_by_arm(inside, analysis="matched_km", which=MATCHED, sets=pair)
    return found


def terms_of(people: AnalysisSet) -> list[Covariate]:
    """Covariates of the design: the score's and those matched on exactly; exact pairs have the Cox model's instead."""
    models, rule = people.study.models, people.study.matching
    names = (*rule.exact, *models.cox) if rule.method == "exact" else (*models.propensity, *rule.exact)
    return people.covariates(dict.fromkeys(names))


def scores_of(design: Design, rule: Matching) -> Propensity | None:
    """Propensity scores of the design; none where pairs are exact and nothing else."""
    if rule.method == "exact":
        return None
    return fit_propensity(design.matrix, design.people.exposed, names=design.names)


def pairs_of(people: AnalysisSet, rule: Matching, scores: Propensity | None) -> Matches:
    """Pairs by the rule of the study; among people who are alike the lower tumor id is taken."""
    exposed = people.exposed
    score = np.zeros(len(exposed)) if scores is None else np.round(scores.logit, LOGIT_DIGITS)
    ids = np.arange(len(exposed))  # the frame is sorted by tumor id
    caliper = None if scores is None else rule.caliper
    exact = exact_cells(people, rule)
    if rule.method == "optimal":
        return match_optimal(
            score,
            exposed,
            ratio=rule.ratio,
            caliper=caliper,
            caliper_sd=rule.caliper_sd,
            exact=exact,
            ids=ids,
        )
    return match_nearest(
        score,
        exposed,
        ratio=rule.ratio,
        replace=rule.replace,
        order=rule.order,
        caliper=caliper,
        caliper_sd=rule.caliper_sd,
        exact=exact,
        ids=ids,
    )


def exact_cells(people: AnalysisSet, rule: Matching) -> NDArray[np.int64] | None:
    """The cell of each person in which pairs must lie; None where nothing has to agree exactly."""
    columns = [f"cov_{one.name}" for one in people.covariates(rule.exact)]
    if not columns:
        return None
    return people.frame.select(pl.struct(columns).rank("dense")).to_series().to_numpy().astype(np.int64)


def in_words(rule: Matching) -> str:
    """How the pairs were made, for the method of an estimate."""
    on = [] if rule.method == "exact" else ["the propensity score"]
    on += [f"{', '.join(rule.exact)} exactly"] if rule.exact else []
    return f"{rule.ratio}:1 matched on {' and '.join(on)}"


def weights_in_sets(exposed: NDArray[np.bool_], pair: NDArray[np.int64]) -> NDArray[np.float64]:
    """One for an exposed person, and one shared by the controls of each."""
    controls = np.bincount(pair[~exposed], minlength=int(pair.max()) + 1)
    return np.where(exposed, 1.0, 1.0 / np.maximum(controls[pair], 1))


def estimand_of(matches: Matches) -> str:
    """Effect in the exposed where each has a match, else in the matched set alone."""
    return "att" if matches.n_matched_treated == matches.n_treated else "matched_set"


def matched_cox(inside: AnalysisSet, pair: NDArray[np.int64], matches: Matches, subgroup: str) -> Outcomes:
    """Cox model of the exposure alone in the matched set, variance clustered by pair: a marginal effect."""
    study = inside.study
    exposed = inside.exposed
    weights = weights_in_sets(exposed, pair) if study.matching.ratio > 1 else None
    fit = fit_cox(
        inside.time,
        inside.event,
        exposed.astype(float)[:, None],
        names=[study.exposure],
        entry=inside.entry,
        weights=weights,
        cluster=pair,
        ties=study.models.ties,
    )
    method = f"{in_words(study.matching)}, Cox, {study.models.ties} ties, variance clustered by matched set"
    same = Estimate(
        "matched_cox",
        subgroup,
        "",
        "",
        "hr",
        None,
        estimand=estimand_of(matches),
        effect_type="marginal",
        method=method,
        counts=inside.counts(),
    )
    column = Column(study.exposure, study.exposure, inside.contrast)
    rows = hazard_ratios(fit, (column,), study.confidence_level, same)
    return Outcomes(tuple(rows), few_events("matched_cox", subgroup, fit.events_per_covariate, fit.warnings))


def adjusted_in_sets(design: Design, matches: Matches, subgroup: str) -> Outcomes:
    """The matched sample again with the score's covariates in the model: what the matching has left.

    It stands beside every matched estimate. A caliper leaves differences, all to one side where many are
    exposed, and a matched estimate can be biased though its standardized differences are small.
    """
    people = design.people
    study = people.study
    try:
        effect = adjusted_matched_cox(
            matches,
            people.time,
            people.event,
            design.matrix,
            names=design.names,
            entry=people.entry,
            ties=study.models.ties,
            level=study.confidence_level,
        )
    except StatsError as error:
        absent = Finding("adjusted_matched_cox", subgroup, "not_fitted", "absent", error.without_count)
        return Outcomes(findings=(absent,))
    estimate = Estimate(
        effect.analysis,
        subgroup,
        study.exposure,
        people.contrast,
        effect.measure,
        effect.estimate,
        effect.ci_low,
        effect.ci_high,
        effect.p_value,
        Counts(effect.n, effect.n_exposed, effect.events),
        "association",
        effect.effect_type,
        f"{in_words(study.matching)}, Cox adjusted for {len(design.names)} columns, {study.models.ties} ties",
    )
    return Outcomes((estimate,))


def stratified_cox(inside: AnalysisSet, pair: NDArray[np.int64], subgroup: str) -> Outcomes:
    """Cox model with a baseline hazard of each pair: an effect within pairs, not the marginal one."""
    study = inside.study
    fit = fit_cox(
        inside.time,
        inside.event,
        inside.exposed.astype(float)[:, None],
        names=[study.exposure],
        entry=inside.entry,
        strata=pair,
        ties=study.models.ties,
    )
    same = Estimate(
        "stratified_cox",
        subgroup,
        "",
        "",
        "hr",
        None,
        estimand="association",
        effect_type="conditional",
        method=f"{in_words(study.matching)}, Cox stratified by matched set, {study.models.ties} ties",
        counts=inside.counts(),
    )
    column = Column(study.exposure, study.exposure, inside.contrast)
    return Outcomes(tuple(hazard_ratios(fit, (column,), study.confidence_level, same)))


def pairs_name(subgroup: str) -> str:
    """File stem of the pairs: the published set has the plain name, a level that is no file name is escaped."""
    return PAIRS if subgroup == ALL else f"{PAIRS}_{quote(subgroup, safe='')}"


def pairs_table(inside: AnalysisSet, pair: NDArray[np.int64], matches: Matches) -> pl.DataFrame:
    """One row per person of the matched set; the distance is that of the set's nearest control."""
    nearest = np.full(int(pair.max()) + 1, np.inf)
    np.minimum.at(nearest, matches.pair_id, matches.distance)
    return inside.frame.select(
        pl.Series("pair_id", pair),
        "source_file",
        "source_record",
        "arm",
        pl.Series("distance", nearest[pair]),
    )


def balance_of(
    everybody: AnalysisSet,
    terms: list[Covariate],
    weights: NDArray[np.float64],
    subgroup: str,
    *,
    analysis: str = "matched_cox",
) -> Outcomes:
    """Standardized mean differences before and after, level by level, and the largest as a finding."""
    matrix, labels = matrix_of_levels(everybody, terms)
    names = [f"{term}={level}" if level else term for term, level in labels]
    result = balance(matrix, everybody.exposed, weights=weights, names=names)
    table = result.to_frame().with_columns(
        pl.Series("term", [term for term, _ in labels]),
        pl.Series("level", [level for _, level in labels]),
        pl.lit(subgroup).alias("subgroup"),
        pl.lit(analysis).alias("analysis"),
    )
    after = np.abs((result.after or result.before).smd)
    finding = largest_smd(analysis, subgroup, names, after)
    return Outcomes(findings=(finding,), tables=(("balance", table),))


def largest_smd(analysis: str, subgroup: str, names: list[str], after: NDArray[np.float64]) -> Finding:
    """The largest of the absolute standardized mean differences that a design has left."""
    worst, where = float(after.max()), names[int(after.argmax())]
    how = "matching" if analysis.startswith("match") else "weighting"
    return Finding(
        analysis,
        subgroup,
        f"largest_smd_after_{how}",
        "ok" if worst < SMD_LIMIT else "warning",
        f"largest absolute standardized mean difference after {how}: {worst:.3f} ({where}), "
        f"the limit is {SMD_LIMIT:g}",
        value=worst,
        threshold=SMD_LIMIT,
    )


def matching_facts(matches: Matches, scores: Propensity | None, subgroup: str) -> Outcomes:
    """How much of the exposed arm found a match, the caliper, how well the score separates the arms."""
    unmatched = matches.n_treated - matches.n_matched_treated
    facts = [
        ("exposed_unmatched", float(unmatched), "people", "exposed without a match: not in the estimand"),
        ("matched_sets", float(matches.n_matched_treated), "people", "exposed with a match, one set each"),
    ]
    if scores is not None:
        facts.append(
            ("propensity_auc", scores.auc, "", "chance that an exposed person scores higher than another")
        )
    if matches.caliper_width is not None:
        facts.append(("caliper_width", matches.caliper_width, "logit", "widest distance allowed"))
    findings = [
        Finding("matched_cox", subgroup, check, "info", message, value, unit=unit)
        for check, value, unit, message in facts
    ]
    if scores is not None:
        findings += few_events("matched_cox", subgroup, scores.model.events_per_covariate, scores.warnings)
    return Outcomes(findings=tuple(findings))


def histogram(
    everybody: AnalysisSet, scores: Propensity, rows: NDArray[np.int64], subgroup: str
) -> pl.DataFrame:
    """Propensity scores of both arms in bins, before and after matching; no single value."""
    inside = np.zeros(len(scores.score), dtype=bool)
    inside[rows] = True
    edges = np.linspace(0.0, 1.0, BINS + 1)
    score = np.round(scores.score, LOGIT_DIGITS)
    frames = []
    for which, keep in (("full", np.ones_like(inside)), ("matched", inside)):
        for arm, exposed in ((everybody.exposed_label, True), (everybody.reference_label, False)):
            counts = np.histogram(score[keep & (everybody.exposed == exposed)], bins=edges)[0]
            frames.append(
                pl.DataFrame(
                    {
                        "subgroup": [subgroup] * BINS,
                        "set": [which] * BINS,
                        "arm": [arm] * BINS,
                        "bin_low": edges[:-1].round(4),
                        "bin_high": edges[1:].round(4),
                        "n": counts.astype(np.int64),
                    }
                )
            )
    return pl.concat(frames)
