"""How the arms are made comparable: every choice by name, and whether the paper states it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.studies.language.base import Identifier, Sql, Strict

Share = Annotated[float, Field(gt=0, lt=1)]
Months = Annotated[float, Field(gt=0)]


class Matching(Strict):
    """How pairs are made. What a paper does not say is our default, and ``stated_in_paper`` says so.

    Attributes
    ----------
    method : {'nearest', 'optimal', 'exact'}
        ``exact`` matches on the covariates of ``exact`` alone and needs no score.
    exact : tuple of str
        Covariates on which a pair must agree, beside the score or instead of it.
    grid_ratios : tuple of int
        Ratios that the analysis ``matching_grid`` tries.
    grid_calipers : tuple of float
        Calipers that it tries.
    """

    method: Literal["nearest", "optimal", "exact"] = "nearest"
    ratio: int = Field(default=1, ge=1)
    caliper: float | None = Field(default=0.2, gt=0)
    caliper_sd: Literal["pooled", "total", "treated", "control"] = "pooled"
    order: Literal["closest", "largest", "smallest"] = "closest"
    replace: Literal[False] = False
    exact: tuple[Identifier, ...] = ()
    grid_ratios: tuple[int, ...] = (1, 2)
    grid_calipers: tuple[float, ...] = (0.05, 0.1, 0.2)
    stated_in_paper: bool = False
    words: str = ""

    @model_validator(mode="after")
    def _exact_on_something(self) -> Self:
        if self.method == "exact" and not self.exact:
            raise ValueError("exact pairs need the covariates that they agree on (exact)")
        return self


class Weighting(Strict):
    """Whom the weights stand for.

    Attributes
    ----------
    estimands : tuple of {'ATE', 'ATT', 'ATO'}
        The first gives ``weighted_cox``, another ``weighted_cox_<estimand>`` in small letters.
    stabilised : bool
        Of ATE and ATT; overlap weights never exceed one.
    truncate : float, optional
        Weights of ATE and ATT above this quantile are set to it.
    variance : {'estimated', 'known'}
        Whether the interval of ``weighted_cox`` knows that the weights were estimated, or takes them as known
        (the robust variance of most papers).
    bootstrap : int
        Resamples of people for ``weighted_survival``; 0 takes the robust variance.
    seed : int
    """

    estimands: tuple[Literal["ATE", "ATT", "ATO"], ...] = Field(default=("ATE", "ATO"), min_length=1)
    stabilised: bool = True
    truncate: Share | None = None
    variance: Literal["estimated", "known"] = "estimated"
    bootstrap: int = Field(default=0, ge=0)
    seed: int = Field(default=20261121, ge=0)
    stated_in_paper: bool = False
    words: str = ""


class Strata(Strict):
    """Strata of the propensity score (``stratified_by_score_cox``)."""

    n_strata: int = Field(default=5, ge=2)
    target: Literal["ATT", "ATE"] = "ATE"
    stated_in_paper: bool = False
    words: str = ""


class Design(Strict):
    """The designs of a study: matching, weighting, strata of the score."""

    match: Matching = Matching()
    weight: Weighting = Weighting()
    stratify: Strata = Strata()


class Timing(Strict):
    """When the exposure happens: without it no analysis can leave immortal time out.

    Attributes
    ----------
    start : str
        SQL number of days (or months) from diagnosis to the exposure; null where it never happened. In the exposed
        arm a null is an unknown date: such people leave the dated analyses and are counted.
    unit : {'days', 'months'}
    needs : tuple of str
        Tumor columns of ``start``; a source without them refuses the dated analyses, or takes the fallback.
    window_months : float
        Grace period: exposed within it or not, from time zero.
    landmarks_months : tuple of float
        For ``landmark`` and ``undated_landmark``, each an analysis of its own.
    excluded_reading : {'clock_reset', 'late_entry'}
        What "immortal time excluded" means: the clock of the operated starts at the operation, or they join those at
        risk when they are operated.
    strategy : {'as_observed', 'natural_then_forced', 'uniform'}
        Timing within the window of clone-censor-weight, as in `pipelines.stats.immortal_time.STRATEGIES`.
    truncate : float, optional
        Quantile at which the weights of clone-censor-weight are cut.
    bootstrap : int
        Resamples of people for the interval of clone-censor-weight; 0 takes its robust variance.
    seed : int
    """

    start: Sql
    unit: Literal["days", "months"] = "days"
    needs: tuple[Identifier, ...] = Field(min_length=1)
    window_months: Months = 8.0
    landmarks_months: tuple[Months, ...] = (3.0, 6.0, 8.0, 12.0)
    excluded_reading: Literal["clock_reset", "late_entry"] = "clock_reset"
    strategy: Literal["as_observed", "natural_then_forced", "uniform"] = "as_observed"
    truncate: Annotated[float, Field(gt=0.5, lt=1)] | None = None
    bootstrap: int = Field(default=0, ge=0)
    seed: int = 20261121
    stated_in_paper: bool = False
    words: str = ""


class Plasmode(Strict):
    """The simulation on these very people (``plasmode``): what each estimator finds when the truth is known.

    Attributes
    ----------
    replicates : int
        Simulated data sets.
    people : int
        People in each, drawn with replacement.
    true_hr : float
        Hazard ratio of the operation in the simulation.
    seed : int
    """

    replicates: int = Field(default=50, ge=2)
    people: int = Field(default=4000, ge=100)
    true_hr: float = Field(default=1.0, gt=0)
    seed: int = 20261121
    stated_in_paper: bool = False
    words: str = ""


class Fallback(Strict):
    """What is done where the source cannot give what an analysis needs; the report says which was used.

    Attributes
    ----------
    instead_of : tuple of str
        Analyses that the source refuses.
    use : tuple of str
        Analyses done in their place.
    primary : str, optional
        The study's primary analysis then.
    words : str
        Why it is the next best, and what it still leaves.
    """

    instead_of: tuple[str, ...] = Field(min_length=1)
    use: tuple[str, ...] = Field(min_length=1)
    primary: str | None = None
    words: str


class GateLimits(Strict):
    """What a design must reach before its estimate is shown.

    Attributes
    ----------
    smd : float
        Largest absolute standardized mean difference after the design.
    smd_strong : float
        The same of strong prognostic factors.
    min_events : int
        Events in all, and none of the arms without one.
    min_common_support : float
        Share of people whose score lies where both arms have people.
    """

    smd: Share = 0.1
    smd_strong: Share = 0.05
    min_events: int = Field(default=20, ge=1)
    min_common_support: Share = 0.5
