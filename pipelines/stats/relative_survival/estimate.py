"""Survival from the cancer alone, without causes of death: observed against the general population's."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import (
    BoolArray,
    FloatArray,
    IntArray,
    choice,
    codes,
    confidence,
    flags,
    follow_up,
    row_hash,
    vector,
)
from .._linear_algebra import normal_quantile
from ..errors import CodingError
from .curve import RelativeSurvival, RelativeSurvivalCurve
from .expected import Matched, days_of, match_population
from .population import PopulationTable

METHODS = ("pohar-perme", "ederer2", "ederer1")
INTERVALS = ("log", "plain")


def relative_survival(
    time: ArrayLike,
    event: ArrayLike,
    population: PopulationTable,
    *,
    age: ArrayLike,
    diagnosed: ArrayLike,
    factors: Mapping[str, ArrayLike],
    unit: str = "days",
    method: str = "pohar-perme",
    group: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    times: ArrayLike | None = None,
    outside: str = "refuse",
    grouped: bool | None = None,
    ci: str = "log",
    level: float = 0.95,
) -> RelativeSurvival:
    """Relative or net survival against a life table of the general population.

    Parameters
    ----------
    time : array_like of shape (n,)
        From diagnosis to death or censoring, in `unit`.
    event : array_like of shape (n,)
        1 or True for a death of any cause.
    population : PopulationTable
        Of the people the patients come from: `read_population_table` reads a site's own.
    age : array_like of shape (n,)
        Years at diagnosis. Add half a year to completed years.
    diagnosed : array_like of shape (n,)
        Dates (datetime64), or calendar years with decimals (2015.5 where the year alone is known).
    factors : mapping
        Labels for each factor of the table, such as `{"sex": sex}`.
    unit : {"days", "months", "years"}
        Of `time`, `entry` and `times`; a year has 365.241 days.
    method : {"pohar-perme", "ederer2", "ederer1"}
        The first weights people by 1 over their expected survival, so that those whom the cancer leaves to
        die of something else are made up for; it estimates net survival. Ederer II compares with those
        still at risk, Ederer I with all who were diagnosed.
    group : array_like of shape (n,), optional
        Labels; a curve each.
    entry : array_like of shape (n,), optional
        Start of observation after diagnosis, below `time` (period analysis). Not for Ederer I.
    times : array_like, optional
        Further times at which the curve is computed. Between times at which somebody leaves it changes with
        the expected hazard alone.
    outside : {"refuse", "nearest"}
        Where follow-up leaves the table's calendar years: refuse, or take its first or last year's rates.
    grouped : bool, optional
        Whether a time stands for a whole interval, as completed months do. Then the curve is the product of
        (1 - deaths/at risk) exp(expected), which is right whatever the length of the intervals; otherwise
        that of 1 - (deaths - expected)/at risk, as in R, where the expected part must be small: with months
        and old people survival comes out too high. Default: yes unless `unit` is days. Ederer I is the same
        either way.
    ci : {"log", "plain"}
        Scale on which the interval is symmetric.
    level : float
        Confidence level.

    Returns
    -------
    RelativeSurvival
        The expected part is integrated exactly, from birthday to birthday and New Year to New Year.

    Raises
    ------
    PopulationTableError
        Patients whom the table does not cover.
    CodingError, ShapeError, NonFiniteError, NegativeTimeError, StopBeforeStartError
        The input is not what it should be.

    References
    ----------
    Pohar Perme M, Stare J, Estève J. On estimation in relative survival. Biometrics 2012;68:113-120.
    Ederer F, Heise H. Instructions to IBM 650 programmers in processing survival computations. Methodological
    note 10, National Cancer Institute 1959 (Ederer II).
    Ederer F, Axtell LM, Cutler SJ. The relative survival rate: a statistical methodology. Natl Cancer Inst
    Monogr 1961;6:101-121 (Ederer I).
    """
    choice(method, "method", METHODS)
    choice(ci, "ci", INTERVALS)
    confidence(level)
    days = days_of(unit)
    grouped = unit != "days" if grouped is None else grouped
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    membership, labels = codes(group, "group", n)
    extra = np.zeros(0) if times is None else vector(np.atleast_1d(np.asarray(times)), "times")
    if (extra < 0).any():
        raise CodingError("Times below 0", field="times", remedy="Ask for times after diagnosis.")
    if method == "ederer1" and start is not None:
        raise CodingError(
            "Ederer I compares with all who were diagnosed: nobody can enter late",
            field="entry",
            remedy="Use ederer2 or pohar-perme for a period analysis.",
        )
    matched = match_population(population, stop * days, age, diagnosed, factors, outside)
    order = np.lexsort((row_hash(matched.age, matched.day), matched.group, died, stop))
    curves = []
    for number, label in enumerate(labels.tolist()):
        rows = order[membership[order] == number]
        people = _People(stop[rows], died[rows], None if start is None else start[rows], matched, rows, days)
        steps = _steps(people, extra, method)
        curves.append(_curve(None if group is None else label, people, steps, method, ci, level, grouped))
    return RelativeSurvival(tuple(curves))


@dataclass(frozen=True)
class _People:
    """People of one curve in the order of leaving; `rows` says who they are in the table of all."""

    time: FloatArray
    died: BoolArray
    entry: FloatArray | None
    matched: Matched
    rows: IntArray
    days: float


@dataclass(frozen=True)
class _Steps:
    """What happens at each time (m,), and in the interval that ends with it."""

    time: FloatArray
    n_risk: FloatArray
    n_event: FloatArray
    n_censor: FloatArray
    deaths: FloatArray  # share of those at risk, weighted as the method does
    expected: FloatArray  # hazard in the interval, weighted alike
    variance: FloatArray


def _steps(people: _People, extra: FloatArray, method: str) -> _Steps:
    moments = [people.time, extra[extra <= people.time[-1]]]
    grid = np.unique(np.concatenate(moments if people.entry is None else [*moments, people.entry]))
    columns = np.zeros((len(grid), 6))
    weight = np.ones(len(people.time))  # 1 over expected survival from diagnosis on
    everybody = method == "ederer1"  # those who have left go on in the comparison
    before = 0.0
    for j, t in enumerate(grid.tolist()):
        first, past = (
            np.searchsorted(people.time, [t], "left")[0],
            np.searchsorted(people.time, [t], "right")[0],
        )
        known = slice(0 if everybody else first, None)
        old = weight[known].copy()
        hazard = people.matched.cumulative_hazard(people.rows[known], before * people.days, t * people.days)
        weight[known] = old * np.exp(hazard)
        before = t
        dying, n_leaving = people.died[first:past], past - first
        here = slice(first, None)
        present = np.ones(len(people.time) - first) if people.entry is None else people.entry[here] < t
        n_risk = float(np.sum(present))
        if n_risk == 0:
            continue
        own = weight[here] * present if method == "pohar-perme" else present
        total = float(np.sum(own))
        if everybody:
            expected = -np.log(np.sum(1 / weight) / np.sum(1 / old))
        elif method == "ederer2":
            expected = np.sum(hazard * present) / n_risk
        else:  # the weighted hazard is the growth of the summed weights
            expected = np.log(total / np.sum(old * present))
        dead = own[:n_leaving][dying]
        columns[j] = (
            n_risk, len(dead), n_leaving - len(dead), dead.sum() / total, expected, np.sum(dead**2) / total**2,
        )  # fmt: skip
    return _Steps(grid, *columns.T)


def _curve(
    label: object, people: _People, steps: _Steps, method: str, ci: str, level: float, grouped: bool
) -> RelativeSurvivalCurve:
    crude = np.divide(steps.n_event, steps.n_risk, out=np.zeros_like(steps.n_event), where=steps.n_risk > 0)
    observed, expected = np.cumprod(1 - crude), np.exp(-np.cumsum(steps.expected))
    factors = (1 - steps.deaths) * np.exp(steps.expected) if grouped else 1 - steps.deaths + steps.expected
    survival: FloatArray = np.asarray(np.cumprod(factors), dtype=np.float64)
    if method == "ederer1":
        survival = observed / expected
    std_err = np.sqrt(np.cumsum(steps.variance))
    half = normal_quantile(level) * std_err
    lower, upper = (np.exp(-half), np.exp(half)) if ci == "log" else (1 - half, 1 + half)
    outside = people.matched.outside
    return RelativeSurvivalCurve(
        group=label,
        method=method,
        n=len(people.time),
        events=int(np.count_nonzero(people.died)),
        time=steps.time,
        n_risk=steps.n_risk,
        n_event=steps.n_event,
        n_censor=steps.n_censor,
        survival=survival,
        observed=observed,
        expected=expected,
        std_err=std_err,
        lower=np.asarray(survival * lower),
        upper=np.asarray(survival * upper),
        ci=ci,
        level=level,
        warnings=()
        if outside == 0
        else (
            f"{outside} people were followed outside the calendar years of the population table: the rates of "
            "its nearest year are taken there.",
        ),
    )
