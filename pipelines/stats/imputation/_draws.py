"""One draw of what is missing in one variable, given the others: the models of the chained equations."""

import numpy as np

from .._inputs import FloatArray, IntArray

DONORS = 5
PRIOR_VARIANCE = (
    100.0  # of a coefficient per standard deviation: keeps a separated level finite, bends nothing else
)
MAX_STEPS = 50


def draw_numbers(
    known: FloatArray, values: FloatArray, unknown: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Predictive mean matching: each missing value is that of a person whose prediction is near.

    Parameters
    ----------
    known, unknown : ndarray of shape (n, p) and (k, p)
        Standardised predictors with an intercept, of people whose value is known and unknown.
    values : ndarray of shape (n,)
    rng : Generator

    Returns
    -------
    ndarray of shape (k,)

    References
    ----------
    Little RJA. Missing-data adjustments in large surveys. J Bus Econ Stat 1988;6:287-296.
    Morris TP, White IR, Royston P. Tuning multiple imputation by predictive mean matching and local residual
    draws. BMC Med Res Methodol 2014;14:75 (five donors, the coefficients of the missing side drawn).
    """
    precision = known.T @ known + np.eye(known.shape[1]) / PRIOR_VARIANCE
    estimate = np.linalg.solve(precision, known.T @ values)
    residual = values - known @ estimate
    freedom = max(len(values) - known.shape[1], 1)
    scale = np.sqrt(residual @ residual / rng.chisquare(freedom))
    drawn = estimate + scale * _normal_with_precision(precision, rng)
    order = np.argsort(known @ estimate, kind="stable")
    predicted = (known @ estimate)[order]
    wanted = unknown @ drawn
    donors = min(DONORS, len(values))
    # The nearest donors in a sorted list are neighbours of the place where the prediction would stand.
    place = np.searchsorted(predicted, wanted)
    first = np.clip(place - donors, 0, len(values) - donors)
    reach = min(2 * donors, len(values))
    first = np.minimum(first, len(values) - reach)
    candidates = first[:, None] + np.arange(reach)
    distance = np.abs(predicted[candidates] - wanted[:, None])
    nearest = np.take_along_axis(candidates, np.argsort(distance, axis=1, kind="stable")[:, :donors], axis=1)
    chosen = nearest[np.arange(len(wanted)), rng.integers(0, donors, len(wanted))]
    drawn_values: FloatArray = values[order][chosen]
    return drawn_values


def draw_levels(
    known: FloatArray, levels: IntArray, n_levels: int, unknown: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Multinomial logistic regression with coefficients drawn from their posterior (binary: two levels).

    Parameters
    ----------
    known, unknown : ndarray of shape (n, p) and (k, p)
        Standardised predictors with an intercept.
    levels : ndarray of int, shape (n,)
        0 to `n_levels - 1`.
    n_levels : int
    rng : Generator

    Returns
    -------
    ndarray of int, shape (k,)
    """
    estimate, precision = _fit_levels(known, levels, n_levels)
    drawn = estimate + _normal_with_precision(precision, rng).reshape(estimate.shape)
    probability = _probabilities(unknown, drawn)
    threshold = rng.random(len(unknown))
    level: IntArray = np.sum(np.cumsum(probability, axis=1)[:, :-1] < threshold[:, None], axis=1)
    return level


def _fit_levels(x: FloatArray, levels: IntArray, n_levels: int) -> tuple[FloatArray, FloatArray]:
    """Posterior mode (n_levels - 1, p) and its precision, by Newton's method with halved steps."""
    p = x.shape[1]
    beta = np.zeros((n_levels - 1, p))
    is_level = (levels[:, None] == np.arange(1, n_levels)).astype(np.float64)
    objective = _log_posterior(x, is_level, beta)
    for _ in range(MAX_STEPS):
        probability = _probabilities(x, beta)[:, 1:]
        score = ((is_level - probability).T @ x - beta / PRIOR_VARIANCE).ravel()
        precision = _precision(x, probability)
        step = np.linalg.solve(precision, score).reshape(beta.shape)
        for _ in range(MAX_STEPS):
            reached = _log_posterior(x, is_level, beta + step)
            if reached >= objective - 1e-9 * abs(objective):
                break
            step = step / 2
        beta, objective = beta + step, reached
        if np.max(np.abs(step)) < 1e-6:
            break
    return beta, _precision(x, _probabilities(x, beta)[:, 1:])


def _log_posterior(x: FloatArray, is_level: FloatArray, beta: FloatArray) -> float:
    predictor = x @ beta.T
    total = np.logaddexp.reduce(np.column_stack([np.zeros(len(x)), predictor]), axis=1)
    return float(np.sum(is_level * predictor) - total.sum() - np.sum(beta**2) / (2 * PRIOR_VARIANCE))


def _probabilities(x: FloatArray, beta: FloatArray) -> FloatArray:
    predictor = np.column_stack([np.zeros(len(x)), x @ beta.T])
    relative = np.exp(predictor - predictor.max(axis=1, keepdims=True))
    share: FloatArray = relative / relative.sum(axis=1, keepdims=True)
    return share


def _precision(x: FloatArray, probability: FloatArray) -> FloatArray:
    """Information of the multinomial likelihood plus that of the prior; blocks are levels."""
    k, p = probability.shape[1], x.shape[1]
    total = np.eye(k * p) / PRIOR_VARIANCE
    for i in range(k):
        for j in range(i, k):
            weight = probability[:, i] * ((i == j) - probability[:, j])
            block = x.T @ (weight[:, None] * x)
            total[i * p : (i + 1) * p, j * p : (j + 1) * p] += block
            if i != j:
                total[j * p : (j + 1) * p, i * p : (i + 1) * p] += block.T
    return total


def _normal_with_precision(precision: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw from a normal distribution of mean zero whose precision matrix is given."""
    root = np.linalg.cholesky(precision)
    drawn: FloatArray = np.linalg.solve(root.T, rng.standard_normal(len(precision)))
    return drawn
