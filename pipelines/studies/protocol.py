"""A study's definition as the protocol that a reader would want: plain text, section by section."""

from collections.abc import Iterable, Iterator

from pipelines.cohorts.compile import steps_of
from pipelines.cohorts.definition import CohortDefinition
from pipelines.studies.compare import INFORMS_ONLY, RATIOS, Target
from pipelines.studies.language import (
    ANALYSES,
    Covariate,
    GroupSurvival,
    Matching,
    OtherOutcome,
    Outcome,
    StudyDefinition,
    Timing,
    Weighting,
)
from pipelines.studies.language.coherence import IN_EXACT_PAIRS
from pipelines.studies.target_trial import STATUS, protocol_table

PAPER = "as the paper says"
OURS = "our choice: the paper does not say"
OF_A_MATCHED_SET = {*IN_EXACT_PAIRS, "matching_grid"}
"""Analyses that the choices of matching are about."""


def protocol(study: StudyDefinition, cohort: CohortDefinition, targets: list[Target]) -> str:
    """The protocol: question, people, arms, outcomes, covariates, designs, analyses, subgroups, limits, targets.

    Parameters
    ----------
    study : StudyDefinition
    cohort : CohortDefinition
    targets : list of Target
    """
    sections = {
        "": [
            f"Question: {study.question}",
            f"Sources that can answer: {', '.join(study.sources)}",
            *([f"Beyond the cohort it needs: {', '.join(study.needs)}"] if study.needs else []),
            *(f"Reference: {one}" for one in study.references),
        ],
        f"Cohort: {cohort.title} ({cohort.name})": numbered(step.rule for step in steps_of(cohort)),
        "Arms": list(arms(study, cohort)),
        "Outcomes": list(outcomes(study)),
        "Covariates": [*(covariate(one) for one in study.covariates), *models(study)],
        "Design": list(designs(study)),
        "Analyses": list(analyses(study)),
        "Subgroups": list(subgroups(study)),
        "Again under another rule of the cohort": [
            f"{one.name} (rule {one.rule}): {one.words}; {one.reference}" for one in study.sensitivity
        ],
        "Where the source refuses": [
            f"{', '.join(one.use)} in place of {', '.join(one.instead_of)}"
            + (f", primary then {one.primary}" if one.primary else "")
            + f": {one.words}"
            for one in study.fallbacks
        ],
        "Target trial": list(emulation(study)),
        "Before an estimate is shown": list(gate(study)),
        f"Published numbers compared: {len(targets)}": [target_line(one) for one in targets],
    }
    told = [
        "\n".join(([title] if title else []) + [f"  {line}" if title else line for line in lines])
        for title, lines in sections.items()
        if lines
    ]
    return "\n\n".join([f"{study.title} ({study.id})", *told])


def numbered(lines: Iterable[str]) -> list[str]:
    """Lines with their numbers."""
    return [f"{number}. {line}" for number, line in enumerate(lines, start=1)]


def arms(study: StudyDefinition, cohort: CohortDefinition) -> Iterator[str]:
    """The arms, the reference last, and the strategies with their window."""
    yield f"{', '.join(cohort.arms.labels[:-1])} against {cohort.arms.reference.label}: {cohort.arms.words}"
    if study.emulation is not None:
        yield f"Strategies: {study.emulation.strategy_exposed} against {study.emulation.strategy_reference}"
    if study.timing is None:
        yield "No date of the exposure is used: nothing here takes immortal time out"
    else:
        yield from timing(study.timing)


def timing(one: Timing) -> Iterator[str]:
    """When the exposure happens."""
    months = ", ".join(f"{month:g}" for month in one.landmarks_months)
    yield f"Date of the exposure: {one.start}, {one.unit} from diagnosis. {one.words}".rstrip()
    yield f"Window {one.window_months:g} months; landmarks {months} months; strategy {one.strategy}"


def outcomes(study: StudyDefinition) -> Iterator[str]:
    """Every outcome, and how it is counted."""
    for one in (study.outcome, *study.other_outcomes):
        if one is not None:
            yield from outcome(one)
    for binary in study.binary_outcomes:
        adjusted = f", adjusted for {', '.join(binary.covariates)}" if binary.covariates else ""
        penalty = ", penalised likelihood" if binary.firth else ""
        yield f"Happened or not, {binary.name}: {binary.words}{adjusted}{penalty}"


