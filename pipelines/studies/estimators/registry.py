"""Which function does which analysis of the study language."""

from collections.abc import Callable, Sequence

from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.estimators import (
    agreement,
    clone_censor,
    competing,
    describe,
    effect_by,
    explain,
    flexible,
    grid,
    groups,
    horizons,
    immortal,
    matched,
    missing,
    models,
    outcomes_binary,
    plasmode,
    strata,
    weighted,
    weighted_survival,
)
from pipelines.studies.results import Estimate, Outcomes

Estimator = Callable[[AnalysisSet], Outcomes]
Summary = Callable[[AnalysisSet, Sequence[Estimate]], Outcomes]

ESTIMATORS: dict[str, Estimator] = {
    "table_one": describe.table_one,
    "exposed_share": describe.exposed_share,
    "km": describe.survival_by_arm,
    "vital_status_median": describe.vital_status_medians,
    "logistic_exposure": models.logistic_exposure,
    "cox_unadjusted": models.cox_unadjusted,
    "cox_adjusted": models.cox_adjusted,
    "cox_other_cause": models.cox_other_cause,
    "cox_propensity_covariate": models.cox_propensity_covariate,
    "matched_cox": matched.matched,
    "weighted_cox": weighted.weighted_cox,
    "weighted_survival": weighted_survival.weighted_survival,
    "ever_never": immortal.ever_never,
    "immortal_time_excluded": immortal.immortal_time_excluded,
    "time_varying_cox": immortal.time_varying_cox,
    "time_varying_window_cox": immortal.time_varying_window_cox,
    "landmark": immortal.landmark,
    "undated_landmark": immortal.undated_landmark,
    "clone_censor_weight": clone_censor.clone_censor_weight,
    "plasmode": plasmode.plasmode,
    "survival_at": horizons.survival_at,
    "rmst": horizons.rmst,
    "follow_up": horizons.follow_up,
    "time_split_cox": horizons.time_split_cox,
    "cumulative_incidence": competing.cumulative_incidence,
    "fine_gray": competing.fine_gray,
    "royston_parmar": flexible.royston_parmar,
    "logistic_outcome": outcomes_binary.logistic_outcome,
    "cox_effect_by": effect_by.cox_effect_by,
    "share_by_year": groups.share_by_year,
    "group_survival": groups.group_survival,
    "imputed_cox": missing.imputed_cox,
    "complete_case_cox": missing.complete_case_cox,
    "stratified_by_score_cox": strata.stratified_by_score_cox,
    "matching_grid": grid.matching_grid,
    "rosenbaum": grid.rosenbaum,
}
"""By the word of `pipelines.studies.language.ANALYSES`; those done ``within`` another have none of their own."""

SUMMARIES: dict[str, Summary] = {
    "e_value": explain.e_value,
    "unmeasured_confounder": explain.unmeasured_confounder,
    "trial_agreement": agreement.trial_agreement,
}
"""What is said of the estimates themselves, once all are there: everybody in the study, every estimate."""
