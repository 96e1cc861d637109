"""Which analyses a study may ask for, and what each of them needs of the definition."""

from dataclasses import dataclass
from typing import Literal

Terms = Literal["", "cox", "propensity", "logistic"]
Gate = Literal["", "events", "overlap", "balance"]


@dataclass(frozen=True)
class AnalysisFacts:
    """What the language knows of an analysis; how it is done stands in `pipelines.studies.estimators`.

    Attributes
    ----------
    words : str
        What it is, for the protocol and the pages.
    gate : {'', 'events', 'overlap', 'balance'}
        What has to pass before its estimate of the exposure is shown; empty: nothing about the exposure's effect.
    survival : bool
        Needs ``outcome``.
    terms : {'', 'cox', 'propensity', 'logistic'}
        Covariates under ``models`` that it needs.
    block : str
        Block of the definition that it needs: timing, binary_outcomes, group_survival, effect_by, emulation.
    two_arms : bool
        Has no form for three arms.
    dated : bool
        Needs the date of the exposure.
    causes : bool
        Needs the cause of death, and ``outcome.other_cause``.
    repeats : bool
        Done again on baseline covariates alone, in subgroups, for other outcomes and in sensitivity analyses.
    within : str
        The analysis that computes it too (its own entry says what it is).
    """

    words: str
    gate: Gate = ""
    survival: bool = True
    terms: Terms = ""
    block: str = ""
    two_arms: bool = False
    dated: bool = False
    causes: bool = False
    repeats: bool = False
    within: str = ""


def _described(
    words: str, *, survival: bool = False, block: str = "", repeats: bool = False, causes: bool = False
) -> AnalysisFacts:
    return AnalysisFacts(words, survival=survival, block=block, repeats=repeats, causes=causes)


def _dated(words: str, *, gate: Gate = "overlap", dated: bool = True, repeats: bool = True) -> AnalysisFacts:
    return AnalysisFacts(
        words, gate=gate, terms="cox", block="timing", two_arms=True, dated=dated, repeats=repeats
    )


def _scored(words: str, *, within: str = "", repeats: bool = True) -> AnalysisFacts:
    again = repeats and not within
    return AnalysisFacts(
        words, gate="balance", terms="propensity", two_arms=True, repeats=again, within=within
    )


ANALYSES: dict[str, AnalysisFacts] = {
    # what people are like
    "table_one": _described("Table 1 by arm"),
    "exposed_share": _described("share exposed in each level of the covariates"),
    "share_by_year": _described("share of the first arm by year of diagnosis, under both denominators"),
    "km": _described("Kaplan-Meier by arm, both medians", survival=True, repeats=True),
    "survival_at": AnalysisFacts(
        "survival of each arm at the horizons, and the difference", gate="events", repeats=True
    ),
    "follow_up": _described("median follow-up (reverse Kaplan-Meier)", survival=True),
    "vital_status_median": _described("medians of observed time within vital status", survival=True),
    "group_survival": _described("survival in groups", survival=True, block="group_survival"),
    "cumulative_incidence": _described(
        "cumulative incidence of each cause of death by arm", survival=True, causes=True
    ),
    # who is exposed
    "logistic_exposure": AnalysisFacts("logistic model of the exposure", survival=False, terms="logistic"),
    "logistic_outcome": AnalysisFacts(
        "shares, crude and adjusted odds ratios of the binary outcomes",
        gate="events",
        survival=False,
        block="binary_outcomes",
        repeats=True,
    ),
    # regression
    "cox_unadjusted": AnalysisFacts("Cox model of the arms alone", gate="events", repeats=True),
    "cox_adjusted": AnalysisFacts("adjusted Cox model", gate="overlap", terms="cox", repeats=True),
    "cox_other_cause": AnalysisFacts(
        "Cox model of deaths from other causes", gate="overlap", terms="cox", causes=True
    ),
    "cox_effect_by": AnalysisFacts(
        "hazard ratio of the exposure in each level of a covariate, with the trend",
        gate="overlap",
        terms="cox",
        block="effect_by",
        two_arms=True,
        repeats=True,
    ),
    "time_split_cox": AnalysisFacts(
        "hazard ratios by time since time zero", gate="overlap", terms="cox", repeats=True
    ),
    "rmst": AnalysisFacts("difference of restricted mean survival time", gate="events", repeats=True),
    "royston_parmar": AnalysisFacts("Royston-Parmar model", gate="overlap", terms="cox", repeats=True),
    "fine_gray": AnalysisFacts(
        "Fine-Gray model of the cancer deaths", gate="overlap", terms="cox", causes=True, repeats=True
    ),
    "imputed_cox": AnalysisFacts(
        "adjusted Cox model, missing covariates imputed", gate="overlap", terms="cox"
    ),
    "complete_case_cox": AnalysisFacts(
        "adjusted Cox model of the complete cases", gate="overlap", terms="cox"
    ),
    # the propensity score
    "cox_propensity_covariate": AnalysisFacts(
        "Cox model with the propensity score as a covariate",
        gate="overlap",
        terms="propensity",
        two_arms=True,
        repeats=True,
    ),
    "matched_cox": _scored("Cox model of the matched set"),
    "matched_km": _scored("Kaplan-Meier of the matched set", within="matched_cox"),
    "stratified_cox": _scored("Cox model within matched sets", within="matched_cox"),
    "matching_grid": _scored("matched estimates over ratios and calipers", repeats=False),
    "weighted_cox": AnalysisFacts("weighted Cox model", gate="balance", terms="propensity", repeats=True),
    "weighted_survival": _scored("weighted survival at the horizons, and the difference"),
    "stratified_by_score_cox": _scored("Cox model within strata of the propensity score"),
    # immortal time
    "ever_never": _dated("operated ever against never, counted from diagnosis"),
    "immortal_time_excluded": _dated("operated ever against never, the months before the operation left out"),
    "time_varying_cox": _dated("Cox model in which the exposure begins when it happens"),
    "time_varying_window_cox": _dated("the same, for operations within the window"),
    "landmark": _dated("alive at the landmark, exposed before it or not"),
    "undated_landmark": _dated(
        "alive at the landmark, exposed at any time or not (no date is recorded)", dated=False
    ),
    "clone_censor_weight": _dated("strategies within a grace period, by clone-censor-weight", gate="balance"),
    "plasmode": _dated(
        "the estimators on these people with a simulated outcome of known hazard ratio",
        gate="",  # its truth is drawn, and tells nothing of these people's
        repeats=False,
    ),
    # what could explain it away
    "e_value": AnalysisFacts("E-value of the primary estimate", gate="events"),
    "unmeasured_confounder": AnalysisFacts(
        "what an unmeasured confounder of given strength would leave", gate="events"
    ),
    "rosenbaum": _scored("Rosenbaum bounds of the matched set", repeats=False),
    "trial_agreement": AnalysisFacts("agreement with the trial", gate="events", block="emulation"),
}
"""Every analysis by the word that a study uses for it, in the order in which they are done and reported."""