def outcome(one: Outcome) -> Iterator[str]:
    """An outcome: its words, its time zero, and what is done with months of zero, late entry, competing deaths."""
    label = f"{one.name}: " if isinstance(one, OtherOutcome) else ""
    start = f" plus {one.start_months:g} months" if one.start_months else ""
    yield f"{label}{one.words} ({one.kind.replace('_', ' ')})"
    yield f"  time zero: {one.time_zero}{start}; survival of 0 months: {one.zero_months.replace('_', ' ')}"
    if one.entry:
        yield f"  under observation from {one.entry} on (left truncation)"
    if one.other_cause:
        yield f"  competing event: {one.other_cause}"
    if one.cut_months:
        yield f"  follow-up cut at {one.cut_months} months"


def covariate(one: Covariate) -> str:
    """A covariate with its reference, what becomes of missing values, and its marks."""
    marks = [f"reference {one.reference}" if one.reference else f"per {one.per:g}"]
    marks.append("missing: a level of its own" if one.missing == "category" else "missing: complete cases")
    marks += ["known only after diagnosis"] if one.post_baseline else []
    marks += ["strong prognostic factor"] if one.strong else []
    return f"{one.name}: {one.words} ({'; '.join(marks)})"


def models(study: StudyDefinition) -> Iterator[str]:
    """Which covariates are in which model."""
    names = {
        "exposure": study.models.logistic,
        "Cox": study.models.cox,
        "propensity": study.models.propensity,
    }
    for model, terms in names.items():
        if terms:
            yield f"Model, {model}: {', '.join(terms)}"
    for extra in study.models.extra:
        yield f"Model, {extra.name}: {extra.words}: {', '.join(extra.covariates)}"
    yield f"Ties: {study.models.ties}; a level of fewer than {study.models.rare_level_minimum} people leaves a model"


def designs(study: StudyDefinition) -> Iterator[str]:
    """Each choice of the designs that the analyses use, and whose choice it is."""
    asked = {*study.analyses, *(word for one in study.fallbacks for word in one.use)}
    design = study.design
    if asked & OF_A_MATCHED_SET:
        yield matching(design.match)
    if "matching_grid" in asked:
        ratios = ", ".join(map(str, design.match.grid_ratios))
        yield f"Grid: ratios {ratios}; calipers {', '.join(f'{one:g}' for one in design.match.grid_calipers)}"
    if asked & {"weighted_cox", "weighted_survival"}:
        yield weighting(design.weight)
    if "stratified_by_score_cox" in asked:
        strata = design.stratify
        yield f"Strata of the score: {strata.n_strata}, {strata.target} ({said(strata.stated_in_paper)})"
    if "imputed_cox" in asked:
        one = study.imputation
        yield f"Imputation: {one.imputations} data sets, {one.rounds} rounds, seed {one.seed}"
    if "royston_parmar" in asked:
        yield f"Royston-Parmar: {study.flexible.df} df, course of the effect {study.flexible.effect_df} df"
    if asked & {"survival_at", "rmst", "time_split_cox", "weighted_survival", "cumulative_incidence"}:
        at = study.horizons
        months = [", ".join(f"{one:g}" for one in each) for each in (at.survival_months, at.split_months)]
        yield f"Months: survival at {months[0]}; restricted mean to {at.rmst_months:g}; split at {months[1]}"
    if study.group_survival is not None:
        yield from described(study.group_survival)


def described(one: GroupSurvival) -> Iterator[str]:
    """Whose survival is described in groups, and in which order it is expected."""
    months = ", ".join(f"{month:g}" for month in one.at_months)
    relative = "; relative survival against the site's life table" if one.relative else ""
    yield f"Survival described by {', '.join(one.by)}, at {months} months{relative}"
    if one.among is not None:
        yield f"  among: {one.among}"
    for name, levels in one.order.items():
        yield f"  expected order of {name}, shortest first: {', '.join(levels)}"


