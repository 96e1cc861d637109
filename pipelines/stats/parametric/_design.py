"""Rows of a flexible parametric model: which parameter moves which linear predictor, and when."""

import numpy as np

from .._inputs import BoolArray, FloatArray
from .._linear_algebra import one_thread
from ._likelihood import Design
from ._splines import basis, slope

NODES = 60  # of the quadrature for restricted means; the curves are smooth in the root of time


def design_rows(
    covariates: FloatArray,
    log_time: FloatArray,
    knots: FloatArray,
    varying: tuple[tuple[int, FloatArray], ...],
) -> tuple[FloatArray, FloatArray]:
    """Rows of the linear predictor (n, q) and of its derivative by log time (n, q)."""
    n = len(log_time)
    rows = [np.ones((n, 1)), basis(log_time, knots), covariates]
    rise = [np.zeros((n, 1)), slope(log_time, knots), np.zeros(covariates.shape)]
    for j, own in varying:
        rows.append(covariates[:, [j]] * basis(log_time, own))
        rise.append(covariates[:, [j]] * slope(log_time, own))
    return np.hstack(rows), np.hstack(rise)


def orthogonal(design: Design) -> tuple[FloatArray, FloatArray]:
    """Matrix (q, q) to parameters in which the rows of the linear predictor are uncorrelated, and its inverse."""
    q = design.at_exit.shape[1]
    with one_thread():
        gram = design.at_exit.T @ design.at_exit / len(design.at_exit)
        size = np.sqrt(np.diag(gram))
        try:
            to = np.linalg.cholesky(gram / np.outer(size, size)).T * size
        except np.linalg.LinAlgError:  # rounding in the cross-product: the slow way is exact
            to = np.linalg.qr(design.at_exit, mode="r") / np.sqrt(len(design.at_exit))
        return to, np.linalg.solve(to, np.eye(q))


def quadrature(tau: float) -> tuple[FloatArray, FloatArray]:
    """Times and weights that integrate from 0 to `tau` by Gauss and Legendre in the root of time."""
    node, weight = np.polynomial.legendre.leggauss(NODES)
    u = (node + 1) / 2
    return tau * u**2, tau * u * weight


def build_design(
    time: FloatArray,
    died: BoolArray,
    entry: FloatArray,
    covariates: FloatArray,
    weights: FloatArray,
    knots: FloatArray,
    varying: tuple[tuple[int, FloatArray], ...],
    scale: str,
) -> Design:
    """Design of all rows; `entry` of 0 is no late entry."""
    rows, rise = design_rows(covariates, np.log(time), knots, varying)
    rise = rise[died]
    late = entry > 0
    before, _ = design_rows(covariates[late], np.log(entry[late]), knots, varying)
    return Design(rows, rise, before, late, died, np.log(time), weights, scale)


def parameter_names(
    labels: tuple[str, ...], knots: FloatArray, varying: tuple[tuple[int, FloatArray], ...]
) -> tuple[str, ...]:
    """Names of spline, covariates and effects that vary with time (q,)."""
    spline = [f"gamma{j}" for j in range(len(knots))]
    effects = [f"{labels[j]}:{k}" for j, own in varying for k in range(1, len(own))]
    return (*spline, *labels, *effects)


def unscale(
    q: int,
    n_spline: int,
    centre: FloatArray,
    unit: FloatArray,
    varying: tuple[tuple[int, FloatArray], ...],
) -> FloatArray:
    """Matrix from parameters of scaled covariates to those of the data."""
    back = np.eye(q)
    for j in range(len(unit)):
        back[n_spline + j, n_spline + j] = 1 / unit[j]
        back[0, n_spline + j] = -centre[j] / unit[j]
    place = n_spline + len(unit)
    for j, own in varying:
        for k in range(place, place + len(own) - 1):
            back[k, k] = 1 / unit[j]
        place += len(own) - 1
    return back
