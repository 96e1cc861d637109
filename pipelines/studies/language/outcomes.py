"""What happens to people, and from when time is counted."""

from typing import Literal

from pydantic import Field

from pipelines.studies.language.base import Identifier, Sql, Strict


class Outcome(Strict):
    """Time to what, from when.

    Attributes
    ----------
    kind : {'overall', 'disease_specific'}
        A disease-specific outcome needs a source that classifies causes of death.
    words : str
        The outcome as a reader would say it.
    time_zero : str
        The moment from which months are counted, in words.
    time : str
        Tumor column: months of follow-up.
    entry : str, optional
        Tumor column: months after which people come under observation (left truncation).
    event : str
        SQL boolean; a person for whom it is null leaves the analysis and is counted.
    other_cause : str, optional
        SQL boolean of the competing death, for the companions of a disease-specific outcome.
    zero_months : {'keep_as_half_month', 'drop', 'keep'}
        What becomes of people with a survival of 0 months.
    start_months : float
        Time zero lies this many months after that of ``time`` (a trial that randomises after systemic therapy,
        a landmark): who died or was lost before it leaves the analysis and is counted.
    cut_months : str, optional
        SQL number of months at which follow-up is cut, such as that of a paper's last contact.
    """

    kind: Literal["overall", "disease_specific"]
    words: str
    time_zero: str = "Diagnosis"
    time: Identifier = "survival_months"
    event: Sql = "died"
    entry: Identifier | None = None
    other_cause: Sql | None = None
    zero_months: Literal["keep_as_half_month", "drop", "keep"] = "keep_as_half_month"
    start_months: float = Field(default=0.0, ge=0)
    cut_months: Sql | None = None


class OtherOutcome(Outcome):
    """A further outcome of the study: some analyses again, under its name as their subgroup.

    Attributes
    ----------
    name : str
        Label of its estimates.
    analyses : tuple of str
        Which are repeated; all that can be where it is empty.
    needs : tuple of str
        Tumor columns; where the source cannot give one, these analyses are absent with the reason.
    """

    name: Identifier
    analyses: tuple[str, ...] = ()
    needs: tuple[Identifier, ...] = ()


class BinaryOutcome(Strict):
    """Something that happened to a person or not, for a two-by-two table and a logistic model.

    Attributes
    ----------
    name : str
        Its analyses are called ``share_<name>``, ``crude_<name>`` and ``logistic_<name>``.
    words : str
        What happened, as a reader would say it.
    event : str
        SQL boolean; null leaves the analysis and is counted (alive and not yet seen for ten years is null).
    covariates : tuple of str
        Terms of the logistic model beside the arms; none is no logistic model.
    firth : bool
        Penalised likelihood, for rare events.
    needs : tuple of str
        Tumor columns; where the source cannot give one, its analyses are absent with the reason.
    """

    name: Identifier
    words: str
    event: Sql
    covariates: tuple[Identifier, ...] = ()
    firth: bool = False
    needs: tuple[Identifier, ...] = ()
