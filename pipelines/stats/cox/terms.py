"""Covariates as columns: numbers, factors with a named reference, interactions, and the design they make.

A column's name says what it stands for: `stage=IIIA` is that level against the reference, `sex=female:age`
a product. `Design.groups` keeps which columns belong together, so that a factor is tested as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from .._inputs import FloatArray, codes, vector
from ..errors import CodingError, CollinearityError, EmptyArmError, ShapeError


@dataclass(frozen=True)
class Term:
    """The columns that one covariate, factor or interaction contributes to a model.

    Attributes
    ----------
    name : str
    names : tuple of str
        One per column.
    columns : ndarray of shape (n, k)
    reference : object
        The level that the columns of a factor are compared with; None for other terms.
    """

    name: str
    names: tuple[str, ...]
    columns: FloatArray
    reference: object = None


@dataclass(frozen=True)
class Design:
    """Terms side by side, ready for `fit_cox(time, event, design.columns, names=design.names)`.

    Attributes
    ----------
    terms : tuple of Term
    columns : ndarray of shape (n, p)
    names : tuple of str
    """

    terms: tuple[Term, ...]
    columns: FloatArray
    names: tuple[str, ...]

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Columns of each term, as `proportional_hazards_test` and `joint_tests` want them."""
        return {term.name: term.names for term in self.terms}

    def to_frame(self) -> pl.DataFrame:
        """One column per covariate, named."""
        return pl.DataFrame(self.columns, schema=list(self.names), orient="row")


def numeric(values: ArrayLike, *, name: str) -> Term:
    """One column of numbers, as they are.

    Parameters
    ----------
    values : array_like of shape (n,)
    name : str

    Raises
    ------
    NonFiniteError, CodingError, ShapeError
        Missing values, text, or something else than one number per person.
    """
    return Term(name, (name,), vector(values, name)[:, None])


def factor(
    labels: ArrayLike, *, name: str, reference: object, levels: Sequence[object] | None = None
) -> Term:
    """0/1 columns for every level but the reference.

    Parameters
    ----------
    labels : array_like of shape (n,)
        The level of each person, text or numbers; none missing.
    name : str
    reference : object
        The level everyone is compared with. There is no default: a hazard ratio means nothing without it.
    levels : sequence, optional
        All levels in the order of the columns; default those that occur, sorted.

    Returns
    -------
    Term
        One column per level other than the reference, named `name=level`.

    Raises
    ------
    NonFiniteError
        Labels are missing.
    CollinearityError
        Everybody has the same level.
    EmptyArmError
        The reference, or one of `levels`, has nobody.
    CodingError
        Labels that are not among `levels`, or that cannot be told apart by sorting.
    ShapeError
        Not one label per person.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or len(array) == 0:
        raise ShapeError(
            f"Shape {array.shape} where one label per person is needed",
            field=name,
            remedy="Give one label per person.",
        )
    code, found = codes(array, name, len(array))
    present = found.tolist()
    order = _ordered_levels(present, levels, name)
    if reference not in present:
        raise EmptyArmError(
            f"Nobody has the reference level {reference!r}",
            field=name,
            remedy=f"Take one of {', '.join(map(str, present))} as reference.",
        )
    if len(present) == 1:
        raise CollinearityError(
            "Everybody has the same level", field=name, count=len(array), remedy="Leave the factor out."
        )
    shown = [level for level in order if level != reference]
    columns = np.column_stack([code == present.index(level) for level in shown]).astype(np.float64)
    return Term(name, tuple(f"{name}={level}" for level in shown), columns, reference)


def interaction(first: Term, second: Term) -> Term:
    """Products of the columns of two terms; the first term's columns run fastest.

    Parameters
    ----------
    first, second : Term
        Both are to be in the model too, as main effects.

    Raises
    ------
    EmptyArmError
        A combination of levels has nobody, so its coefficient does not exist.
    ShapeError
        The terms are of different people.
    """
    if len(first.columns) != len(second.columns):
        raise ShapeError(
            f"Terms of {len(first.columns)} and {len(second.columns)} people",
            field=f"{first.name}:{second.name}",
            remedy="Make both from the same cohort.",
        )
    pairs = [(i, j) for j, i in product(range(len(second.names)), range(len(first.names)))]
    columns = np.column_stack([first.columns[:, i] * second.columns[:, j] for i, j in pairs])
    names = tuple(f"{first.names[i]}:{second.names[j]}" for i, j in pairs)
    nobody = [label for label, column in zip(names, columns.T, strict=True) if not column.any()]
    if nobody:
        raise EmptyArmError(
            "Combinations of levels that nobody has",
            field=", ".join(nobody),
            count=len(nobody),
            remedy="Merge levels, or leave the interaction out.",
        )
    return Term(f"{first.name}:{second.name}", names, columns)


def design(*terms: Term) -> Design:
    """Put terms side by side.

    Raises
    ------
    ShapeError
        No term, terms of different people, or a column name that occurs twice.
    """
    names = tuple(name for term in terms for name in term.names)
    lengths = {len(term.columns) for term in terms}
    if len(lengths) != 1 or len(set(names)) != len(names):
        raise ShapeError(
            f"{len(terms)} terms of {len(lengths)} different lengths with {len(names) - len(set(names))} "
            "column names repeated",
            field="terms",
            remedy="Give terms of the same people, each with its own name.",
        )
    return Design(terms, np.hstack([term.columns for term in terms]), names)


def _ordered_levels(present: list[object], levels: Sequence[object] | None, name: str) -> list[object]:
    if levels is None:
        return present
    order = list(levels)
    unknown = [level for level in present if level not in order]
    if unknown:
        raise CodingError(
            "Levels that are not among those given", field=name, count=len(unknown), remedy="List them too."
        )
    empty = [level for level in order if level not in present]
    if empty:
        raise EmptyArmError(
            f"Levels nobody has: {', '.join(map(str, empty))}",
            field=name,
            count=len(empty),
            remedy="Leave them out of the levels, or merge them.",
        )
    return order
