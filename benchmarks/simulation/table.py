"""The numbers of the study: one row per scenario and estimator, judged, and tables in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from .study import ESTIMATE, HIGH, LOW, STD_ERR, Found

MOST_BIAS, LEAST_COVERAGE = 0.015, 0.93
NO_TARGET = "†"
COLUMNS = (
    "scenario",
    "HR",
    "estimator",
    "estimand",
    "effect type",
    "mean log HR",
    "its Monte Carlo SE",
    "as HR",
    "own truth, HR",
    "bias",
    "empirical SD",
    "mean SE",
    "coverage",
    "type I error",
    "power",
    "failed",
    "verdict",
)
_TEXT = {"scenario", "estimator", "estimand", "effect type", "verdict", "own truth", "why"}


@dataclass(frozen=True)
class Row:
    """How one estimator did in one scenario; the first six on the log scale, the others shares.

    Attributes
    ----------
    found : Found
    mean, monte_carlo : float
        Mean estimate over replicates, and its standard error.
    truth, bias : float
        The estimator's own truth, and how far the mean is from it.
    spread, std_err : float
        Standard deviation of the estimates, and the mean of their standard errors.
    coverage, rejected, failed : float
        Of replicates: whose interval holds the truth, whose interval excludes 1, that gave no estimate.
    """

    found: Found
    mean: float
    monte_carlo: float
    truth: float
    bias: float
    spread: float
    std_err: float
    coverage: float
    rejected: float
    failed: float

    @property
    def missed(self) -> tuple[str, ...]:
        """What fails; NaN fails."""
        bias = () if abs(self.bias) <= MOST_BIAS else ("bias",)
        coverage = () if self.coverage >= LEAST_COVERAGE else ("coverage",)
        return (*bias, *coverage)

    @property
    def verdict(self) -> str:
        """`pass`, or what fails."""
        return f"fails: {', '.join(self.missed)}" if self.missed else "pass"

    @property
    def has_target(self) -> bool:
        """Whether the estimator has a valid target in the scenario."""
        return self.found.estimator.has_target(self.found.scenario)

    def cells(self) -> list[str]:
        """As `COLUMNS`."""
        found = self.found
        null = found.scenario.hazard_ratio == 1
        label = found.estimator.label
        return [
            found.scenario.name,
            f"{found.scenario.hazard_ratio:g}",
            f"{label} ({len(found.values)} replicates)" if found.estimator.bootstrap else label,
            found.estimand,
            found.effect_type,
            f"{self.mean:+.4f}",
            f"{self.monte_carlo:.4f}",
            f"{np.exp(self.mean):.3f}",
            f"{np.exp(self.truth):.3f}" + ("" if self.has_target else NO_TARGET),
            f"{self.bias:+.4f}",
            f"{self.spread:.4f}",
            f"{self.std_err:.4f}",
            percent(self.coverage),
            percent(self.rejected) if null else "",
            "" if null else percent(self.rejected),
            percent(self.failed),
            self.verdict,
        ]


def summarise(found: Found) -> Row:
    """One row of the table; replicates without an estimate count in `failed` alone."""
    values = found.values[np.isfinite(found.values[:, ESTIMATE])]
    count = len(values)
    nothing = float("nan")
    estimate, low, high = values[:, ESTIMATE], values[:, LOW], values[:, HIGH]
    mean = float(estimate.mean()) if count else nothing
    spread = float(estimate.std(ddof=1)) if count > 1 else nothing
    return Row(
        found=found,
        mean=mean,
        monte_carlo=spread / float(np.sqrt(max(count, 1))),
        truth=found.truth,
        bias=mean - found.truth,
        spread=spread,
        std_err=float(values[:, STD_ERR].mean()) if count else nothing,
        coverage=float(np.mean((low <= found.truth) & (found.truth <= high))) if count else nothing,
        rejected=float(np.mean((low > 0) | (high < 0))) if count else nothing,
        failed=1 - count / len(found.values),
    )


def chance_of_missing(replicates: int) -> float:
    """Chance that intervals that hold the truth in 95 of 100 are found to do so too rarely to pass."""
    return float(binom.cdf(np.ceil(LEAST_COVERAGE * replicates) - 1, replicates, 0.95))


def percent(share: float) -> str:
    """A share in percent, to a tenth."""
    return f"{100 * share:.1f} %"


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; numbers to the right."""
    rule = ["---" if name in _TEXT else "---:" for name in head]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))
