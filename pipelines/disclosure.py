"""Small-cell rules: what may leave the site.

A count of people from 1 to ``min_cell`` - 1 is hidden, and so is its neighbour where a subtraction would
give it away. Zero is shown. The default of 11 follows the CMS cell-size policy
(https://resdac.org/articles/cms-cell-size-suppression-policy); the NCDB and SEER data use agreements set
their own, so the number is a site's setting.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

SHARES_OF_PEOPLE = ("n", "percent")
TIMES_OF_PEOPLE = (
    "median_months",
    "naive_median_months",
    "rmst_months",
    "survival_probability",
    "cumulative_incidence",
    "relative_survival",
)
"""Measures that tell of few people when single ones died or were last seen."""
ATTRITION_COUNTS = ("n_before", "n_excluded", "n_after")
AFTER = "n_after_"
"""How the columns of the arms begin: ``n_after_exposed``, ``n_after_arm_2`` …"""


def is_small(count: int, min_cell: int) -> bool:
    """Whether a count is one that has to be hidden."""
    return 0 < count < min_cell


def gives_away(measure: str, estimate: float | None, total: int | None, min_cell: int) -> bool:
    """Whether a number of people, or a percentage of them, tells a count that has to be hidden.

    Parameters
    ----------
    measure : str
        ``n`` is a number of people, ``percent`` a percentage of ``total``; other measures tell no count.
    estimate : float, optional
        The number.
    total : int, optional
        People it is a part of, shown beside it: the other part can be subtracted.
    min_cell : int
        Counts below this are hidden (people).
    """
    if estimate is None or measure not in {"n", "percent"}:
        return False
    if measure == "n":
        count = round(estimate)
    elif total is None:
        return False
    else:
        count = round(estimate * total / 100)
    return is_small(count, min_cell) or (total is not None and is_small(total - count, min_cell))


def shares_of_few(
    estimates: pl.DataFrame, outcomes: Iterable[str], labels: Sequence[str], min_cell: int
) -> list[bool]:
    """Which shares of arms with a binary outcome, and which odds ratios, give a small count away between them.

    The share of everybody and the odds ratio of the arms tell what a small share in one arm is, and the levels of a
    subgroup add up: as soon as an arm has few with the outcome, or few without, all of them go.

    Parameters
    ----------
    estimates : polars.DataFrame
        ``estimates.csv`` of a study.
    outcomes : iterable of str
        Its binary outcomes, as in ``share_<name>``, ``crude_<name>``, ``logistic_<name>``.
    labels : sequence of str
        Of its arms.
    min_cell : int
        Counts below this are hidden (people).

    Returns
    -------
    list of bool
        One for each row.
    """
    about = {f"{kind}_{name}": name for name in outcomes for kind in ("share", "crude", "logistic")}
    rows = [
        (about.get(row["analysis"], ""), _people_of(row["subgroup"] or "", labels), row)
        for row in estimates.iter_rows(named=True)
    ]
    few = {
        (outcome, people, row["term"])
        for outcome, people, row in rows
        if outcome and gives_away(row["measure"], row["estimate"], row["n"], min_cell)
    }
    return [(outcome, people, row["term"]) in few for outcome, people, row in rows]


def _people_of(subgroup: str, labels: Sequence[str]) -> str:
    """Whose arms a subgroup of the estimates is one of: those of everybody, of a variant, of all levels together."""
    for label in labels:
        if subgroup == label or subgroup.endswith(f", {label}"):
            subgroup = subgroup.removesuffix(label).removesuffix(", ")
            break
    return "" if subgroup == "all" else subgroup.partition("=")[0]


def told_apart(counts: Iterable[int], min_cell: int) -> set[int]:
    """Those of several counts of nearly the same people that may stand side by side: no two differ by few.

    Parameters
    ----------
    counts : iterable of int
        People of several analyses.
    min_cell : int
        Counts below this are hidden (people), and so are differences.
    """
    shown: list[int] = []
    for count in sorted(set(counts), reverse=True):
        if not is_small(count, min_cell) and (not shown or shown[-1] - count >= min_cell):
            shown.append(count)
    return set(shown)


def format_count(count: int | None, min_cell: int) -> str:
    """A count as it may be printed; a hidden neighbour has no bound of its own, so it is a dash."""
    if count is None:
        return "–"
    return f"<{min_cell}" if is_small(count, min_cell) else f"{count:,}"


def hide(count: int | None, min_cell: int) -> int | None:
    """A single count, without neighbours: null where it is small."""
    return None if count is None or is_small(count, min_cell) else count


def records_in(kept: int, quarantined: int, min_cell: int) -> int | None:
    """Records kept and quarantined together; null where one is small, as the other and the sum would tell it."""
    return None if None in hide_parts([kept, quarantined], min_cell) else kept + quarantined


def hide_parts(parts: Sequence[int], min_cell: int) -> list[int | None]:
    """Parts of a known total: small ones are hidden, and the smallest other one where one alone is hidden.

    Parameters
    ----------
    parts : sequence of int
        Counts of people that add up to a total which is shown.
    min_cell : int
        Counts below this are hidden (people).

    Returns
    -------
    list of int or None
        None where hidden. The hidden ones together are at least ``min_cell``, where there are so many.
    """
    hidden = {position for position, count in enumerate(parts) if is_small(count, min_cell)}
    if not hidden:
        return list(parts)
    others = sorted(
        (position for position, count in enumerate(parts) if position not in hidden and count > 0),
        key=lambda position: (parts[position], position),
    )
    while others and (len(hidden) < 2 or sum(parts[position] for position in hidden) < min_cell):
        hidden.add(others.pop(0))
    return [None if position in hidden else count for position, count in enumerate(parts)]


def part_texts(parts: Sequence[int], min_cell: int) -> list[str]:
    """Parts of a known total as they may be printed, see `hide_parts`; one that is hidden and not small says so."""
    return [
        f"{count:,}" if seen is not None else f"<{min_cell}" if is_small(count, min_cell) else "hidden"
        for count, seen in zip(parts, hide_parts(parts, min_cell), strict=True)
    ]


def join_small(counts: Sequence[int], min_cell: int) -> list[range]:
    """Bins of a histogram joined with their neighbours until none is small.

    Parameters
    ----------
    counts : sequence of int
        People in each bin.
    min_cell : int
        Counts below this are joined (people).

    Returns
    -------
    list of range
        Positions that go together, in order, without empty bins at the sides; none where all together are few.
    """

    def few(bins: Iterable[int]) -> bool:
        return sum(counts[position] for position in bins) < min_cell

    joined: list[list[int]] = []
    for position in (position for position, count in enumerate(counts) if count):
        if joined and few(joined[-1]):
            joined[-1].append(position)
        else:
            joined.append([position])
    if len(joined) > 1 and few(joined[-1]):
        joined[-2:] = [joined[-2] + joined[-1]]
    return [range(bins[0], bins[-1] + 1) for bins in joined if not few(bins)]


def hide_levels(table: Sequence[Sequence[int]], min_cell: int) -> list[bool]:
    """Which rows of a table, levels by arm, to hide: arms add up, so a level that is few in one is hidden in all.

    Parameters
    ----------
    table : sequence of sequences of int
        People, a row for each level and a column for each arm; their totals are shown.
    min_cell : int
        Counts below this are hidden (people).

    Returns
    -------
    list of bool
        One for each row. The hidden ones are two or more, and in no arm few together, where there are so many.
    """
    hidden = {row for row, counts in enumerate(table) if any(is_small(count, min_cell) for count in counts)}
    others = sorted(
        (row for row in range(len(table)) if row not in hidden and any(table[row])),
        key=lambda row: (sum(table[row]), list(table[row]), row),
    )
    while others and hidden and (len(hidden) < 2 or _few_together(table, hidden, min_cell)):
        hidden.add(others.pop(0))
    return [row in hidden for row in range(len(table))]


def _few_together(table: Sequence[Sequence[int]], rows: Iterable[int], min_cell: int) -> bool:
    """Whether some rows of a table are few together in any column."""
    return any(is_small(sum(column), min_cell) for column in zip(*(table[row] for row in rows), strict=True))


def level_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Covariate and level that an estimate is about: ``term, contrast``, or a subgroup such as ``era=1988-1998``."""
    covariate, is_level, level = str(row["subgroup"] or "").partition("=")
    return (covariate, level) if is_level else (row["term"] or "", row["contrast"] or "")


