"""Greedy matching, compiled: loops that depend on what was taken before have no array form.

People come sorted by stratum, score and id, and are known by their place in that order. Those of one arm,
stratum and score form a block, and a wall stands at either end of every stratum. Blocks used up are skipped
by union-find, so finding the next who is free on either side takes next to no time however many have gone.

Imported when first needed: Numba takes most of a second to load.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WALL = -1
NOBODY = -1


class Pool(NamedTuple):
    """People of one arm in blocks; the last five have one entry per node, which is a block or a wall."""

    members: Ints  # block after block, within a block by id
    ids: Ints  # of the members
    values: Ints  # score of the block
    first: Ints  # place in `members` of the next who is free; WALL for a wall
    stop: Ints  # where the block ends
    left: Ints  # union-find: the node itself while somebody in it is free, else a node further on
    right: Ints


@njit(cache=True)
def lay_out(score: Ints, ids: Ints, stratum: Ints, inside: Flags) -> tuple[Pool, Ints]:
    """Blocks of the people inside, and for everybody the first node not below their score."""
    n, n_inside = len(score), np.count_nonzero(inside)
    most = n_inside + stratum[-1] + 2
    members, place = np.empty(n_inside, np.int64), np.empty(n, np.int64)
    values, first, stop = np.zeros(most, np.int64), np.full(most, WALL), np.full(most, WALL)
    node, taken, i = 1, 0, 0
    while i < n:
        lead, begin = i, taken
        if i > 0 and stratum[i] != stratum[i - 1]:
            node += 1  # a wall
        while i < n and score[i] == score[lead] and stratum[i] == stratum[lead]:
            if inside[i]:
                members[taken] = i
                taken += 1
            place[i] = node
            i += 1
        if taken > begin:
            values[node], first[node], stop[node] = score[lead], begin, taken
            node += 1
    end = node + 1
    left, right = np.arange(end), np.arange(end)
    return Pool(members, ids[members], values[:end], first[:end], stop[:end], left, right), place


@njit(cache=True)
def find(parent: Ints, node: int) -> int:
    """The nearest node with somebody free from `node` on, or a wall; halves the way for the next search."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(cache=True)
def nearest(pool: Pool, target: int, place: int) -> tuple[int, int]:
    """Distance and node of the nearest who is free, NOBODY if none is; ties to the lower id."""
    below, above = find(pool.left, place - 1), find(pool.right, place)
    if pool.first[below] == WALL and pool.first[above] == WALL:
        return 0, NOBODY
    if pool.first[below] == WALL:
        return pool.values[above] - target, above
    if pool.first[above] == WALL:
        return target - pool.values[below], below
    down, up = target - pool.values[below], pool.values[above] - target
    if down < up or (down == up and pool.ids[pool.first[below]] < pool.ids[pool.first[above]]):
        return down, below
    return up, above


@njit(cache=True)
def take(pool: Pool, node: int) -> int:
    """Take the lowest id of those free in a block."""
    member = pool.members[pool.first[node]]
    pool.first[node] += 1
    if pool.first[node] == pool.stop[node]:
        close(pool, node)
    return int(member)


@njit(cache=True)
def close(pool: Pool, node: int) -> None:
    """Nobody of a block is free any more."""
    pool.first[node] = pool.stop[node]
    pool.left[node] = node - 1
    pool.right[node] = node + 1


@njit(cache=True)
def match_in_turn(
    score: Ints, ids: Ints, stratum: Ints, arm: Flags, queue: Ints, ratio: int, limit: int
) -> tuple[Ints, Ints]:
    """Each of the queue takes the nearest free control; when all had one, all choose their second."""
    controls, place = lay_out(score, ids, stratum, ~arm)
    treated, control = np.empty(ratio * len(queue), np.int64), np.empty(ratio * len(queue), np.int64)
    waiting, found = queue, 0
    for _ in range(ratio):
        begin = found
        for person in waiting:
            distance, block = nearest(controls, score[person], place[person])
            if block != NOBODY and distance <= limit:
                treated[found], control[found] = person, take(controls, block)
                found += 1
        # Who found nobody in this round finds nobody in the next. The queue keeps its order.
        waiting = treated[begin:found].copy()
    return treated[:found], control[:found]


@njit(cache=True)
def match_closest(
    score: Ints, ids: Ints, stratum: Ints, arm: Flags, ratio: int, limit: int
) -> tuple[Ints, Ints]:
    """The nearest pair of all, again and again, until nobody is within the limit; then all again.

    Pairs are ranked by distance, id of the treated, id of the control. A pair in which each is the other's
    first is taken sooner or later whatever happens elsewhere, so the pairs are found by following chains:
    from somebody to their nearest control, to that control's nearest treated, until the two agree.
    """
    controls, place = lay_out(score, ids, stratum, ~arm)
    waiting, chain = arm.copy(), np.empty(len(score), np.int64)
    most = ratio * np.count_nonzero(arm)
    treated, control = np.empty(most, np.int64), np.empty(most, np.int64)
    found = 0
    for _ in range(ratio):
        people, place_among = lay_out(score, ids, stratum, waiting)
        waiting[:] = False
        for start in range(len(people.first)):
            while people.first[start] != people.stop[start]:
                chain[0], depth = start, 1
                while depth > 0:
                    node = chain[depth - 1]
                    distance, block = nearest(
                        controls, people.values[node], place[people.members[people.first[node]]]
                    )
                    if block == NOBODY or distance > limit:
                        close(people, node)  # the others of this score are as far from anybody
                        depth -= 1
                        continue
                    wanted = controls.members[controls.first[block]]
                    rival = nearest(people, score[wanted], place_among[wanted])[1]
                    if rival == node:
                        treated[found], control[found] = take(people, node), take(controls, block)
                        waiting[treated[found]] = True
                        found += 1
                        depth -= 1
                    else:
                        chain[depth] = rival
                        depth += 1
    return treated[:found], control[:found]


@njit(cache=True)
def match_with_replacement(
    score: Ints, ids: Ints, stratum: Ints, arm: Flags, ratio: int, limit: int
) -> tuple[Ints, Ints]:
    """The nearest controls of each, whoever else has them; ties to the lower id."""
    controls, place = lay_out(score, ids, stratum, ~arm)
    most = ratio * np.count_nonzero(arm)
    treated, control = np.empty(most, np.int64), np.empty(most, np.int64)
    found = 0
    for person in np.flatnonzero(arm):
        below, above = place[person] - 1, place[person]
        lower, upper = controls.first[below], controls.first[above]
        for _ in range(ratio):
            # A block that has been used up hands over to the next one outwards.
            if lower != WALL and lower == controls.stop[below]:
                below -= 1
                lower = controls.first[below]
            if upper != WALL and upper == controls.stop[above]:
                above += 1
                upper = controls.first[above]
            if lower == WALL and upper == WALL:
                break
            down, up = score[person] - controls.values[below], controls.values[above] - score[person]
            go_down = upper == WALL or (
                lower != WALL and (down < up or (down == up and controls.ids[lower] < controls.ids[upper]))
            )
            if (down if go_down else up) > limit:
                break
            treated[found] = person
            if go_down:
                control[found] = controls.members[lower]
                lower += 1
            else:
                control[found] = controls.members[upper]
                upper += 1
            found += 1
    return treated[:found], control[:found]
