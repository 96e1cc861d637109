"""One run of clone, censor, weight: hazard, weights, rows, model, curves; done again in every replicate."""

from dataclasses import dataclass, replace

import numpy as np

from .._inputs import FloatArray, IntArray, choice, row_hash
from ..cox import CoxFit, fit_cox
from ..errors import CodingError
from ._arm_curves import DIFFERENCES, ArmCurve, arm_curve, contrast
from ._arm_weights import truncate_weights
from ._clones import clone_rows
from ._initiation import STRATEGIES, plan_initiation
from ._people import EXPOSURE, People, require_both_arms
from ._person_time import PersonTime, merge_rows
from .surgery_hazard import SurgeryHazard, model_operations

MOST_STEPS = 200


@dataclass(frozen=True)
class Design:
    """The choices of one analysis, and the people they apply to."""

    people: People  # with the covariates of the surgery hazard
    outcome: FloatArray  # (n, q) covariates of the outcome model
    outcome_names: tuple[str, ...]
    grace: float
    strategy: str
    interval: float
    step: float
    stabilise: bool
    truncate: float | None
    times: tuple[float, ...]
    ties: str
    hazard_ties: str

    @property
    def timing(self) -> str:
        """When the operated arm operates, in words."""
        intervals = "" if self.strategy == STRATEGIES[0] else f" in intervals of {self.interval:g}"
        return self.strategy.replace("_", " ") + intervals

    def of(self, rows: IntArray) -> "Design":
        """The same design for a draw of people."""
        return replace(self, people=self.people.draw(rows), outcome=self.outcome[rows])

    def in_canonical_order(self) -> "Design":
        """People in an order that does not depend on how they came, so that draws do not either."""
        p = self.people
        columns = (p.time, p.died.astype(np.float64), p.surgery, p.covariates, self.outcome)
        return self.of(np.argsort(row_hash(*columns), kind="stable"))

    def check(self) -> None:
        """Refuse options that are none, and people among whom the strategies cannot be compared."""
        choice(self.strategy, "strategy", STRATEGIES)
        for value, field in ((self.interval, "interval"), (self.step, "step")):
            if not (np.isfinite(value) and value > 0):
                raise CodingError(
                    "A length of time that is not above zero", field=field, remedy="Give months."
                )
        if self.grace > MOST_STEPS * self.step:
            raise CodingError(
                f"More than {MOST_STEPS} steps in the grace period",
                field="step",
                count=int(np.ceil(self.grace / self.step)),
                remedy="Give a longer step, in the unit of the times.",
            )
        if self.truncate is not None and not 0.5 < self.truncate < 1:
            raise CodingError(
                "A quantile outside 0.5 to 1", field="truncate", remedy="Write the 99th percentile as 0.99."
            )
        people, end = self.people, f"the grace period of {self.grace:g}"
        people.require_observed_time()
        operated = people.operated_by(self.grace)
        left = people.followed_after(self.grace) & ~operated
        require_both_arms(bool(operated.any()), True, f"within {end}")
        require_both_arms(True, bool(left.any()), f"and still followed after {end}")


@dataclass(frozen=True)
class Analysis:
    """What one run found; `truncated` counts clones by arm."""

    hazard: SurgeryHazard
    rows: PersonTime
    truncated: tuple[int, int]
    fit: CoxFit
    curves: tuple[ArmCurve, ArmCurve]


def analyse(design: Design, *, variance: bool) -> Analysis:
    """Run the design, with the variance by person where it is asked for."""
    people = design.people
    hazard = model_operations(people, design.grace, design.hazard_ties)
    marginal = None
    if design.stabilise:
        marginal = model_operations(people.without_covariates(), design.grace, design.hazard_ties)
    initiation = plan_initiation(design.strategy, hazard, design.interval)
    rows, truncated = clone_rows(people, initiation, design.step, marginal), (0, 0)
    if design.truncate is not None:
        rows, truncated = truncate_weights(rows, design.truncate)
    if not variance and not design.outcome_names:
        rows = merge_rows(rows)
    fit = fit_cox(
        rows.stop,
        rows.died,
        np.column_stack([rows.operated, design.outcome[rows.person]]),
        names=(EXPOSURE, *design.outcome_names),
        entry=rows.start,
        weights=rows.weight,
        cluster=rows.person if variance else None,
        ties=design.ties,
    )
    return Analysis(hazard, rows, truncated, fit, (arm_curve(rows, False), arm_curve(rows, True)))


def estimates(design: Design, rows: IntArray) -> FloatArray:
    """The log hazard ratio, then both differences at each time, in a draw of people."""
    found = analyse(design.of(rows), variance=False)
    values = [contrast(found.curves, measure, at) for at in design.times for measure in DIFFERENCES]
    return np.array([float(found.fit.coefficients[0]), *values])