def said(in_paper: bool) -> str:
    """Whose choice a setting is."""
    return PAPER if in_paper else OURS


def matching(one: Matching) -> str:
    """How pairs are made, in one line."""
    exact = f", exact on {', '.join(one.exact)}" if one.exact else ""
    if one.method == "exact":
        return f"Matching: {one.ratio}:1{exact} ({said(one.stated_in_paper)}). {one.words}".rstrip()
    caliper = "no caliper" if one.caliper is None else f"caliper {one.caliper:g} SD ({one.caliper_sd})"
    how = f"{one.method}, {one.ratio}:1, {caliper}, order {one.order}, no replacement{exact}"
    return f"Matching: {how} ({said(one.stated_in_paper)}). {one.words}".rstrip()


def weighting(one: Weighting) -> str:
    """Whom the weights stand for, in one line."""
    cut = f", truncated at the {one.truncate:g} quantile" if one.truncate else ""
    kind = "stabilised" if one.stabilised else "not stabilised"
    return f"Weights: {', '.join(one.estimands)}, {kind}{cut} ({said(one.stated_in_paper)}). {one.words}".rstrip()


def analyses(study: StudyDefinition) -> Iterator[str]:
    """Each analysis in words, the primary one marked."""
    for word in study.analyses:
        mark = " (primary)" if study.primary in study.names_of([word]) else ""
        yield f"{word}: {ANALYSES[word].words}{mark}"
    for extra in study.models.extra:
        yield f"{extra.name}: {extra.words}{' (primary)' if extra.name == study.primary else ''}"
    if study.primary not in study.analyses:
        yield f"Primary estimate: {study.primary}"


def subgroups(study: StudyDefinition) -> Iterator[str]:
    """Subgroups with their levels, and whether they were declared beforehand."""
    for one in study.subgroups:
        planned = "declared beforehand" if one.planned else "unplanned"
        outcomes = f"; also for {', '.join(one.outcomes)}" if one.outcomes else ""
        yield f"{one.name} ({planned}): {one.words}: {', '.join(one.levels)}{outcomes}; test of interaction"


def emulation(study: StudyDefinition) -> Iterator[str]:
    """The protocol of the trial beside what a registry can say."""
    one = study.emulation
    if one is None:
        return
    reports = ", ".join((one.trial, *one.other_reports))
    yield f"Trial: {reports}; compared with {one.analysis}"
    for row in protocol_table(study).iter_rows(named=True):
        marks = [STATUS[row["status"]]] if row["status"] else []
        marks += ["the trial's question rests on it"] if row["decides"] else []
        said_of_it = f" ({'; '.join(marks)})" if marks else ""
        name = row["component"].replace("_", " ")
        yield f"{name}: {row['target_trial']} | here: {row['emulation']}{said_of_it}"
    for outcome_name, reason in one.refused_outcomes.items():
        yield f"refused, {outcome_name}: {reason}"
    if one.undecidable:
        yield "No number of the trial is judged: what it rests on is not recorded"


def gate(study: StudyDefinition) -> Iterator[str]:
    """What a design must reach."""
    limits = study.gate
    yield f"standardized differences under {limits.smd:g}, of strong prognostic factors under {limits.smd_strong:g}"
    yield f"at least {limits.min_events} events; {100 * limits.min_common_support:g} % of people in common support"


def target_line(one: Target) -> str:
    """A published number as printed, how sure it is, and what it is compared with."""
    value = (
        f"{one.published:g}"
        if one.published is not None
        else f"{one.direction} {1 if one.measure in RATIOS else 0}"
    )
    if one.ci_low is not None and one.ci_high is not None:
        value += f" ({one.ci_low:g} to {one.ci_high:g}, {100 * (one.ci_level or 0.95):g} %)"
    marks: list[str] = [one.verification]
    marks += ["informs only"] if one.verification in INFORMS_ONLY else []
    marks += ["not comparable here"] if one.comparable == "no" else []
    marks += ["printed the other way round"] if one.orientation == "inverted" else []
    where = ", ".join(part for part in (one.analysis, one.subgroup, one.term, one.contrast) if part)
    return f"{one.target}: {one.measure} {value} [{', '.join(marks)}]: {where}"
