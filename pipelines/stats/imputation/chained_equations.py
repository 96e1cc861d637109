"""Multiple imputation by chained equations, for covariates of a survival analysis.

Exposure, event and cumulative hazard are among the predictors: a covariate imputed without the outcome is
imputed as if it did not matter, which pulls its effect, and what it adjusts for, towards nothing. Only what
somebody could have known is imputed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from .._inputs import BoolArray, FloatArray, IntArray, choice, flags, follow_up, row_hash
from .._linear_algebra import one_thread
from ..errors import CodingError, EmptyArmError, NonFiniteError, NotImputableError, ShapeError
from ._draws import draw_levels, draw_numbers

KINDS = ("continuous", "binary", "categorical")
NEVER_IMPUTED = ("not_collected", "withheld", "not_applicable")


@dataclass(frozen=True)
class Variable:
    """One covariate, with what is missing in it and why.

    Attributes
    ----------
    name : str
    kind : {"continuous", "binary", "categorical"}
    values : array_like of shape (n,)
        Numbers (binary: 0 and 1), or labels of a categorical; NaN or None where missing.
    reason : array_like of str, shape (n,), optional
        Why a value is missing, such as "unknown" or "blank"; anything where it is not. Values that are
        `not_collected`, `withheld` or `not_applicable` are never imputed: they are a level of their own in a
        categorical variable, and refused in the others.
    """

    name: str
    kind: str
    values: ArrayLike
    reason: ArrayLike | None = None


@dataclass(frozen=True)
class Imputations:
    """Result of `impute`.

    Attributes
    ----------
    complete : tuple of dict
        For each imputed data set, each variable's values (n,), in the order of the input.
    missing : dict
        How many values of each variable were imputed.
    trace : Polars frame
        Mean of the imputed values (share of each level) by variable, data set and round: to see whether the
        chains have settled.
    notes : tuple of str
        What a report has to print.
    """

    complete: tuple[dict[str, NDArray[np.generic]], ...]
    missing: dict[str, int]
    trace: pl.DataFrame
    notes: tuple[str, ...]

    def frames(self, **columns: ArrayLike) -> Iterator[pl.DataFrame]:
        """Each imputed data set as a frame, with further `columns` (time, event, …) beside the variables.

        Levels of several kinds (numbers, and `not_collected`) are text here: a column has one type.
        """
        given = {name: np.asarray(values) for name, values in columns.items()}
        for complete in self.complete:
            values = {name: _of_one_type(drawn) for name, drawn in complete.items()}
            yield pl.DataFrame({**given, **values})


@dataclass(frozen=True)
class _Column:
    """A variable made ready: numbers, or whole numbers for levels."""

    name: str
    kind: str
    values: FloatArray  # with any value where missing
    missing: BoolArray
    levels: tuple[object, ...]  # of a categorical

    @property
    def n_levels(self) -> int:
        return 2 if self.kind == "binary" else len(self.levels)

    def known(self) -> FloatArray:
        """What is known of each row, for sorting (n, 2): the value, 0 where missing, and whether it is."""
        return np.column_stack([np.where(self.missing, 0.0, self.values), self.missing])

    def predictors(self, values: FloatArray) -> FloatArray:
        """Columns that stand for it in the models of the others: (n, k)."""
        if self.kind != "categorical":
            return values[:, None]
        is_level: FloatArray = (values[:, None] == np.arange(1, len(self.levels))).astype(np.float64)
        return is_level

    def decoded(self, values: FloatArray) -> NDArray[np.generic]:
        """Values as they came."""
        if self.kind != "categorical":
            return values
        levels = np.array(self.levels)
        if levels.dtype.kind == "U" and not all(isinstance(level, str) for level in self.levels):
            levels = np.array(self.levels, dtype=object)  # a number stays one beside a level that is text
        return levels[values.astype(np.int64)]


def impute(
    variables: Sequence[Variable],
    *,
    exposure: ArrayLike,
    event: ArrayLike,
    time: ArrayLike,
    entry: ArrayLike | None = None,
    imputations: int = 20,
    rounds: int = 10,
    seed: int = 0,
) -> Imputations:
    """Draw what is missing in the covariates, several times.

    In each round every variable with missing values is drawn in turn (fewest missing first) from a model on
    the exposure, the event, the Nelson-Aalen cumulative hazard at each person's time and all other
    covariates: predictive mean matching for a continuous one, (multinomial) logistic regression for levels.

    Parameters
    ----------
    variables : sequence of Variable
        All covariates of the analysis, with or without missing values.
    exposure : array_like of shape (n,)
        1 or True where exposed; nobody's is missing.
    event, time, entry : array_like of shape (n,)
        Outcome as for `fit_cox`; nobody's is missing.
    imputations : int
        Number of data sets; about as many as per cent of people have something missing.
    rounds : int
        Rounds of each chain before its data set is taken.
    seed : int
        Each data set has its own stream, so that more imputations do not change the first ones.

    Returns
    -------
    Imputations

    Raises
    ------
    NotImputableError
        A continuous or binary variable was not collected, withheld or does not apply for somebody.
    EmptyArmError
        Nobody's value is known, or only one level of it.
    NonFiniteError, ShapeError, CodingError
        The input is not what it should be.

    Notes
    -----
    Draws do not depend on the order of the rows: they are made in an order that comes from the rows' values.

    References
    ----------
    van Buuren S, Groothuis-Oudshoorn K. mice: multivariate imputation by chained equations in R. J Stat Softw
    2011;45(3).
    White IR, Royston P. Imputing missing covariate values for the Cox model. Stat Med 2009;28:1982-1998.
    """
    if imputations < 2 or rounds < 1:
        raise CodingError(
            "Fewer than two imputations or no round", field="imputations", remedy="Ask for more of them."
        )
    if not isinstance(seed, Integral) or seed < 0:
        raise CodingError("Not a whole number from 0", field="seed", remedy="Give one, and keep it.")
    stop, start = follow_up(time, entry)
    n = len(stop)
    died = flags(event, "event", n)
    fixed = np.column_stack([flags(exposure, "exposure", n), died, _cumulative_hazard(stop, died, start)])
    columns = [_ready(variable, n) for variable in variables]
    if len({column.name for column in columns}) != len(columns):
        raise CodingError("Two variables of one name", field="variables", remedy="Give each its own name.")
    order = np.argsort(row_hash(fixed, *(column.known() for column in columns)), kind="stable")
    back = np.argsort(order)
    sorted_columns = [_take(column, order) for column in columns]
    complete, trace = [], []
    with one_thread():
        for number in range(imputations):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
            values, steps = _chain(sorted_columns, fixed[order], rounds, rng)
            complete.append({c.name: c.decoded(v[back]) for c, v in zip(columns, values, strict=True)})
            trace += [{"imputation": number, **step} for step in steps]
    missing = {c.name: int(c.missing.sum()) for c in columns}
    schema = {
        "imputation": pl.Int64,
        "round": pl.Int64,
        "variable": pl.String,
        "level": pl.String,
        "mean": pl.Float64,
    }
    return Imputations(
        tuple(complete), missing, pl.DataFrame(trace, schema=schema), _notes(columns, imputations)
    )


def _chain(
    columns: Sequence[_Column], fixed: FloatArray, rounds: int, rng: np.random.Generator
) -> tuple[list[FloatArray], list[dict[str, object]]]:
    """One chain: start from draws of the known values, then go round."""
    values = [column.values.copy() for column in columns]
    for column, drawn in zip(columns, values, strict=True):
        drawn[column.missing] = rng.choice(column.values[~column.missing], int(column.missing.sum()))
    turns = sorted(
        (i for i, column in enumerate(columns) if column.missing.any()),
        key=lambda i: (int(columns[i].missing.sum()), columns[i].name),
    )
    steps: list[dict[str, object]] = []
    for number in range(rounds):
        for i in turns:
            column = columns[i]
            others = [c.predictors(v) for j, (c, v) in enumerate(zip(columns, values, strict=True)) if j != i]
            x = _standardised(np.hstack([fixed, *others]))
            known, unknown = x[~column.missing], x[column.missing]
            if column.kind == "continuous":
                drawn = draw_numbers(known, column.values[~column.missing], unknown, rng)
            else:
                seen = column.values[~column.missing].astype(np.int64)
                drawn = draw_levels(known, seen, column.n_levels, unknown, rng).astype(np.float64)
            values[i][column.missing] = drawn
            steps += [{"round": number, **step} for step in _means(column, drawn)]
    return values, steps


def _means(column: _Column, drawn: FloatArray) -> list[dict[str, object]]:
    if column.kind != "categorical":
        return [{"variable": column.name, "level": "", "mean": float(drawn.mean())}]
    return [
        {"variable": column.name, "level": str(level), "mean": float(np.mean(drawn == number))}
        for number, level in enumerate(column.levels)
    ]


def _of_one_type(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Values of several kinds as text."""
    several = values.dtype == object and len({type(value) for value in values.tolist()}) > 1
    return values.astype(str) if several else values


