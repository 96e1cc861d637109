"""A published estimate as it is printed, turned to one orientation, with checks that its figures can be true.

A ratio, its interval and its p-value say the same thing three times, and the interval says how many deaths
there must have been. Figures that contradict each other are found, not repaired.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

from .._inputs import choice, confidence
from .._linear_algebra import normal_quantile
from ..effect import EFFECT_TYPES
from ..errors import CodingError

ORIENTATIONS = ("exposed_vs_unexposed", "unexposed_vs_exposed")
MEASURES = ("hr", "shr", "or", "rr")
DESIGNS = ("randomised", "observational")
CUSTOMARY_LEVELS = (0.9, 0.95, 0.99)
# A log-rank, score or likelihood ratio p-value is not Wald's: its z may be off by this, and this share.
Z_TOLERANCE = 0.02
# Matched or clustered people may have a standard error a little below the model's: so many of the deaths it implies
# are enough.
DEATHS_TOLERANCE = 0.8


@dataclass(frozen=True)
class StudyEstimate:
    """One study's ratio as printed.

    Attributes
    ----------
    label : str
        Name of the study, such as `Soran 2018`.
    estimate, ci_low, ci_high : float
        Ratio and limits as printed, in the orientation of the paper.
    ci_level : float
        Level of the interval, 0 to 1. Trials print 0.90 more often than one thinks.
    orientation : {"exposed_vs_unexposed", "unexposed_vs_exposed"}
        Which arm is compared with which; the second is the reference.
    measure : {"hr", "shr", "or", "rr"}
    p_value : float, optional
        As printed. A printed `0.000` is a bound: `p_value=0.0005, p_is_bound=True`.
    p_is_bound : bool
        The paper prints `p < p_value`.
    p_sides : {2, 1}
    digits : int, optional
        Decimals the paper prints; default the most that estimate or limits have.
    n, n_exposed, events : int, optional
        People, those of them exposed, their events.
    data_source : str, optional
        Registry or database the people come from; two studies of one source may share people.
    years : tuple of int, optional
        First and last year of diagnosis.
    design : {"randomised", "observational"}
    effect_type : {"conditional", "marginal"}
        Adjusted for covariates in the outcome model, or not.

    Raises
    ------
    CodingError
        A figure that is no ratio, an estimate outside its interval, a level outside 0 to 1, an unknown
        orientation, measure, design or effect type, more exposed or more events than people, a number of people
        or events that is no whole number, a figure given as text.
    """

    label: str
    estimate: float
    ci_low: float
    ci_high: float
    ci_level: float
    orientation: str
    measure: str = "hr"
    p_value: float | None = None
    p_is_bound: bool = False
    p_sides: int = 2
    digits: int | None = None
    n: int | None = None
    n_exposed: int | None = None
    events: int | None = None
    data_source: str | None = None
    years: tuple[int, int] | None = None
    design: str = "observational"
    effect_type: str = "conditional"

    def __post_init__(self) -> None:
        for value, field, allowed in (
            (self.orientation, "orientation", ORIENTATIONS),
            (self.measure, "measure", MEASURES),
            (self.design, "design", DESIGNS),
            (self.effect_type, "effect_type", EFFECT_TYPES),
        ):
            choice(value, field, allowed)
        confidence(self.ci_level)
        self._check_kinds()
        self._check_figures()
        self._check_people()

    def _check_kinds(self) -> None:
        figures = ("estimate", "ci_low", "ci_high", "p_value", "digits", "n", "n_exposed", "events")
        for field in figures:
            value = getattr(self, field)
            if value is not None and not isinstance(value, Real):
                raise self._error("A figure that is not a number", field)
        for field in ("digits", "n", "n_exposed", "events"):
            value = getattr(self, field)
            if value is not None and (value < 0 or value % 1 != 0):
                raise self._error("A number that is below 0 or not whole", field)

    def _check_figures(self) -> None:
        figures = np.array([self.ci_low, self.estimate, self.ci_high], dtype=np.float64)
        if not (np.isfinite(figures).all() and figures[0] > 0):
            raise self._error("Ratios are above zero and finite", "estimate, ci_low, ci_high")
        if not (figures[0] <= figures[1] <= figures[2] and figures[0] < figures[2]):
            raise self._error("The estimate is outside its interval, or the interval has no width", "ci_low")
        if self.p_value is not None and not (0 < self.p_value <= 1 and self.p_sides in (1, 2)):
            raise self._error(
                "A p-value is above 0 to 1, one- or two-sided; of a printed 0.000 give the bound, 0.0005",
                "p_value",
            )
        if self.years is not None and len(self.years) != 2:
            raise self._error("Years that are not a first and a last one", "years")
        if self.years is not None and self.years[0] > self.years[1]:
            raise self._error("The last year is before the first", "years")

    def _check_people(self) -> None:
        if (self.n is not None and self.n < 2) or not 0 < self.share_exposed < 1:
            raise self._error("Both arms have people, and no more than the study", "n_exposed")
        if self.events is not None and not 1 <= self.events <= (self.n or np.inf):
            raise self._error("A ratio needs events, and no more than there are people", "events")

    def _error(self, what: str, field: str) -> CodingError:
        return CodingError(f"{self.label}: {what}", field=field, remedy="Compare it with the paper.")

    @property
    def share_exposed(self) -> float:
        """Share of the people exposed; one half, which implies the fewest deaths, where it is not known."""
        if self.n is None or self.n_exposed is None:
            return 0.5
        return self.n_exposed / self.n

    @property
    def std_err(self) -> float:
        """Standard error of the log ratio, from the width of the interval and its level."""
        return float(np.log(self.ci_high / self.ci_low) / (2 * normal_quantile(self.ci_level)))

    def log_estimate(self, orientation: str = "exposed_vs_unexposed") -> float:
        """Log ratio in one orientation."""
        choice(orientation, "orientation", ORIENTATIONS)
        value = float(np.log(self.estimate))
        return value if orientation == self.orientation else -value

    def ratio(
        self, orientation: str = "exposed_vs_unexposed", level: float = 0.95
    ) -> tuple[float, float, float]:
        """Ratio, lower and upper limit in one orientation and at one level."""
        centre = self.log_estimate(orientation)
        half = normal_quantile(confidence(level)) * self.std_err
        low, value, high = np.exp([centre - half, centre, centre + half]).tolist()
        return value, low, high

    @property
    def half_unit(self) -> float:
        """Half of the last printed decimal: how far a printed figure may be from the one it stands for."""
        digits = self.digits
        if digits is None:
            digits = max(_decimals(figure) for figure in (self.estimate, self.ci_low, self.ci_high))
        return 0.5 * 10.0**-digits


@dataclass(frozen=True)
class StudyCheck:
    """One check of one study.

    Attributes
    ----------
    label : str
    check : {"interval_symmetric", "p_value_agrees", "deaths_within_people"}
    passed : bool or None
        None where the study does not print what the check needs.
    finding : str
        What was compared with what.
    """

    label: str
    check: str
    passed: bool | None
    finding: str


def check_study(study: StudyEstimate) -> tuple[StudyCheck, ...]:
    """Check that a study's printed figures agree with each other, allowing for their rounding.

    Parameters
    ----------
    study : StudyEstimate

    Returns
    -------
    tuple of StudyCheck
        `interval_symmetric`: on the log scale the estimate is in the middle of its interval.
        `p_value_agrees`: estimate and interval give the printed p-value; where they would do so at another
        customary level, the finding names it.
        `deaths_within_people`: an unadjusted comparison has a variance of about 1/(d f (1 - f)) with d deaths
        and a share f exposed, and adjustment only widens it, so the interval needs at least
        1/(SE**2 f (1 - f)) deaths. More than there are people is impossible. Whatever the share exposed
        among those who die, the least is 4/SE**2; a study that reports clearly fewer deaths fails too.

    References
    ----------
    Altman DG, Bland JM. How to obtain the P value from a confidence interval. BMJ 2011;343:d2304.
    Schoenfeld DA. Sample-size formula for the proportional-hazards regression model. Biometrics
    1983;39:499-503.
    Parmar MKB, Torri V, Stewart L. Extracting summary statistics to perform meta-analyses of the published
    literature for survival endpoints. Stat Med 1998;17:2815-2834.
    """
    return (_symmetry(study), _p_value(study), _deaths(study))


def check_studies(studies: Sequence[StudyEstimate]) -> pl.DataFrame:
    """One row per study and check: `label, check, passed, finding`."""
    rows = [check for study in studies for check in check_study(study)]
    return pl.DataFrame(
        {
            "label": [row.label for row in rows],
            "check": [row.check for row in rows],
            "passed": pl.Series([row.passed for row in rows], dtype=pl.Boolean),
            "finding": [row.finding for row in rows],
        }
    )


def _symmetry(study: StudyEstimate) -> StudyCheck:
    low_limit, high_limit = _range(study.ci_low, study), _range(study.ci_high, study)
    middle = tuple(0.5 * (a + b) for a, b in zip(low_limit, high_limit, strict=True))
    value = _range(study.estimate, study)
    passed = value[0] <= middle[1] and middle[0] <= value[1]
    return StudyCheck(
        study.label,
        "interval_symmetric",
        passed,
        f"printed {study.estimate:g}, middle of the interval {np.sqrt(study.ci_low * study.ci_high):.4g}",
    )


def _p_value(study: StudyEstimate) -> StudyCheck:
    name = "p_value_agrees"
    if study.p_value is None:
        return StudyCheck(study.label, name, None, "no p-value printed")
    tail = float(ndtr(-abs(np.log(study.estimate)) / study.std_err))
    implied = 1 - tail if study.p_sides == 1 and study.p_value > 0.5 else study.p_sides * tail
    sign = "<" if study.p_is_bound else ""
    finding = f"printed p {sign}{study.p_value:g}, implied {implied:.3g}"
    if _p_agrees(study, study.ci_level):
        return StudyCheck(study.label, name, True, finding)
    other = [level for level in CUSTOMARY_LEVELS if level != study.ci_level and _p_agrees(study, level)]
    if other:
        finding += f"; they would agree if the interval were one of {other[0]:g}, not {study.ci_level:g}"
    return StudyCheck(study.label, name, False, finding)


def _p_agrees(study: StudyEstimate, level: float) -> bool:
    """Whether some figures that round to the printed ones have the printed p-value at `level`."""
    assert study.p_value is not None
    low, high = _range(study.estimate, study)
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    narrow, wide = _std_err_range(study, level)
    slack = Z_TOLERANCE * (1 + max(abs(low), abs(high)) / narrow)
    z_low = nearest / wide - slack
    z_high = max(abs(low), abs(high)) / narrow + slack
    half = 0.5 * 10.0 ** -_decimals(study.p_value)
    printed = min(study.p_value, 1 - study.p_value) if study.p_sides == 1 else study.p_value
    largest = printed if study.p_is_bound else min(printed + half, 1.0)
    smallest = 0.0 if study.p_is_bound else max(printed - half, 0.0)
    least = -float(ndtri(min(largest / study.p_sides, 0.5)))
    most = -float(ndtri(min(smallest / study.p_sides, 0.5)))
    return least <= z_high and z_low <= most


def _deaths(study: StudyEstimate) -> StudyCheck:
    name = "deaths_within_people"
    if study.measure == "rr":
        return StudyCheck(study.label, name, None, "a risk ratio near a risk of one has no least variance")
    f = study.share_exposed
    deaths = int(np.ceil(1 / (study.std_err**2 * f * (1 - f))))
    widest = _std_err_range(study, study.ci_level)[1]
    fewest = int(np.ceil(1 / (widest**2 * f * (1 - f))))
    finding = f"the interval implies {deaths} deaths, {fewest} at the least its rounding allows"
    if study.events is not None:
        finding += f", {study.events} reported"
    if study.n is None and study.events is None:
        return StudyCheck(study.label, name, None, f"{finding}; number of people unknown")
    finding += "; number of people unknown" if study.n is None else f"; {study.n} people"
    enough = study.events is None or study.events >= DEATHS_TOLERANCE * 4 / widest**2
    return StudyCheck(study.label, name, enough and (study.n is None or fewest <= study.n), finding)


def _range(figure: float, study: StudyEstimate) -> tuple[float, float]:
    """Logarithms of the smallest and largest figure that is printed as this one."""
    low = max(figure - study.half_unit, figure * 1e-3)
    return float(np.log(low)), float(np.log(figure + study.half_unit))


def _std_err_range(study: StudyEstimate, level: float) -> tuple[float, float]:
    low_limit, high_limit = _range(study.ci_low, study), _range(study.ci_high, study)
    widths = np.array([high_limit[0] - low_limit[1], high_limit[1] - low_limit[0]])
    narrow, wide = (np.maximum(widths, 1e-12) / (2 * normal_quantile(level))).tolist()
    return narrow, wide


def _decimals(figure: float) -> int:
    text = np.format_float_positional(figure, trim="-")
    return len(text.partition(".")[2])
