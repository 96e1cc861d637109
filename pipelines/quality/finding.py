"""What one check found."""

from dataclasses import dataclass
from typing import Literal

from pipelines.quality.checks import Check

Status = Literal["pass", "warn", "fail", "error", "not_applicable", "overridden"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : Check
    status : str
        ``not_applicable`` where the check is for another registry, asks for a column that the extract
        does not have, or has no row in its scope.
    n_checked, n_failed : int or None
        Rows in scope, and those of them that break the rule; none where the check itself broke.
    problem : str or None
        What broke the check, without any value from the data.
    """

    check: Check
    status: Status
    n_checked: int | None = 0
    n_failed: int | None = 0
    problem: str | None = None

    @property
    def percent_failed(self) -> float | None:
        """Percentage of the rows in scope that break the rule."""
        if self.n_checked is None or self.n_failed is None:
            return None
        return 100 * self.n_failed / max(self.n_checked, 1)

    @property
    def blocks(self) -> bool:
        """Whether the submission may not be used: a blocking check failed, or any check broke."""
        return self.status in ("fail", "error")
