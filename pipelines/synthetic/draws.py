"""Random numbers by name, and categorical covariates drawn from the table of levels.

Every variable has its own stream in every block of rows, so row i is the same person in a file of ten rows or
of a million, and a variable added to the world leaves every other one as it was.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

BLOCK_ROWS = 50_000
"""People simulated at a time: memory stays bounded, and row i is the same in a file of any length."""
LEVELS_TABLE = Path(__file__).parent / "tables" / "levels.csv"


@dataclass(frozen=True)
class Draws:
    """Named streams of uniform numbers for one world.

    Parameters
    ----------
    seed : int
        Of the whole world.
    rows : int
        People in the block.
    block : int
        Which block of the file this is, from 0.
    """

    seed: int
    rows: int
    block: int = 0

    def uniform(self, name: str) -> FloatArray:
        """Uniform numbers in (0, 1), one per row; the stream depends on seed, block and name alone."""
        key = np.random.SeedSequence([self.seed, self.block, crc32(name.encode())])
        return np.clip(np.random.Generator(np.random.PCG64(key)).random(self.rows), 1e-12, 1 - 1e-12)

    def exponential(self, name: str) -> FloatArray:
        """Exponential numbers with mean one, one per row."""
        return -np.log(self.uniform(name))

    def whole(self, name: str, low: int, high: int) -> IntArray:
        """Whole numbers from ``low`` to ``high``, both included, one per row."""
        return low + (self.uniform(name) * (high - low + 1)).astype(np.int64)


@dataclass(frozen=True)
class Coded:
    """A categorical variable: one small code per row and the words the codes stand for."""

    codes: NDArray[np.int8]
    levels: tuple[str, ...]

    def is_(self, *words: str) -> BoolArray:
        """True where the row has one of the words (n,)."""
        return np.isin(self.codes, [self.levels.index(word) for word in words if word in self.levels])

    def lookup(self, values: Mapping[str, float], default: float = 0.0) -> FloatArray:
        """The number that stands for each row's word (n,)."""
        return np.array([values.get(level, default) for level in self.levels], dtype=np.float64)[self.codes]

    def words(self) -> NDArray[np.str_]:
        """The words themselves (n,)."""
        return np.array(self.levels)[self.codes]

    def masked(self, missing: BoolArray, word: str) -> "Coded":
        """The same variable with ``word`` where ``missing``."""
        levels = self.levels if word in self.levels else (*self.levels, word)
        return Coded(np.where(missing, np.int8(levels.index(word)), self.codes), levels)

    def take(self, rows: IntArray) -> "Coded":
        """The same variable for some rows."""
        return Coded(self.codes[rows], self.levels)


@dataclass(frozen=True)
class Variable:
    """One variable of the table of levels.

    Attributes
    ----------
    shares : dict
        By condition (``""`` or ``"variable=level"``): share of each level among the recorded.
    unknown : tuple of (str, float), optional
        The word for "not recorded" and its share.
    death, surgery : dict
        Log hazard ratio of each level on cancer death, and (by registry) on the surgery hazard.
    """

    name: str
    levels: tuple[str, ...]
    shares: dict[str, dict[str, float]]
    unknown: tuple[str, float] | None
    death: dict[str, float]
    surgery: dict[str, dict[str, float]]


@cache
def variables(table: Path = LEVELS_TABLE) -> dict[str, Variable]:
    """Read a table of levels, in its order (a variable may depend on one above it)."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = dict.fromkeys(row["variable"] for row in rows)
    return {name: _variable(name, [row for row in rows if row["variable"] == name]) for name in names}


def _variable(name: str, rows: list[dict[str, str]]) -> Variable:
    known = [row for row in rows if row["death"]]
    missing = [row for row in rows if not row["death"]]
    shares: dict[str, dict[str, float]] = {}
    for row in known:
        shares.setdefault(row["given"], {})[row["level"]] = float(row["share"])
    return Variable(
        name=name,
        levels=tuple(dict.fromkeys(row["level"] for row in known)),
        shares=shares,
        unknown=(missing[0]["level"], float(missing[0]["share"])) if missing else None,
        death={row["level"]: float(row["death"]) for row in known},
        surgery={
            registry: {row["level"]: float(row[f"surgery_{registry}"]) for row in rows}
            for registry in ("ncdb", "seer")
        },
    )


def sample(variable: Variable, draws: Draws, earlier: Mapping[str, Coded]) -> Coded:
    """Draw what is true of each row, before anything is lost in recording."""
    u = draws.uniform(variable.name)
    codes = _invert(u, variable, variable.shares.get("", {}))
    for condition, shares in variable.shares.items():
        if condition:
            name, level = condition.split("=")
            rows = earlier[name].is_(level)
            codes = np.where(rows, _invert(u, variable, shares), codes)
    return Coded(codes.astype(np.int8), variable.levels)


def _invert(u: FloatArray, variable: Variable, shares: Mapping[str, float]) -> IntArray:
    weights = np.array([shares.get(level, 0.0) for level in variable.levels])
    if not weights.any():
        return np.zeros(len(u), dtype=np.int64)
    return np.searchsorted(np.cumsum(weights) / weights.sum(), u, side="right").clip(max=len(weights) - 1)


def record(variable: Variable, truth: Coded, draws: Draws) -> Coded:
    """What the registry holds: the truth, or "unknown" for a few rows at random."""
    if variable.unknown is None:
        return truth
    word, share = variable.unknown
    return truth.masked(draws.uniform(f"{variable.name} recorded") < share, word)


def effect(coded: Iterable[tuple[Coded, Mapping[str, float]]], rows: int) -> FloatArray:
    """Sum of the effects of several categorical variables (rows,)."""
    total = np.zeros(rows)
    for variable, values in coded:
        total += variable.lookup(values)
    return total
