"""The variables of the models: where they come from, their levels, and what becomes of missing values."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.studies.language.base import Identifier, Sql, Strict


class Covariate(Strict):
    """One variable of a model.

    Attributes
    ----------
    name : str
        Term in the estimates.
    words : str
        What it is called in tables.
    column : str, optional
        A tumor column; either this or ``sql``.
    sql : str, optional
        A SQL expression over tumor columns; either this or ``column``.
    kind : {'categorical', 'continuous'}
        A continuous term has no levels.
    groups : dict
        Values to levels, for those that the study groups; another value is its own level.
    reference : str
        Level that the others are compared with (categorical).
    levels : tuple of str
        Every level the study knows, reference included; needed where a target names one.
    missing : {'category', 'complete_case'}
        Missing values as a level of their own (``unknown``), or out of every model that has the term. What they
        would be is imputed in the analysis ``imputed_cox`` alone.
    post_baseline : bool
        Known only after diagnosis (a treatment): a warning, and left out of the re-analysis.
    strong : bool
        A strong prognostic factor: the gate asks for a smaller difference between the arms.
    per : float
        Unit of a continuous term.
    """

    name: Identifier
    words: str
    column: Identifier | None = None
    sql: Sql | None = None
    kind: Literal["categorical", "continuous"] = "categorical"
    groups: dict[str, str] = {}
    reference: str | None = None
    levels: tuple[str, ...] = ()
    missing: Literal["category", "complete_case"] = "category"
    post_baseline: bool = False
    strong: bool = False
    per: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.column is None) == (self.sql is None):
            raise ValueError("give either column or sql")
        if self.kind == "categorical" and self.reference is None:
            raise ValueError("a categorical covariate needs its reference level")
        if self.kind == "continuous" and (self.reference or self.groups or self.missing == "category"):
            raise ValueError("a continuous covariate has no levels, and its missing policy is complete_case")
        if self.levels and self.reference is not None and self.reference not in self.levels:
            raise ValueError(f"the reference {self.reference!r} is not one of the levels")
        return self

    @property
    def expression(self) -> str:
        """SQL over tumor columns."""
        return self.sql or self.column or ""

    @property
    def known_levels(self) -> tuple[str, ...]:
        """Levels the study names, reference first; empty where it names none."""
        named = self.levels or tuple(self.groups.values())
        first = (self.reference,) if self.reference and named else ()
        return tuple(dict.fromkeys((*first, *named)))


class ExtraModel(Strict):
    """A further Cox model under a name of the study's own.

    Attributes
    ----------
    name : str
        Analysis of its estimates; it begins with ``cox_``.
    words : str
        What it is, in the protocol.
    covariates : tuple of str
        Its covariates, by name.
    with_exposure : bool
        Whether the arms are in the model too.
    """

    name: Annotated[str, Field(pattern=r"^cox_[a-z0-9_]+$")]
    words: str
    covariates: tuple[Identifier, ...] = Field(min_length=1)
    with_exposure: bool = False


class Models(Strict):
    """Which covariates are in which model.

    Attributes
    ----------
    logistic : tuple of str
        Covariates of the model of who is exposed (``logistic_exposure``).
    cox : tuple of str
        Covariates of the adjusted models of survival.
    propensity : tuple of str
        Covariates of the propensity score.
    extra : tuple of ExtraModel
        Further Cox models.
    ties : {'efron', 'breslow'}
        How Cox models take deaths at one and the same time.
    rare_level_minimum : int
        A level of fewer people leaves the models, and these people with it.
    """

    logistic: tuple[Identifier, ...] = ()
    cox: tuple[Identifier, ...] = ()
    propensity: tuple[Identifier, ...] = ()
    extra: tuple[ExtraModel, ...] = ()
    ties: Literal["efron", "breslow"] = "efron"
    rare_level_minimum: int = Field(default=10, ge=1)