def hidden_levels(estimates: pl.DataFrame, min_cell: int) -> set[tuple[str, str]]:
    """Levels of covariates, and arms, whose numbers of people and percentages give a small count away.

    Parameters
    ----------
    estimates : polars.DataFrame
        ``estimates.csv`` of a study; ``percent`` is of ``n`` people.
    min_cell : int
        Counts below this are hidden (people).

    Returns
    -------
    set of (str, str)
        Covariate and level, see `level_of`; of arms the exposure and the arm.
    """
    blocks: dict[tuple[str, ...], dict[tuple[str, str], dict[str, int]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in estimates.filter(pl.col("measure").is_in(SHARES_OF_PEOPLE)).iter_rows(named=True):
        if row["analysis"] == "attrition" or row["estimate"] is None or row["n"] is None:
            continue
        level = level_of(row)
        count = round(row["n"] * row["estimate"] / 100 if row["measure"] == "percent" else row["estimate"])
        of_level = "=" in (row["subgroup"] or "")
        arm = (row["contrast"] if of_level else row["subgroup"]) or ""
        cells = blocks[row["analysis"], row["measure"], level[0]][level]
        cells[arm] = count
        if of_level and row["measure"] == "percent":  # the others of the level are told as well
            cells[f"not {arm}"] = row["n"] - count
    found: set[tuple[str, str]] = set()
    for (analysis, measure, _), block in blocks.items():
        arms = sorted({arm for cells in block.values() for arm in cells})
        table = [[cells.get(arm, 0) for arm in arms] for cells in block.values()]
        if measure == "n" and len(arms) == 1:
            # Who is in none of the levels is told by the number of everybody.
            everybody = blocks.get((analysis, "n", ""), {}).get(("", ""), {}).get("all", 0)
            table.append([max(0, everybody - sum(row[0] for row in table))])
        hidden = hide_levels(table, min_cell)[: len(block)]
        found |= {level for level, gone in zip(block, hidden, strict=True) if gone}
    return found


def attrition_texts(
    totals: Sequence[int], shown: Sequence[int | None], min_cell: int
) -> list[tuple[str, str]]:
    """A flow of people for a reader: how many left at each step, and how many remained.

    Where a total is hidden, the next one that is shown says how many left in all the steps since the last that
    was shown; a reader could subtract that himself.

    Parameters
    ----------
    totals : sequence of int
        People at the start, after the first step, after the second …
    shown : sequence of int or None
        The same, None where hidden.
    min_cell : int
        Counts below this are hidden (people).

    Returns
    -------
    list of (str, str)
        Left at the step, remained after it; the first pair is the start.
    """
    instead = f"<{min_cell}" if is_small(totals[0], min_cell) else "hidden"
    texts, last = [("", instead if shown[0] is None else f"{shown[0]:,}")], 0
    for step in range(1, len(shown)):
        remained, before = shown[step], shown[last]
        if remained is None:
            texts.append(("hidden", "hidden"))
            continue
        left = "hidden" if before is None else f"{before - remained:,}"
        texts.append((left if last == step - 1 else f"{left} in steps {last + 1} to {step}", f"{remained:,}"))
        last = step
    return texts


def step_mask(
    series: Sequence[Sequence[int]], min_cell: int, *, among: Sequence[bool] | None = None
) -> list[bool]:
    """Which totals to hide in several series that are shown side by side, such as attrition in all and by arm.

    A step that is small is told by the totals around it, so the total between it and the next step is hidden, as far
    as the steps hidden together are not small any more; a step is shown where both its totals are.

    One mask for all of them: arms stand beside their sum, so what is hidden in one arm and shown in the others and
    the sum would be given away.

    Parameters
    ----------
    series : sequence of sequences of int
        Falling totals, all of one length.
    min_cell : int
        Counts below this are hidden (people).
    among : sequence of bool, optional
        Totals that may be shown; default all.
    """
    last = len(series[0]) - 1
    allowed = [True] * (last + 1) if among is None else list(among)
    shown, start = [0], 0
    for end in range(1, last + 1):
        if allowed[end] and not _gives_away(series, start, end, min_cell):
            shown.append(end)
            start = end
    if shown[-1] != last and allowed[last] and not any(is_small(one[last], min_cell) for one in series):
        # The last total is one that may be seen: earlier totals make room for it.
        while len(shown) > 1 and _gives_away(series, shown[-1], last, min_cell):
            shown.pop()
        if not _gives_away(series, shown[-1], last, min_cell):
            shown.append(last)
    hide_total = [position not in shown for position in range(last + 1)]
    hide_total[0] = not allowed[0] or any(is_small(one[0], min_cell) for one in series)
    return hide_total


def _gives_away(series: Sequence[Sequence[int]], start: int, end: int, min_cell: int) -> bool:
    """Whether the total at ``end``, or its difference from that at ``start``, is small in any series."""
    return any(is_small(one[end], min_cell) or is_small(one[start] - one[end], min_cell) for one in series)


def hide_attrition(
    attrition: pl.DataFrame, min_cell: int, analysed: Iterable[Mapping[str, int]] = ()
) -> pl.DataFrame:
    """Attrition lines as they may leave the site: hidden counts are null.

    Parameters
    ----------
    attrition : pl.DataFrame
        ``cohorts/<cohort>/attrition.csv``, one row per step, the first being all received.
    min_cell : int
        Counts below this are hidden (people).
    analysed : iterable of mapping
        Of each study on the cohort the people whom it analyses, by ``n_after`` and ``n_after_<arm>``.
    """
    names = [name for name in attrition.columns if name == "n_after" or name.startswith(AFTER)]
    hidden = attrition_masks({name: attrition[name].to_list() for name in names}, min_cell, analysed)
    shown = attrition.with_columns(
        pl.when(~mask).then(pl.col(f"{count}{arm}")).alias(f"{count}{arm}")
        for name, hide_total in hidden.items()
        for arm in [name.removeprefix("n_after")]
        for count, mask in _line_masks(hide_total, _steps_between(hide_total)).items()
    )
    gone = pl.Series([False, *_steps_between(hidden["n_after"])])
    return _hide_reasons(shown, attrition, gone, min_cell)


def attrition_masks(
    totals: Mapping[str, Sequence[int]], min_cell: int, analysed: Iterable[Mapping[str, int]] = ()
) -> dict[str, list[bool]]:
    """Which totals of a flow to hide, by the name of the series.

    Those of everybody as `step_mask` hides them. The arms are shown at lines whose total is shown, and at those only
    where no arm gives a small count away.

    Parameters
    ----------
    totals : mapping of sequences of int
        ``n_after``, and one ``n_after_<arm>`` for each arm.
    min_cell : int
        Counts below this are hidden (people).
    analysed : iterable of mapping
        As in `hide_attrition`: who left between cohort and analysis is one more step.
    """
    ends = list(analysed)
    everybody = totals["n_after"]
    of_all = _beside_analysed({"n_after": everybody}, min_cell, ends, [True] * len(everybody))
    of_arms = _beside_analysed(totals, min_cell, ends, [not hidden for hidden in of_all])
    return {name: of_all if name == "n_after" else of_arms for name in totals}


def _beside_analysed(
    totals: Mapping[str, Sequence[int]],
    min_cell: int,
    ends: Sequence[Mapping[str, int]],
    among: Sequence[bool],
) -> list[bool]:
    """Totals to hide: in the flow alone, and in the flow with each of several ends, which are shown."""
    hidden = step_mask(list(totals.values()), min_cell, among=among)
    for end in ends:
        last = {name: end.get(name, series[-1]) for name, series in totals.items()}
        everybody = all(last[name] == series[-1] for name, series in totals.items())
        if everybody or any(is_small(count, min_cell) for count in last.values()):
            continue  # it tells nothing new, or is not shown
        longer = [[*series, last[name]] for name, series in totals.items()]
        *mask, end_hidden = step_mask(longer, min_cell, among=[*among, True])
        hidden = [one or other or end_hidden for one, other in zip(hidden, mask, strict=True)]
    return hidden


def _steps_between(hide_total: Sequence[bool]) -> list[bool]:
    """Steps to hide: those beside a hidden total."""
    return [before or after for before, after in pairwise(hide_total)]


def _line_masks(hide_total: list[bool], hide_step: list[bool]) -> dict[str, pl.Series]:
    """Masks of the counts of a line: before, excluded, after."""
    masks = ([hide_total[0], *hide_total[:-1]], [False, *hide_step], hide_total)
    return {name: pl.Series(mask) for name, mask in zip(ATTRITION_COUNTS, masks, strict=True)}


def _hide_reasons(
    shown: pl.DataFrame, attrition: pl.DataFrame, gone: pl.Series, min_cell: int
) -> pl.DataFrame:
    """Not met and unknown are parts of the excluded: both go where either is small or the step is hidden."""
    reasons = [name for name in ("n_excluded_not_met", "n_excluded_unknown") if name in attrition.columns]
    small = pl.Series(
        [any(is_small(count, min_cell) for count in row) for row in attrition.select(reasons).iter_rows()]
    )
    return shown.with_columns(pl.when(~(gone | small)).then(pl.col(name)).alias(name) for name in reasons)