def _standardised(x: FloatArray) -> FloatArray:
    """Intercept, then each column that varies with mean zero and standard deviation one."""
    spread = x.std(axis=0)
    varies = spread > 1e-12
    return np.column_stack([np.ones(len(x)), (x[:, varies] - x[:, varies].mean(axis=0)) / spread[varies]])


def _ready(variable: Variable, n: int) -> _Column:
    choice(variable.kind, "kind", KINDS)
    given = variable.values
    # NumPy turns the NaN of a list of text into text: keep what is in a list as it is.
    raw = np.asarray(given, dtype=object if isinstance(given, list | tuple) else None)
    if raw.shape != (n,):
        raise ShapeError(f"Shape {raw.shape} for {n} people", field=variable.name, remedy="Align the arrays.")
    missing = np.array([value is None or value != value for value in raw.tolist()], dtype=bool)
    missing |= np.ma.getmaskarray(given) if isinstance(given, np.ma.MaskedArray) else False
    never = _never_imputed(variable, missing, n)
    column = (
        _levels(variable, raw, missing, never)
        if variable.kind == "categorical"
        else _numbers(variable, raw, missing)
    )
    if column.missing.all() or (
        column.kind != "continuous" and len(np.unique(column.values[~column.missing])) < 2
    ):
        raise EmptyArmError(
            "Nothing to learn from: nobody's value is known, or all known values are one level",
            field=variable.name,
            remedy="Leave the variable out.",
        )
    return column


