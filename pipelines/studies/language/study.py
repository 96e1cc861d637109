"""The study language: one validated object per study, whose hash is the identity of its estimates."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines.cohorts.yaml_models import Mistakes
from pipelines.studies.language.base import BASELINE_ONLY, Identifier, Strict
from pipelines.studies.language.coherence import mistakes_of
from pipelines.studies.language.covariates import Covariate, Models
from pipelines.studies.language.descriptions import FlexibleModel, GroupSurvival, Horizons, Imputation
from pipelines.studies.language.designs import Design, Fallback, GateLimits, Matching, Plasmode, Timing
from pipelines.studies.language.emulation import Emulation
from pipelines.studies.language.outcomes import BinaryOutcome, OtherOutcome, Outcome
from pipelines.studies.language.variants import OtherRule, Subgroup

Source = Literal["ncdb", "seer", "naaccr", "mapped"]


class StudyDefinition(Strict):
    """A study: its question, its cohort, its models, and what it is compared with.

    Attributes
    ----------
    id : str
        Name of the study's folder.
    title : str
        Heading of its page.
    question : str
        What it asks, in a sentence.
    tier : int
        1: runs on a current release and has numeric targets; 2, 3: less of either.
    references : tuple of str
        Papers.
    sources : tuple of str
        Sources that can answer: ncdb, seer, naaccr, mapped.
    needs : tuple of str
        Tumor columns beyond those of the cohort.
    cohort : str
        A cohort of the catalog.
    exposure : str
        Term of the arms in the estimates.
    timing : Timing, optional
        When the exposure happens, for the analyses that leave immortal time out.
    plasmode : Plasmode
        The simulation on the study's own people.
    outcome : Outcome, optional
        None where the outcomes are binary (``binary_outcomes``) or nothing but shares is asked for.
    other_outcomes : tuple of OtherOutcome
        Further outcomes, for which some analyses are done again.
    binary_outcomes : tuple of BinaryOutcome
        What happened to a person or not, without time.
    covariates : tuple of Covariate
        Variables of the models and of Table 1.
    models : Models
        Which covariates adjust what.
    design : Design
        match, weight, stratify.
    analyses : tuple of str
        What is done, each by its word.
    primary : str
        The analysis whose failure is the study's failure and whose gate is the study's gate.
    effect_by : tuple of str
        Covariates for ``cox_effect_by``; a continuous one has its trend alone.
    group_survival : GroupSurvival, optional
        Survival described in groups, for ``group_survival``.
    horizons : Horizons
        Months at which arms are compared.
    flexible : FlexibleModel
        Splines of ``royston_parmar``.
    imputation : Imputation
        How ``imputed_cox`` fills missing covariates.
    subgroups : tuple of Subgroup
        Declared beforehand.
    sensitivity : tuple of OtherRule
        The main analyses again on the cohort with one rule said otherwise.
    fallbacks : tuple of Fallback
        In place of what the source cannot answer.
    emulation : Emulation, optional
        The trial that is emulated.
    gate : GateLimits
        What a design must reach before its estimate is shown.
    confidence_level : float
        Of every interval.
    """

    id: Identifier
    title: str
    question: str
    tier: int = Field(default=2, ge=1, le=3)
    references: tuple[str, ...] = ()
    sources: tuple[Source, ...] = Field(min_length=1)
    needs: tuple[Identifier, ...] = ()
    cohort: Identifier
    exposure: Identifier
    timing: Timing | None = None
    plasmode: Plasmode = Plasmode()
    outcome: Outcome | None = None
    other_outcomes: tuple[OtherOutcome, ...] = ()
    binary_outcomes: tuple[BinaryOutcome, ...] = ()
    covariates: tuple[Covariate, ...]
    models: Models = Models()
    design: Design = Design()
    analyses: tuple[str, ...] = Field(min_length=1)
    primary: str
    effect_by: tuple[Identifier, ...] = ()
    group_survival: GroupSurvival | None = None
    horizons: Horizons = Horizons()
    flexible: FlexibleModel = FlexibleModel()
    imputation: Imputation = Imputation()
    subgroups: tuple[Subgroup, ...] = ()
    sensitivity: tuple[OtherRule, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    emulation: Emulation | None = None
    gate: GateLimits = GateLimits()
    confidence_level: float = Field(default=0.95, gt=0.5, lt=1)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if mistakes := mistakes_of(self):
            raise Mistakes(mistakes)
        return self

    def names_of(self, analyses: Iterable[str]) -> tuple[str, ...]:
        """The ``analysis`` column of the estimates that some words of `ANALYSES` give."""
        return tuple(name for word in analyses for name in self._names_of_one(word))

    def words_of(self, name: str) -> tuple[str, ...]:
        """The words of `ANALYSES` that the study asks for and that give a name of the ``analysis`` column."""
        return tuple(word for word in self.analyses if name in self.names_of([word]))

    def _names_of_one(self, word: str) -> tuple[str, ...]:
        if word in ("landmark", "undated_landmark") and self.timing is not None:
            return tuple(f"{word}_{month:g}" for month in self.timing.landmarks_months)
        if word == "logistic_outcome":
            return tuple(name for one in self.binary_outcomes for name in self.names_of_binary(one.name))
        if word == "weighted_cox":
            rest = self.design.weight.estimands[1:]
            return (word, *(f"{word}_{estimand.lower()}" for estimand in rest))
        if word == "matched_cox":
            return (word, "adjusted_matched_cox")
        if word == "stratified_by_score_cox":
            return (word, "within_score_strata_cox")
        if word == "plasmode":
            dated = (
                "ever_never",
                "immortal_time_excluded",
                "time_varying_cox",
                "time_varying_window_cox",
                "landmark",
                "clone_censor_weight",
            )
            return (word, *(f"plasmode_{name}" for name in self.names_of(dated)))
        return (word,)

    def names_of_binary(self, outcome: str) -> tuple[str, ...]:
        """The ``analysis`` column of the estimates of a binary outcome."""
        return tuple(f"{kind}_{outcome}" for kind in ("share", "crude", "logistic"))

    @property
    def analysis_names(self) -> tuple[str, ...]:
        """Every name that ``estimates.csv`` may have under ``analysis``, the flow diagram's among them."""
        return (
            *self.names_of(self.analyses),
            *(extra.name for extra in self.models.extra),
            "attrition",
            "interaction",
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of every variant that has one: the ``subgroup`` of its estimates."""
        levels = {one.name: [one.label(level) for level in one.levels] for one in self.subgroups}
        again = [
            f"{outcome}, {level}"
            for one in self.subgroups
            for outcome in one.outcomes
            for level in levels[one.name]
        ]
        names = [one.name for one in self.other_outcomes] + [one.name for one in self.sensitivity]
        return (BASELINE_ONLY, *(level for found in levels.values() for level in found), *names, *again)

    @property
    def matching(self) -> Matching:
        """How pairs are made."""
        return self.design.match

    @property
    def survives(self) -> Outcome:
        """The outcome of a study that has one.

        Raises
        ------
        ValueError
            It has none; the language does not let a survival analysis come so far.
        """
        if self.outcome is None:
            raise ValueError(f"study {self.id} has no survival outcome")
        return self.outcome

    def terms(self, names: Iterable[str], *, baseline_only: bool = False) -> list[Covariate]:
        """Covariates by name, in the order of the model."""
        by_name = {one.name: one for one in self.covariates}
        found = [by_name[name] for name in names]
        return [one for one in found if not (baseline_only and one.post_baseline)]

    @property
    def has_reanalysis(self) -> bool:
        """Whether the published covariate sets hold anything known only after diagnosis."""
        used = (*self.models.cox, *self.models.propensity)
        return any(one.post_baseline for one in self.terms(used))
