"""Counting comparable pairs in n log n, compiled: a running sum over ranks that is looked up row by row.

The sums are kept in a Fenwick tree: `tree[k]` holds a run of ranks that ends at k, so that adding a weight
and asking for the sum up to a rank both take about log2 of the number of ranks steps.
"""

import numpy as np
from numba import njit

from .._inputs import BoolArray, FloatArray, IntArray


@njit(cache=True)
def _add(tree, rank, weight):  # type: ignore[no-untyped-def]  # numba
    k = rank + 1
    while k < len(tree):
        tree[k] += weight
        k += k & -k


@njit(cache=True)
def _up_to(tree, rank):  # type: ignore[no-untyped-def]  # numba
    total = 0.0
    k = rank + 1
    while k > 0:
        total += tree[k]
        k -= k & -k
    return total


@njit(cache=True)
def _clear(tree, ranks):  # type: ignore[no-untyped-def]  # numba
    for rank in ranks:
        k = rank + 1
        while k < len(tree):
            tree[k] = 0.0
            k += k & -k


@njit(cache=True)
def _pairs_of_deaths(tree, result, a, b, time, died, rank, weight, enters, by_entry):  # type: ignore[no-untyped-def]  # numba
    """For each death the weight of those who outlive it: with lower, higher and the same rank."""
    inside = 0.0
    last, late = b, b
    while last > a:
        now, first = time[last - 1], last
        while first > a and time[first - 1] == now:
            first -= 1
        while late > a and enters[by_entry[late - 1]] > now:  # not yet under observation
            late -= 1
            row = by_entry[late]
            _add(tree, rank[row], -weight[row])
            inside -= weight[row]
        for row in range(first, last):
            if not died[row]:
                _add(tree, rank[row], weight[row])
                inside += weight[row]
        for row in range(first, last):
            if died[row]:
                below, up_to = _up_to(tree, rank[row] - 1), _up_to(tree, rank[row])
                result[row, 0] += below
                result[row, 1] += inside - up_to
                result[row, 2] += up_to - below
        for row in range(first, last):
            if died[row]:
                _add(tree, rank[row], weight[row])
                inside += weight[row]
        last = first


@njit(cache=True)
def _look_back(tree, result, row, rank, inside, sign):  # type: ignore[no-untyped-def]  # numba
    below, up_to = _up_to(tree, rank - 1), _up_to(tree, rank)
    result[row, 0] += sign * (inside - up_to)
    result[row, 1] += sign * below
    result[row, 2] += sign * (up_to - below)


@njit(cache=True)
def _pairs_of_survivors(tree, result, a, b, time, died, rank, weight, enters, by_entry):  # type: ignore[no-untyped-def]  # numba
    """For each row the weight of the deaths it outlived while under observation."""
    inside = 0.0
    first, entered = a, a
    while first < b:
        now, last = time[first], first
        while last < b and time[last] == now:
            last += 1
        while entered < b and enters[by_entry[entered]] <= now:  # deaths before its entry do not count
            row = by_entry[entered]
            _look_back(tree, result, row, rank[row], inside, -1.0)
            entered += 1
        for row in range(first, last):
            if died[row]:
                _look_back(tree, result, row, rank[row], inside, 1.0)
        for row in range(first, last):
            if died[row]:
                _add(tree, rank[row], weight[row])
                inside += weight[row]
        for row in range(first, last):
            if not died[row]:
                _look_back(tree, result, row, rank[row], inside, 1.0)
        first = last


@njit(cache=True)
def count_pairs(
    starts: IntArray,
    time: IntArray,
    died: BoolArray,
    rank: IntArray,
    weight: FloatArray,
    enters: IntArray,
    by_entry: IntArray,
) -> FloatArray:
    """Weight of the partners of each row in concordant, discordant and risk-tied pairs: (n, 3).

    Parameters
    ----------
    starts : ndarray of int, shape (S + 1,)
        First row of each stratum, and n. Rows are sorted by stratum, then time.
    time : ndarray of int, shape (n,)
        Number of the exit time among the distinct ones.
    died : ndarray of bool, shape (n,)
    rank : ndarray of int, shape (n,)
        Of the risk score, from 0.
    weight : ndarray of shape (n,)
    enters : ndarray of int, shape (n,)
        Number of distinct exit times at or before the entry: the row is at risk from that time on.
    by_entry : ndarray of int, shape (n,)
        Rows sorted by stratum, then `enters`.
    """
    result = np.zeros((len(time), 3))
    tree = np.zeros(rank.max() + 2)
    for s in range(len(starts) - 1):
        a, b = starts[s], starts[s + 1]
        _pairs_of_deaths(tree, result, a, b, time, died, rank, weight, enters, by_entry)
        _clear(tree, rank[a:b])
        _pairs_of_survivors(tree, result, a, b, time, died, rank, weight, enters, by_entry)
        _clear(tree, rank[a:b])
    return result
