"""The estimate under every defensible choice, so that nobody has to trust the one that was printed.

The runner knows nothing of the methods: it is given named choices and a function that makes an `Effect` of
one combination. What cannot be estimated is listed with its reason, never dropped.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from ..effect import DIFFERENCES, Effect
from ..errors import CodingError, NoEventsError, StatsError

IMMORTAL_TIME = "immortal_time"
COVARIATES = "covariates"
FIGURES = ("estimate", "ci_low", "ci_high", "ci_level")
COUNTS = ("n", "n_exposed", "events")
RESERVED = ("panel", "rank", "primary", "status", "reason", *FIGURES, *COUNTS)


@dataclass(frozen=True)
class Specification:
    """One combination of choices: its effect, or why there is none."""

    choices: dict[str, str]
    effect: Effect | None
    reason: str | None
    primary: bool

    @property
    def panel(self) -> str | None:
        """Measure, estimand and type of the effect: only effects of one panel may be compared."""
        e = self.effect
        return None if e is None else f"{e.measure}, {e.estimand}, {e.effect_type}"


@dataclass(frozen=True)
class SpecificationCurve:
    """Result of `specification_curve`.

    Attributes
    ----------
    dimensions : tuple of str
        Names of the choices.
    specifications : tuple of Specification
        Every combination, in the order of the choices.
    """

    dimensions: tuple[str, ...]
    specifications: tuple[Specification, ...]

    @property
    def primary(self) -> Specification:
        """The specification named in advance."""
        return next(s for s in self.specifications if s.primary)

    def to_frame(self) -> pl.DataFrame:
        """One row per specification, ready to plot: within a panel by estimate, what failed last.

        `panel, rank, primary, status, reason, estimate, ci_low, ci_high, ci_level, n, n_exposed, events`
        and one column per choice. There is no p-value: the specifications are not independent, and none of
        them is a test.
        """
        rows = [self._row(specification) for specification in self.specifications]
        numbers = dict.fromkeys(FIGURES, pl.Float64)
        counts = dict.fromkeys(COUNTS, pl.Int64)
        schema = {"panel": pl.String, "primary": pl.Boolean, "status": pl.String, "reason": pl.String}
        frame = pl.DataFrame(
            rows, schema={**schema, **numbers, **counts, **dict.fromkeys(self.dimensions, pl.String)}
        )
        ordered = frame.sort(["panel", "estimate", *self.dimensions], nulls_last=True)
        rank = pl.col("estimate").cum_count().over("panel").cast(pl.Int64)
        return ordered.select(
            "panel",
            pl.when(pl.col("status") == "estimated").then(rank).alias("rank"),
            pl.exclude("panel"),
        )

    def summary(self) -> pl.DataFrame:
        """One row per panel: specifications, smallest, middle and largest estimate, and the primary one.

        Failures are a row without a panel, with their number.
        """
        primary = pl.col("estimate").filter(pl.col("primary")).first()
        below = pl.col("estimate") < pl.col("panel").str.contains(f"^({'|'.join(DIFFERENCES)}),").not_().cast(
            pl.Float64
        )
        return (
            self.to_frame()
            .group_by("panel")
            .agg(
                pl.len().cast(pl.Int64).alias("specifications"),
                pl.col("estimate").min().alias("smallest"),
                pl.col("estimate").median().alias("median"),
                pl.col("estimate").max().alias("largest"),
                below.mean().alias("share_below_no_effect"),
                primary.alias("primary"),
            )
            .sort("panel", nulls_last=True)
        )

    def _row(self, specification: Specification) -> dict[str, object]:
        effect = specification.effect
        return {
            "panel": specification.panel,
            "primary": specification.primary,
            "status": "failed" if effect is None else "estimated",
            "reason": specification.reason,
            **{name: None if effect is None else getattr(effect, name) for name in FIGURES + COUNTS},
            **specification.choices,
        }


def specification_curve(
    estimate: Callable[[Mapping[str, str]], Effect],
    choices: Mapping[str, Sequence[str]],
    *,
    primary: Mapping[str, str],
    covariate_sets: Mapping[str, Sequence[str]],
    baseline: Collection[str],
) -> SpecificationCurve:
    """Estimate an effect under every combination of named choices.

    Parameters
    ----------
    estimate : callable
        From one combination, such as `{"immortal_time": "landmark_6", "covariates": "full"}`, to its
        `Effect`. A named error of this package is a specification that failed; any other is a fault and is
        raised.
    choices : mapping of str to sequence of str
        Options of each dimension, in the order to run them. `immortal_time` (how it is handled, the naive
        way among them) and `covariates` are dimensions of every curve.
    primary : mapping of str to str
        The combination named in advance.
    covariate_sets : mapping of str to sequence of str
        The covariates of each option of `covariates`.
    baseline : collection of str
        Covariates known at diagnosis. What is only known later (chemotherapy, margins, pathologic stage) is
        part of the effect, or of its immortal time, and is refused.

    Returns
    -------
    SpecificationCurve
        Effects of several estimands, measures or types stand in panels of their own.

    Raises
    ------
    CodingError
        No dimension for immortal time or covariates, an option without covariates, a covariate that is not
        known at diagnosis, a primary specification that is none of the combinations, an option twice, a
        choice named like a column of the result.
    NoEventsError
        Every specification failed.

    References
    ----------
    Simonsohn U, Simmons JP, Nelson LD. Specification curve analysis. Nat Hum Behav 2020;4:1208-1214.
    """
    _check_choices(choices, primary)
    _check_covariates(choices, covariate_sets, baseline)
    dimensions = tuple(choices)
    found = []
    for options in product(*choices.values()):
        combination = dict(zip(dimensions, options, strict=True))
        effect, reason = _attempt(estimate, combination)
        found.append(Specification(combination, effect, reason, combination == dict(primary)))
    if all(specification.effect is None for specification in found):
        raise NoEventsError(
            "No specification could be estimated",
            field="choices",
            count=len(found),
            remedy=f"The first one failed thus: {found[0].reason}",
        )
    return SpecificationCurve(dimensions, tuple(found))


def _attempt(
    estimate: Callable[[Mapping[str, str]], Effect], combination: dict[str, str]
) -> tuple[Effect | None, str | None]:
    try:
        effect = estimate(combination)
    except StatsError as error:
        return None, str(error)
    if not np.isfinite([effect.estimate, effect.ci_low, effect.ci_high]).all():
        return None, "The estimate or its interval is not finite."
    return effect, None


def _check_choices(choices: Mapping[str, Sequence[str]], primary: Mapping[str, str]) -> None:
    absent = [name for name in (IMMORTAL_TIME, COVARIATES) if name not in choices]
    if absent:
        raise CodingError(
            f"No choice of {', '.join(absent)}",
            field="choices",
            count=len(absent),
            remedy="Name how immortal time is handled and which covariates are used, even if only one way.",
        )
    wrong = [
        name
        for name, options in choices.items()
        if not options or len(set(options)) < len(options) or name in RESERVED
    ]
    if wrong:
        raise CodingError(
            "Choices without options, with an option twice, or with a name the result needs itself",
            field=", ".join(wrong),
            count=len(wrong),
            remedy="Give each choice its options once.",
        )
    if set(primary) != set(choices) or any(primary[name] not in choices[name] for name in choices):
        raise CodingError(
            "The primary specification is none of the combinations",
            field="primary",
            remedy="Name one option of every choice.",
        )


def _check_covariates(
    choices: Mapping[str, Sequence[str]],
    covariate_sets: Mapping[str, Sequence[str]],
    baseline: Collection[str],
) -> None:
    unnamed = [option for option in choices[COVARIATES] if option not in covariate_sets]
    if unnamed:
        raise CodingError(
            f"Options without covariates: {', '.join(unnamed)}",
            field="covariate_sets",
            count=len(unnamed),
            remedy="Say which covariates each option has.",
        )
    late = sorted({c for option in choices[COVARIATES] for c in covariate_sets[option]} - set(baseline))
    if late:
        raise CodingError(
            f"Covariates that are not known at diagnosis: {', '.join(late)}",
            field="covariate_sets",
            count=len(late),
            remedy="Leave them out: what follows the decision cannot adjust for it.",
        )
