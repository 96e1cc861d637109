"""Survival and shares described by groups, without a comparison of arms."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipelines.studies.language.base import Identifier, Sql, Strict

Months = Annotated[float, Field(gt=0)]


class GroupSurvival(Strict):
    """Survival described in the levels of covariates (analysis ``group_survival``).

    Attributes
    ----------
    by : tuple of str
        Covariates; estimates have the subgroup ``<covariate>=<level>``.
    among : str, optional
        SQL boolean: who is described; everybody where it is left out. Where it is null a person is not described,
        and counted.
    at_months : tuple of float
        Survival at these months beside the median (contrast ``at 60 months``).
    order : dict
        Covariate to levels from shortest to longest expected survival: the difference of each and the next, of
        medians and of survival, is an estimate (contrast ``<longer> minus <shorter>``), so that an ordering can
        be a target.
    relative : bool
        Relative survival too, where the site has put a life table in ``<home>/life_tables/``: called after the
        submission or its source (``seer.csv``), columns ``age``, ``year``, ``sex``, perhaps ``race``, and a rate
        (`pipelines.stats.relative_survival.read_population_table`).
    """

    by: tuple[Identifier, ...] = Field(min_length=1)
    among: Sql | None = None
    at_months: tuple[Months, ...] = (60.0,)
    order: dict[Identifier, tuple[str, ...]] = {}
    relative: bool = False

    @model_validator(mode="after")
    def _order_of_what_is_described(self) -> Self:
        strange = [name for name in self.order if name not in self.by]
        if strange:
            raise ValueError(f"order has {', '.join(strange)}, which is not under by")
        short = [name for name, levels in self.order.items() if len(set(levels)) < max(2, len(levels))]
        if short:
            raise ValueError(f"order of {', '.join(short)} needs two levels or more, each once")
        return self


class Horizons(Strict):
    """At which months arms are compared by other means than a hazard ratio.

    Attributes
    ----------
    survival_months : tuple of float
        Kaplan-Meier survival by arm and the difference (``survival_at``), cumulative incidence where deaths compete.
    rmst_months : float
        Horizon of the restricted mean survival time.
    split_months : tuple of float
        Where the hazard ratio may change (``time_split_cox``).
    """

    survival_months: tuple[Months, ...] = (36.0, 60.0)
    rmst_months: Months = 60.0
    split_months: tuple[Months, ...] = (6.0, 12.0, 36.0)


class FlexibleModel(Strict):
    """The Royston-Parmar model (``royston_parmar``): degrees of freedom of the baseline and of the effect's course."""

    df: int = Field(default=3, ge=1)
    effect_df: int = Field(default=0, ge=0)


class Imputation(Strict):
    """Multiple imputation of missing covariates (``imputed_cox``), always with a seed.

    Five rounds, as R's mice has it (from memory): ten take twice the time and move estimates no more than another
    seed does.
    """

    imputations: int = Field(default=10, ge=2)
    rounds: int = Field(default=5, ge=1)
    seed: int = 20261121