def _never_imputed(variable: Variable, missing: BoolArray, n: int) -> NDArray[np.str_]:
    """The reason of values that nobody could have known, '' elsewhere."""
    if variable.reason is None:
        return np.full(n, "")
    reason = np.asarray(variable.reason)
    if reason.shape != (n,):
        raise ShapeError(
            f"Shape {reason.shape} for {n} people",
            field=f"{variable.name} reason",
            remedy="Align the arrays.",
        )
    never = np.where(missing & np.isin(reason, NEVER_IMPUTED), reason, "").astype(str)
    count = int(np.count_nonzero(never))
    if count and variable.kind != "categorical":
        raise NotImputableError(
            "Values that nobody could have known (not collected, withheld or not applicable)",
            field=variable.name,
            count=count,
            remedy="Restrict the cohort to where it is collected, or leave the variable out.",
        )
    return never


def _numbers(variable: Variable, raw: NDArray[np.generic], missing: BoolArray) -> _Column:
    values = np.zeros(len(raw))
    try:
        values[~missing] = raw[~missing].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise CodingError(
            "Values are not numbers", field=variable.name, remedy="Call it categorical, or code it."
        ) from error
    infinite = int(np.count_nonzero(np.isinf(values)))
    if infinite:
        raise NonFiniteError("Infinite values", field=variable.name, count=infinite, remedy="Correct them.")
    if variable.kind == "binary":
        flags(values, variable.name)
    return _Column(variable.name, variable.kind, values, missing, ())


def _levels(
    variable: Variable, raw: NDArray[np.generic], missing: BoolArray, never: NDArray[np.str_]
) -> _Column:
    labels: list[object] = [
        reason if reason else value for reason, value in zip(never.tolist(), raw.tolist(), strict=True)
    ]
    unknown = missing & (never == "")
    levels = sorted({label for label, gone in zip(labels, unknown, strict=True) if not gone}, key=str)
    number = {level: float(i) for i, level in enumerate(levels)}
    values = np.array([0.0 if gone else number[label] for label, gone in zip(labels, unknown, strict=True)])
    return _Column(variable.name, variable.kind, values, unknown, tuple(levels))


def _take(column: _Column, order: IntArray) -> _Column:
    return _Column(column.name, column.kind, column.values[order], column.missing[order], column.levels)


def _cumulative_hazard(time: FloatArray, died: BoolArray, entry: FloatArray | None) -> FloatArray:
    """Nelson-Aalen estimate at each person's own time (n,)."""
    distinct = np.unique(time[died])
    if not len(distinct):
        return np.zeros(len(time))
    deaths = np.bincount(np.searchsorted(distinct, time[died]), minlength=len(distinct))
    at_risk = len(time) - np.searchsorted(np.sort(time), distinct)
    if entry is not None:
        at_risk = at_risk - (len(time) - np.searchsorted(np.sort(entry), distinct))
    total = np.concatenate([[0.0], np.cumsum(deaths / at_risk)])
    hazard: FloatArray = total[np.searchsorted(distinct, time, side="right")]
    return hazard


def _notes(columns: Sequence[_Column], imputations: int) -> tuple[str, ...]:
    share = 100 * float(np.mean(np.any([column.missing for column in columns], axis=0)))
    notes = [f"{share:.0f} percent of people have a covariate imputed, {imputations} times."]
    if share > imputations:
        notes.append(f"More imputations would be better: about {share:.0f}.")
    own = sorted({str(level) for c in columns for level in c.levels if str(level) in NEVER_IMPUTED})
    if own:
        notes.append(f"Never imputed, a level of their own: {', '.join(own)}.")
    return tuple(notes)
