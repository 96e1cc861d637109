"""What a ridge penalty leaves: effective degrees of freedom and the two covariances of R."""

import numpy as np

from .._inputs import FloatArray
from ._risk_sets import information
from .fit import CoxFit


def unpenalised_information(fit: CoxFit) -> FloatArray:
    """Information of the data alone at the estimate (p, p), per unit of the covariates as given."""
    scale = fit._sets.scale
    result: FloatArray = information(fit._sets, fit._at_estimate) * np.outer(scale, scale)
    return result


def effective_degrees_of_freedom(fit: CoxFit) -> float:
    """Trace of information times inverse penalised information: p without a ridge, fewer with one.

    References
    ----------
    Gray RJ. Flexible methods for analyzing survival data using splines. JASA 1992;87:942-951.
    """
    return float(np.trace(fit.naive_covariance @ unpenalised_information(fit)))


def ridge_covariance(fit: CoxFit) -> FloatArray:
    """Sampling covariance of penalised coefficients (p, p), R's `var2`: H⁻¹ I H⁻¹.

    `fit.naive_covariance`, R's `var`, is H⁻¹, the inverse of the penalised information. It also allows for
    the bias that the penalty brings and so is the larger one; without a ridge the two are the same.

    References
    ----------
    Gray RJ. Flexible methods for analyzing survival data using splines. JASA 1992;87:942-951.
    """
    sandwich = fit.naive_covariance @ unpenalised_information(fit) @ fit.naive_covariance
    symmetric: FloatArray = (sandwich + sandwich.T) / 2
    return symmetric


def is_penalised(fit: CoxFit) -> bool:
    """Whether a ridge takes anything off the degrees of freedom, beyond rounding."""
    p = len(fit.names)
    return effective_degrees_of_freedom(fit) < p * (1 - 1e-9)
