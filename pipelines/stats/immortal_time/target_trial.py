"""A target trial: the trial one would run, written down beside its emulation, and the analysis it asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from numpy.typing import ArrayLike

from .._inputs import choice
from ..errors import CodingError
from ._initiation import STRATEGIES
from ._people import window_of_time
from .clone_censor_weight import CloneCensorWeight, clone_censor_weight

COMPONENTS = (
    "eligibility",
    "treatment_strategies",
    "assignment",
    "time_zero",
    "grace_period",
    "follow_up",
    "outcome",
    "estimand",
    "analysis",
)


@dataclass(frozen=True)
class Component:
    """One line of a protocol: what the trial would do, and what the data let one do."""

    target: str
    emulation: str


@dataclass(frozen=True)
class Strategy:
    """A treatment strategy.

    Attributes
    ----------
    name : str
        In words, such as "surgery of the primary within 8 months".
    operate : bool
        Whether it is a strategy to operate, or not to.
    by : float
        End of the time in which it has to be done, or must not be.
    timing : {"as_observed", "natural_then_forced", "uniform"}, optional
        When to operate until then; only of the strategy to operate.
    """

    name: str
    operate: bool
    by: float
    timing: str | None = None


@dataclass(frozen=True)
class TargetTrial:
    """A protocol whose analysis is clone, censor, weight.

    Attributes
    ----------
    eligibility : Component
        Who enters; all of it known at time zero.
    strategies : tuple of Strategy
        Two: one to operate and one not to, by the same time.
    assignment : Component
    time_zero : Component
        When eligibility, assignment and the start of follow-up coincide.
    grace : float
        Length of the grace period, in the unit of the data.
    follow_up : Component
    outcome : Component
    estimand : Component
        The causal contrast.
    analysis : Component
    unit : str
        Of time, for the table.

    Raises
    ------
    CodingError
        The strategies do not agree with each other or with the grace period, or a component is blank.

    References
    ----------
    Hernán MA, Robins JM. Using big data to emulate a target trial when a randomized trial is not available.
    Am J Epidemiol 2016;183:758-764.
    Cashin AG et al. Transparent reporting of observational studies emulating a target trial: the TARGET
    statement. JAMA 2025;334:1084-1093.
    """

    eligibility: Component
    strategies: tuple[Strategy, Strategy]
    assignment: Component
    time_zero: Component
    grace: float
    follow_up: Component
    outcome: Component
    estimand: Component
    analysis: Component
    unit: str = "months"

    def __post_init__(self) -> None:
        window_of_time(self.grace, "grace")
        _check_strategies(self.strategies, self.grace)
        for name, line in self._lines().items():
            blank = sum(not text.strip() for text in (line.target, line.emulation))
            if blank:
                raise CodingError(
                    "A component without words",
                    field=name,
                    count=blank,
                    remedy="Write what is done, or why not.",
                )

    @property
    def operate(self) -> Strategy:
        """The strategy to operate."""
        return next(strategy for strategy in self.strategies if strategy.operate)

    def protocol_table(self) -> pl.DataFrame:
        """One row per component: the target trial and its emulation side by side."""
        lines = self._lines()
        return pl.DataFrame(
            {
                "component": list(lines),
                "target_trial": [line.target for line in lines.values()],
                "emulation": [line.emulation for line in lines.values()],
            }
        )

    def emulate(
        self,
        time: ArrayLike,
        event: ArrayLike,
        surgery_time: ArrayLike,
        covariates: ArrayLike | pl.DataFrame | None,
        *,
        names: Sequence[str] | None = None,
        **options: object,
    ) -> CloneCensorWeight:
        """Run the analysis the protocol describes on people who are eligible.

        Parameters
        ----------
        time, event, surgery_time, covariates, names
            As in `clone_censor_weight`.
        **options
            Its other options, such as `times` or `bootstrap`; grace period and strategy are the protocol's.

        Raises
        ------
        CodingError
            `grace` or `strategy` among the options.
        StatsError
            As in `clone_censor_weight`.
        """
        fixed = sorted({"grace", "strategy"} & set(options))
        if fixed:
            raise CodingError(
                "An option that the protocol fixes", field=", ".join(fixed), remedy="Change the protocol."
            )
        return clone_censor_weight(
            time,
            event,
            surgery_time,
            covariates,
            names=names,
            grace=self.grace,
            strategy=self.operate.timing or STRATEGIES[0],
            **options,  # type: ignore[arg-type]  # named arguments
        )

    def _lines(self) -> dict[str, Component]:
        named = "; ".join(strategy.name for strategy in self.strategies)
        timing = (self.operate.timing or STRATEGIES[0]).replace("_", " ")
        grace = f"{self.grace:g} {self.unit}"
        made = {
            "treatment_strategies": Component(named, f"{named}. Timing of the operation: {timing}."),
            "grace_period": Component(
                grace,
                f"{grace}: within it a person's history is compatible with both strategies, so each person is "
                "cloned, and each clone is censored when it departs from its strategy.",
            ),
        }
        return {name: made[name] if name in made else getattr(self, name) for name in COMPONENTS}


def _check_strategies(strategies: tuple[Strategy, Strategy], grace: float) -> None:
    kinds = sorted(strategy.operate for strategy in strategies)
    if kinds != [False, True]:
        raise CodingError(
            "Not one strategy to operate and one not to",
            field="strategies",
            count=len(strategies),
            remedy="Give one of each.",
        )
    apart = sum(strategy.by != grace for strategy in strategies)
    if apart:
        raise CodingError(
            "Strategies that do not end with the grace period",
            field="strategies",
            count=apart,
            remedy=f"Give both of them by={grace:g}.",
        )
    for strategy in strategies:
        if not strategy.name.strip():
            raise CodingError("A strategy without a name", field="strategies", remedy="Name it.")
        if strategy.operate:
            choice(strategy.timing or "", "timing", STRATEGIES)
        elif strategy.timing is not None:
            raise CodingError(
                "A timing for the strategy not to operate", field="timing", remedy="Leave it out."
            )
