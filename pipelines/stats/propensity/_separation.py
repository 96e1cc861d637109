"""Separation: a direction of the covariates that never disagrees with the outcome."""

from collections.abc import Iterable, Sequence
from typing import NoReturn

import numpy as np

from .._inputs import FloatArray
from ..errors import SeparationError

# Share of its information some direction has left at the fit; separation takes it towards nothing.
LEFT_OVER_INFORMATION = 1e-4


def is_flat(information: FloatArray, null_information: FloatArray) -> bool:
    """Whether hardly anything of the information is left in some direction."""
    try:
        left = np.linalg.eigvals(np.linalg.solve(null_information, information)).real.min()
    except np.linalg.LinAlgError:
        return True
    return bool(left < LEFT_OVER_INFORMATION)


def separating_direction(agreement: FloatArray) -> FloatArray | None:
    """A direction with `agreement @ direction >= 0` in every row and above 0 in some; None if there is none.

    A linear programme decides it, for completely and for quasi-completely separated data. Ask it only where
    the fit looks like it, because it takes seconds for 60,000 people.

    References
    ----------
    Konis K. Linear programming algorithms for detecting separated data in binary logistic regression models.
    University of Oxford 2007.
    """
    from scipy.optimize import linprog

    unique = np.unique(agreement, axis=0)
    answer = linprog(
        -unique.sum(axis=0), A_ub=-unique, b_ub=np.zeros(len(unique)), bounds=(-1, 1), method="highs"
    )
    if answer.status == 0 and -answer.fun > 1e-6:
        direction: FloatArray = np.where(np.abs(answer.x) > 1e-6, answer.x, 0.0)
        return direction
    return None


def raise_separation(guilty: Iterable[int], names: Sequence[str]) -> NoReturn:
    """Refuse the covariates numbered `guilty`."""
    found = sorted({names[j] for j in guilty}, key=list(names).index)
    raise SeparationError(
        "The outcome is separated by covariates, so an odds ratio would be infinite",
        field=", ".join(found),
        count=len(found),
        remedy="Merge levels in which everybody or nobody has the outcome, leave the covariate out, or use "
        "a penalised model.",
    )
