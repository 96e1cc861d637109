"""What can be wrong with the data a method is given: named errors that say field, count and remedy.

All are `ValueError`, so that the package can be used by itself. None ever holds a patient's value: a
message names the argument or covariate, how many entries are concerned, and what to do.
"""


class StatsError(ValueError):
    """Base of every error of this package.

    Parameters
    ----------
    what : str
        What is wrong, as a sentence.
    field : str, optional
        The argument or covariate concerned.
    count : int, optional
        How many entries are concerned.
    remedy : str
        What the caller can do.
    """

    def __init__(self, what: str, *, remedy: str, field: str | None = None, count: int | None = None) -> None:
        self.what, self.field, self.count, self.remedy = what, field, count, remedy
        place = f" (field: {field})" if field else ""
        number = f" ({count} of them)" if count is not None else ""
        super().__init__(f"{what.rstrip('.')}{place}{number}. {remedy}")

    @property
    def without_count(self) -> str:
        """The message for a report, where the count may be one of few people."""
        place = f" ({self.field})" if self.field else ""
        return f"{self.what.rstrip('.')}{place}. {self.remedy}"


class ShapeError(StatsError):
    """Arrays that should have one entry per person have different lengths or dimensions."""


class NonFiniteError(StatsError):
    """An argument holds NaN or an infinity, or a result is beyond what a number can hold."""


class CodingError(StatsError):
    """An argument holds values outside its coding (an event that is not 0 or 1, an unknown option)."""


class NegativeTimeError(StatsError):
    """A follow-up time is below zero."""


class StopBeforeStartError(StatsError):
    """A person leaves observation at or before entering it."""


class WeightError(StatsError):
    """A weight is zero or below."""


class NoEventsError(StatsError):
    """Nobody has the outcome, so nothing can be estimated."""


class NothingToCompareError(StatsError):
    """The data say nothing of a difference: all have their event at once, or a standard error is zero."""


class TooFewEventsError(StatsError):
    """There are fewer events than covariates."""


class EmptyArmError(StatsError):
    """One of the groups to be compared has nobody in it."""


class SeparationError(StatsError):
    """A covariate splits the outcome perfectly: the likelihood has no maximum."""


class CollinearityError(StatsError):
    """A covariate is constant or a combination of the others."""


class ConvergenceError(StatsError):
    """The iterations did not reach a maximum."""


class NoMatchError(StatsError):
    """No treated person has a control within the caliper."""


class ReplicateError(StatsError):
    """Too many replicates of a bootstrap could not be estimated."""


class NoOverlapError(StatsError):
    """The arms' covariates do not overlap enough: nothing can make them alike."""


class BeyondFollowUpError(StatsError):
    """A time is asked about until which nobody was followed."""


class RiskSetError(StatsError):
    """Too few people are under observation at the same time for a curve."""


class PopulationTableError(StatsError):
    """A table of the general population's death rates is not complete, or does not cover the people."""


class CaliperError(StatsError):
    """A matched pair lies further apart than its caliper: a fault of the matching, found before use."""


class SizeError(StatsError):
    """More data than a method is made for: it would take hours, or all the memory."""


class NotRecordedError(StatsError):
    """The source never recorded what the analysis needs: the analysis is refused, not replaced by a proxy."""


class NotImputableError(StatsError):
    """A value is missing because nobody could have known it: it is not to be imputed."""
