"""A randomised trial, and what a registry can say of it: the protocol of a target-trial emulation."""

from typing import Literal

from pydantic import Field

from pipelines.studies.language.base import Identifier, Strict


class Criterion(Strict):
    """One line of the trial's protocol and what stands for it in a registry.

    Attributes
    ----------
    trial : str
        What the trial asked for or did.
    registry : str
        What the emulation does instead.
    status : {'mapped', 'proxied', 'not_recorded'}
        ``not_recorded``: no registry field answers it.
    decides : bool
        The trial's question rests on it: where such a criterion is not recorded the verdict on every number of the
        trial is ``not_comparable``, whatever the numbers are.
    """

    trial: str = Field(min_length=1)
    registry: str = Field(min_length=1)
    status: Literal["mapped", "proxied", "not_recorded"]
    decides: bool = False


class TrialResult(Strict):
    """What a report of the trial prints, in our orientation and at our confidence level."""

    report: Identifier
    name: str
    hr: float = Field(gt=0)
    ci_low: float = Field(gt=0)
    ci_high: float = Field(gt=0)
    ci_level: float = Field(gt=0.5, lt=1)
    verification: str


class Emulation(Strict):
    """The target trial of a study (analysis ``trial_agreement`` and the TARGET table).

    Attributes
    ----------
    trial : str
        Row of ``catalog/evidence/trials.csv`` it is compared with.
    other_reports : tuple of str
        Rows of ``catalog/evidence/trial_reports.csv``: later or earlier reports of the same trial.
    eligibility : tuple of Criterion
    time_zero, assignment, follow_up, outcome, estimand : Criterion
    strategy_exposed : str
        The strategy of the exposed in words; the grace period is ``timing.window_months``.
    strategy_reference : str
        The strategy of the others in words.
    trial_strategies : str
        The trial's own arms.
    trial_analysis : str
        How the trial compared them.
    analysis : str
        Our estimate that is compared with the trial's.
    refused_outcomes : dict
        Outcomes of the trial that no registry holds (progression-free survival), with the reason.
    results : tuple of TrialResult
        What the reports print. Not written in study.yaml: the catalog fills it in from the rows named above, so that
        the identity of a study's estimates holds the numbers they were compared with.
    """

    trial: Identifier
    other_reports: tuple[Identifier, ...] = ()
    eligibility: tuple[Criterion, ...] = Field(min_length=1)
    time_zero: Criterion
    assignment: Criterion
    follow_up: Criterion
    outcome: Criterion
    estimand: Criterion
    strategy_exposed: str
    strategy_reference: str
    trial_strategies: str
    trial_analysis: str = "The arms as they were randomised, by a Cox model"
    analysis: str = "clone_censor_weight"
    refused_outcomes: dict[Identifier, str] = {}
    results: tuple[TrialResult, ...] = ()

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Every line of the protocol that the study words itself, eligibility first."""
        rest = (self.time_zero, self.assignment, self.follow_up, self.outcome, self.estimand)
        return (*self.eligibility, *rest)

    @property
    def trial_name(self) -> str:
        """The trial as its report is called, or by its key where the catalog has not filled it in."""
        return self.results[0].name if self.results else self.trial

    @property
    def undecidable(self) -> tuple[Criterion, ...]:
        """What the trial's question rests on and no registry records."""
        return tuple(one for one in self.criteria if one.decides and one.status == "not_recorded")
