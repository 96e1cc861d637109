"""Subclasses of the propensity score."""

import numpy as np
from numpy.typing import ArrayLike

from .._inputs import choice
from ..errors import CodingError
from ._people import UNIT, line_up, whole_number
from .strata import TARGETS, Strata, as_strata


def subclassify(score: ArrayLike, treated: ArrayLike, *, n_classes: int = 5, target: str = "ATT") -> Strata:
    """Cut the sample at quantiles of the score.

    Parameters
    ----------
    score : array_like of shape (n,)
        Propensity score or its logit (quantiles are interpolated on the scale given); rounded to 1e-9.
    treated : array_like of shape (n,)
        1 or True for the treated.
    n_classes : int
        2 or more; five is customary.
    target : {"ATT", "ATE", "ATC"}
        Whose quantiles: those of the treated, of everybody, of the controls.

    Returns
    -------
    Strata
        A class without one of the arms is left out, and the estimand is then `matched_set`.

    Raises
    ------
    CodingError
        Fewer than two classes, no whole number of them, or scores with so few distinct values that a class is empty.
    EmptyArmError, NoMatchError, ShapeError, NonFiniteError
        An arm is empty, no class holds both, or the input is not what it should be.

    References
    ----------
    Rosenbaum PR, Rubin DB. Reducing bias in observational studies using subclassification on the propensity
    score. JASA 1984;79:516-524.
    """
    choice(target, "target", TARGETS)
    n_classes = whole_number(n_classes, "n_classes", least=2, remedy="Give 2 or more; five is customary.")
    people = line_up(score, treated, scale="logit", caliper=None, caliper_sd="total", exact=None, ids=None)
    whose = {"ATT": people.arm, "ATE": np.ones_like(people.arm), "ATC": ~people.arm}[target]
    value = people.score * UNIT
    cuts = np.quantile(value[whose], np.linspace(0, 1, n_classes + 1))[1:-1]
    # A rounding error of the interpolation may not decide on which side of a cut somebody stands.
    label = np.searchsorted(cuts, value + UNIT / 4, side="right")
    empty = n_classes - len(np.unique(label[whose]))
    if empty:
        raise CodingError(
            "Classes that hold nobody, because scores are tied",
            field="n_classes",
            count=empty,
            remedy="Ask for fewer classes.",
        )
    in_rows = np.empty(len(label), dtype=np.int64)
    arm = np.empty(len(label), dtype=bool)
    in_rows[people.rows], arm[people.rows] = label, people.arm
    method = f"{n_classes} subclasses of the score, cut for the {target}"
    return as_strata(in_rows, arm, method, matched_sets=False)
