"""What regression models share: rank, inverse, Wald statistics, intervals."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri
from threadpoolctl import ThreadpoolController

from ._inputs import FloatArray
from .errors import CollinearityError, NothingToCompareError

RANK_TOLERANCE = 1e-11


def require_full_rank(information: FloatArray, names: Sequence[str], unit: float) -> None:
    """Refuse covariates the data say nothing about: constant, or a combination of others.

    Parameters
    ----------
    information : ndarray of shape (p, p)
        Information matrix before any coefficient is fitted.
    names : sequence of str
        One per covariate.
    unit : float
        The information of a covariate of unit variance, about the number of events.

    Raises
    ------
    CollinearityError
        Naming the covariates.
    """
    diagonal = np.diag(information)
    flat = [name for name, value in zip(names, diagonal, strict=True) if value <= RANK_TOLERANCE * unit]
    if flat:
        raise CollinearityError(
            "Covariates do not vary among those at risk",
            field=", ".join(flat),
            count=len(flat),
            remedy="Leave them out, or merge levels nobody has.",
        )
    root = np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(information / np.outer(root, root))
    loose = np.abs(vectors[:, values < RANK_TOLERANCE * len(names)]).max(axis=1, initial=0.0) > 1e-4
    if loose.any():
        involved = [name for name, is_loose in zip(names, loose, strict=True) if is_loose]
        raise CollinearityError(
            "Covariates determine each other",
            field=", ".join(involved),
            count=len(involved),
            remedy="Leave one of them out (one level of each factor is the reference).",
        )


def inverse(information: FloatArray) -> FloatArray:
    """Symmetric inverse of a positive definite matrix."""
    result = np.linalg.inv(information)
    symmetric: FloatArray = (result + result.T) / 2
    return symmetric


def quadratic_form(estimate: FloatArray, covariance: FloatArray) -> float:
    """Wald statistic of `estimate` (k,) against zero."""
    return float(estimate @ np.linalg.solve(covariance, estimate))


def normal_quantile(level: float) -> float:
    """Half-width of a two-sided interval in standard errors (1.96 for 0.95)."""
    return float(ndtri((1 + level) / 2))


def wald_statistic(estimates: FloatArray, std_errs: FloatArray) -> FloatArray:
    """Estimates in standard errors.

    Raises
    ------
    NothingToCompareError
        A standard error of zero, as where everybody has the same value or time.
    """
    zero = int(np.count_nonzero(std_errs == 0))
    if zero:
        raise NothingToCompareError(
            "A standard error is zero: nothing varies that could be compared",
            count=zero,
            remedy="Look at the outcome: everybody may have the same value, or the event at the same time.",
        )
    return np.asarray(estimates / std_errs, dtype=np.float64)


def two_sided_p(z: FloatArray) -> FloatArray:
    """P-value of a standard normal statistic, precise in the far tail."""
    return np.asarray(2 * ndtr(-np.abs(z)), dtype=np.float64)


def chi_square_p(statistic: float, df: int) -> float:
    """Upper tail probability of chi-square."""
    return float(chdtrc(df, statistic))


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread, also as a decorator.

    Its products here are too narrow to gain from more, they wait for each other where several processes
    work, and a sum that is split between threads depends on their number.
    """
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
