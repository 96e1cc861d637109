"""Numbers of people beside the estimates of a study, none of which tells how few are left beside another."""

from collections.abc import Sequence

import polars as pl

from pipelines.disclosure import format_count, hide_levels, is_small, told_apart
from pipelines.settings import Settings
from pipelines.studies.language import ALL


def with_people(estimates: pl.DataFrame, variants: Sequence[str], labels: Sequence[str] = ()) -> pl.DataFrame:
    """Estimates with ``people`` as a reader may see them.

    Analyses of the same people leave some out, such as those of a rare level, and so do other rules: where two
    numbers of people differ by few, the smaller is hidden, so that nobody can subtract. The arms, and the levels of
    a covariate, add up: few in one of them take another with them.

    Parameters
    ----------
    estimates : polars.DataFrame
        With ``small``, as they are read for pages.
    variants : sequence of str
        Labels of other outcomes and other rules, whose people are those of the main analyses or nearly.
    labels : sequence of str
        Of the arms.
    """
    min_cell = Settings().min_cell
    rows = estimates.filter(pl.col("analysis") != "attrition").with_columns(
        pl.col("subgroup")
        .fill_null("")
        .map_elements(lambda label: _whose(label, variants), return_dtype=pl.String)
        .alias("whose")
    )
    told = estimates.filter((pl.col("analysis") == "attrition") & ~pl.col("small"))
    flow = told.group_by("subgroup").last()
    in_cohort = {subgroup: [n] for subgroup, n in flow.select("subgroup", "n").iter_rows()}
    few = _few_parts(dict(rows.drop_nulls("n").group_by("whose").agg(pl.col("n").max()).iter_rows()), labels)
    shown = {
        whose: told_apart([*block["n"].drop_nulls(), *in_cohort.get(str(whose), [])], min_cell)
        if whose not in few
        else set()
        for (whose,), block in rows.group_by("whose", maintain_order=True)
    }
    texts = [
        "hidden"
        if n is not None and not is_small(n, min_cell) and n not in shown[whose]
        else format_count(n, min_cell)
        for whose, n in rows.select("whose", "n").iter_rows()
    ]
    return rows.drop("whose").with_columns(pl.Series("people", texts, dtype=pl.String))


def _few_parts(people: dict[str, int], labels: Sequence[str]) -> set[str]:
    """Arms, levels, and arms of levels that are few, with those of their kind that would tell how many.

    Parameters
    ----------
    people : dict of str to int
        Number of people by whom it is about, as in `_whose`.
    labels : sequence of str
        Of the arms.
    """
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for whose in people:
        *before, last = whose.split(", ")
        level, arm = (", ".join(before), last) if before and last in labels else (whose, "")
        if level in labels or "=" in level:
            kind = "" if level in labels else level.partition("=")[0]
            tables.setdefault(kind, {}).setdefault(level, {})[arm] = whose
    found: set[str] = set()
    for by_level in tables.values():
        arms = sorted({arm for by_arm in by_level.values() for arm in by_arm})
        table = [[people.get(by_arm.get(arm, ""), 0) for arm in arms] for by_arm in by_level.values()]
        everybody = [people.get(arm or ALL, 0) for arm in arms]
        nowhere = [
            max(0, n - sum(column)) for n, column in zip(everybody, zip(*table, strict=True), strict=True)
        ]
        hidden = hide_levels([*table, nowhere], Settings().min_cell)
        found |= {
            whose
            for by_arm, gone in zip(by_level.values(), hidden[:-1], strict=True)
            for whose in by_arm.values()
            if gone
        }
    return found


def _whose(subgroup: str, variants: Sequence[str]) -> str:
    """Whom an estimate is about, under whatever rule: everybody, an arm, a level."""
    parts = [part for part in subgroup.split(", ") if part not in (ALL, *variants)]
    return ", ".join(parts) or ALL
