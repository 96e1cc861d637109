"""The study language: one validated object per study, whose hash is the identity of its estimates."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipelines.cohorts.definition import Identifier, Sql, Strict

MISSING_WORDS = ("unknown", "not_applicable", "not_collected", "not_released", "withheld")
"""Why a value is missing, in the registry's words; models pool them, tables keep them apart."""

Analysis = Literal[
    "table_one",
    "exposed_share",
    "km",
    "vital_status_median",
    "logistic_exposure",
    "cox_unadjusted",
    "cox_adjusted",
    "cox_other_cause",
    "cox_propensity_covariate",
    "matched_cox",
    "matched_km",
    "stratified_cox",
]


class Outcome(Strict):
    """Time to what, from when.

    Attributes
    ----------
    kind : {'overall', 'disease_specific'}
        A disease-specific outcome needs a source that classifies causes of death.
    time, entry : str
        Tumor columns in months; ``entry`` where people come under observation later (left truncation).
    event : str
        SQL boolean; a person for whom it is null leaves the analysis and is counted.
    other_cause : str, optional
        SQL boolean of the competing death, for the companion of a disease-specific outcome.
    zero_months : {'keep_as_half_month', 'drop', 'keep'}
        What becomes of people with a survival of 0 months.
    """

    kind: Literal["overall", "disease_specific"]
    words: str
    time: Identifier = "survival_months"
    event: Sql = "died"
    entry: Identifier | None = None
    other_cause: Sql | None = None
    zero_months: Literal["keep_as_half_month", "drop", "keep"] = "keep_as_half_month"


class Covariate(Strict):
    """One variable of a model.

    Attributes
    ----------
    name, words : str
        Term in the estimates, heading in tables.
    column, sql : str
        Exactly one of them: a tumor column, or a SQL expression over them.
    groups : dict
        Values to levels, for those that the study groups; another value is its own level.
    reference : str
        Level that the others are compared with (categorical).
    levels : tuple of str
        Every level the study knows, reference included; needed where a target names one.
    missing : {'category', 'complete_case'}
        Missing values as a level of their own (``unknown``), or out of every model that has the term.
    post_baseline : bool
        Known only after diagnosis (a treatment): a warning, and left out of the re-analysis.
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
    """A further Cox model under a name of the study's own."""

    name: Annotated[str, Field(pattern=r"^cox_[a-z0-9_]+$")]
    words: str
    covariates: tuple[Identifier, ...] = Field(min_length=1)
    with_exposure: bool = False


class Models(Strict):
    """Which covariates are in which model."""

    logistic: tuple[Identifier, ...] = ()
    cox: tuple[Identifier, ...] = ()
    propensity: tuple[Identifier, ...] = ()
    extra: tuple[ExtraModel, ...] = ()
    ties: Literal["efron", "breslow"] = "efron"
    rare_level_minimum: int = Field(default=10, ge=1)


class Matching(Strict):
    """How pairs are made. What a paper does not say is our default, and ``stated_in_paper`` says so."""

    ratio: int = Field(default=1, ge=1)
    caliper: float | None = Field(default=0.2, gt=0)
    caliper_sd: Literal["pooled", "total", "treated", "control"] = "pooled"
    order: Literal["closest", "largest", "smallest"] = "closest"
    replace: Literal[False] = False
    stated_in_paper: bool = False
    words: str = ""


class OtherRule(Strict):
    """The study's cohort with one rule said otherwise, for a sensitivity analysis.

    Attributes
    ----------
    name : str
        Subgroup of its estimates; also the end of the name of its cohort.
    rule : str
        Id of the cohort's rule that it replaces.
    words, reference, when
        As in a cohort.
    needs : tuple of str
        Tumor columns that it needs beyond those of the cohort.
    """

    name: Identifier
    rule: Identifier
    words: str
    reference: str
    when: Sql
    needs: tuple[Identifier, ...] = ()


class StudyDefinition(Strict):
    """A study: its question, its cohort, its models, and what it is compared with.

    Attributes
    ----------
    id, title, question : str
    references : tuple of str
        Papers.
    sources : tuple of str
        Sources that can answer: ncdb, seer, mapped.
    needs : tuple of str
        Tumor columns beyond those of the cohort.
    cohort : str
        A cohort of the catalog.
    exposure : str
        Term of the arms in the estimates.
    primary : str
        The analysis whose failure is the study's failure.
    sensitivity : tuple of OtherRule
        The main analyses again on the cohort with one rule said otherwise.
    """

    id: Identifier
    title: str
    question: str
    references: tuple[str, ...] = ()
    sources: tuple[Literal["ncdb", "seer", "naaccr", "mapped"], ...] = Field(min_length=1)
    needs: tuple[Identifier, ...] = ()
    cohort: Identifier
    exposure: Identifier
    outcome: Outcome
    covariates: tuple[Covariate, ...]
    models: Models
    matching: Matching = Matching()
    analyses: tuple[Analysis, ...] = Field(min_length=1)
    primary: str
    sensitivity: tuple[OtherRule, ...] = ()
    confidence_level: float = Field(default=0.95, gt=0.5, lt=1)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        mistakes = [*self._unknown_terms(), *self._wrong_analyses()]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _unknown_terms(self) -> list[str]:
        names = [one.name for one in self.covariates]
        mistakes = [
            f"covariate {name} is there twice" for name in sorted(set(names)) if names.count(name) > 1
        ]
        used = {
            "logistic": self.models.logistic,
            "cox": self.models.cox,
            "propensity": self.models.propensity,
        }
        used |= {extra.name: extra.covariates for extra in self.models.extra}
        return mistakes + [
            f"model {model} uses {term}, which is not a covariate"
            for model, terms in used.items()
            for term in terms
            if term not in names
        ]

    def _wrong_analyses(self) -> list[str]:
        mistakes = []
        wants = {
            "logistic_exposure": self.models.logistic,
            "cox_adjusted": self.models.cox,
            "cox_propensity_covariate": self.models.propensity,
            "matched_cox": self.models.propensity,
        }
        for name, terms in wants.items():
            if name in self.analyses and not terms:
                mistakes.append(f"{name} has no covariates under models")
        for name in ("matched_km", "stratified_cox"):
            if name in self.analyses and "matched_cox" not in self.analyses:
                mistakes.append(f"{name} needs matched_cox")
        if "cox_other_cause" in self.analyses and self.outcome.other_cause is None:
            mistakes.append("cox_other_cause needs outcome.other_cause")
        if self.primary not in self.analysis_names:
            mistakes.append(f"the primary analysis {self.primary} is not one of the analyses")
        return mistakes

    @property
    def analysis_names(self) -> tuple[str, ...]:
        """Analyses of the list and the study's own models."""
        return (*self.analyses, *(extra.name for extra in self.models.extra))

    def terms(self, names: tuple[str, ...], *, baseline_only: bool = False) -> list[Covariate]:
        """Covariates by name, in the order of the model."""
        by_name = {one.name: one for one in self.covariates}
        found = [by_name[name] for name in names]
        return [one for one in found if not (baseline_only and one.post_baseline)]

    @property
    def has_reanalysis(self) -> bool:
        """Whether the published covariate sets hold anything known only after diagnosis."""
        used = (*self.models.cox, *self.models.propensity)
        return any(one.post_baseline for one in self.terms(used))
