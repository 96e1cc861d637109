"""Greedy matching on several covariates among those whose score is within the caliper, compiled.

People come sorted by stratum, score and id. Who may be matched with somebody stands next to them in that
order, so a search runs over a window; the work grows with the number of pairs within the caliper.
"""

import numpy as np
from numba import njit

from ._compiled import NOBODY, Flags, Floats, Ints

Place = int | np.signedinteger


@njit(cache=True)
def windows(score: Ints, stratum: Ints, limit: int) -> tuple[Ints, Ints]:
    """First and one past the last place whose score is within the limit, in the same stratum."""
    n = len(score)
    low, high = np.empty(n, np.int64), np.empty(n, np.int64)
    begin, end = 0, 0
    for i in range(n):
        while stratum[begin] != stratum[i] or score[i] - score[begin] > limit:
            begin += 1
        end = max(end, i)
        while end < n and stratum[end] == stratum[i] and score[end] - score[i] <= limit:
            end += 1
        low[i], high[i] = begin, end
    return low, high


@njit(cache=True)
def pairs_within(arm: Flags, low: Ints, high: Ints, total: int) -> tuple[Ints, Ints]:
    """Every treated person with every control of their window, of which there are `total`."""
    treated, control = np.empty(total, np.int64), np.empty(total, np.int64)
    found = 0
    for i in np.flatnonzero(arm):
        for j in range(low[i], high[i]):
            if not arm[j]:
                treated[found], control[found] = i, j
                found += 1
    return treated, control


@njit(cache=True)
def nearest_free(x: Floats, ids: Ints, free: Flags, person: Place, low: int, high: int) -> tuple[float, int]:
    """Squared distance and place of the nearest who is free in a window; ties to the lower id."""
    best, who = np.inf, NOBODY
    for j in range(low, high):
        if not free[j]:
            continue
        distance = 0.0
        for k in range(x.shape[1]):
            step = x[person, k] - x[j, k]
            distance += step * step
            if distance > best:
                break
        if distance < best or (distance == best and (who == NOBODY or ids[j] < ids[who])):
            best, who = distance, j
    return best, who


@njit(cache=True)
def match_in_turn(
    x: Floats, ids: Ints, arm: Flags, low: Ints, high: Ints, queue: Ints, ratio: int
) -> tuple[Ints, Ints]:
    """Each of the queue takes the nearest free control; when all had one, all choose their second."""
    treated, control = np.empty(ratio * len(queue), np.int64), np.empty(ratio * len(queue), np.int64)
    free = ~arm
    waiting, found = queue, 0
    for _ in range(ratio):
        begin = found
        for person in waiting:
            who = nearest_free(x, ids, free, person, low[person], high[person])[1]
            if who != NOBODY:
                treated[found], control[found] = person, who
                free[who] = False
                found += 1
        waiting = treated[begin:found].copy()
    return treated[:found], control[:found]


@njit(cache=True)
def match_with_replacement(
    x: Floats, ids: Ints, arm: Flags, low: Ints, high: Ints, ratio: int
) -> tuple[Ints, Ints]:
    """The nearest controls of each, whoever else has them."""
    most = ratio * np.count_nonzero(arm)
    treated, control = np.empty(most, np.int64), np.empty(most, np.int64)
    free = ~arm
    found = 0
    for person in np.flatnonzero(arm):
        begin = found
        for _ in range(ratio):
            who = nearest_free(x, ids, free, person, low[person], high[person])[1]
            if who == NOBODY:
                break
            treated[found], control[found] = person, who
            free[who] = False
            found += 1
        free[control[begin:found]] = True
    return treated[:found], control[:found]


@njit(cache=True)
def match_closest(x: Floats, ids: Ints, arm: Flags, low: Ints, high: Ints, ratio: int) -> tuple[Ints, Ints]:
    """The nearest pair of all, again and again; found by chains, as in `_compiled.match_closest`."""
    most = ratio * np.count_nonzero(arm)
    treated, control = np.empty(most, np.int64), np.empty(most, np.int64)
    free, waiting, chain = ~arm, arm.copy(), np.empty(len(ids), np.int64)
    found = 0
    for _ in range(ratio):
        begin = found
        for start in np.flatnonzero(waiting):
            if not waiting[start]:
                continue
            chain[0], depth = start, 1
            while depth > 0:
                person = chain[depth - 1]
                wanted = nearest_free(x, ids, free, person, low[person], high[person])[1]
                if wanted == NOBODY:
                    waiting[person] = False
                    depth -= 1
                    continue
                rival = nearest_free(x, ids, waiting, wanted, low[wanted], high[wanted])[1]
                if rival == person:
                    treated[found], control[found] = person, wanted
                    free[wanted], waiting[person] = False, False
                    found += 1
                    depth -= 1
                else:
                    chain[depth] = rival
                    depth += 1
        waiting[treated[begin:found]] = True
    return treated[:found], control[:found]
