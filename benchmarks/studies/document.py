"""The runs as a document: what finished, which methods hold in which world, and by how much the others miss."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from pipelines.synthetic.judge import WITHIN_STANDARD_ERRORS

WORLDS = {
    "as_it_is": "As it is: confounding by what the registry records, and immortal time. Surgery does nothing.",
    "at_diagnosis": "At diagnosis: the same people are operated on at once: no time is immortal. Surgery does nothing. "
    "Studies of operations after systemic therapy (ea2108, jcog1017, lane2019) have nobody to compare there, and fail "
    "saying so.",
    "migration": "Migration: as at diagnosis, and metastases of some operated on in stage III are told afterwards. "
    "Surgery does nothing.",
    "effect": "Effect: as at diagnosis, and surgery multiplies the hazard of death from the cancer by 0.7. A marginal "
    "estimate has a truth then (matched, weighted, clone-censor-weight), and deaths of other causes; a conditional one "
    "has none, and is not counted.",
}
INTRODUCTION = """# The studies against the truth

Every study of the catalog on synthetic submissions of {stage_iv:,} people in stage IV each (seed {seed}). An
estimate is *valid* where its method leaves immortal time out, or the world has none, and its covariates hold every
confounder that the registry records (`pipelines/synthetic/judge.py`); of relapsed against de novo disease (NAACCR) the
unadjusted ratio is judged. *Misses by* is estimate less truth on the log scale, in standard errors; a valid estimate
should lie within {within:g}. The estimates of a submission share its people and move together: their median is one
draw and not many, and another `--seed` moves it. A ratio of what is not valid says how far the method is off. Made by
`python -m benchmarks.studies.run --write docs/truth-of-studies.md`. A sensitivity analysis that changes nobody gives an
estimate that is there already, and is not counted again."""


@dataclass(frozen=True)
class Run:
    """One submission's studies: how each ended, and each estimate beside its truth."""

    world: str
    registry: str
    seconds: float
    states: pl.DataFrame
    judged: pl.DataFrame


def document(runs: list[Run], stage_iv: int, seed: int) -> str:
    """The document, one chapter per world."""
    parts = [INTRODUCTION.format(stage_iv=stage_iv, seed=seed, within=WITHIN_STANDARD_ERRORS)]
    for world, words in WORLDS.items():
        inside = [one for one in runs if one.world == world]
        if inside:
            name, _, meaning = words.partition(": ")
            parts += ["", f"## {name}", "", meaning[0].upper() + meaning[1:]]
            for one in inside:
                parts += ["", *chapter(one)]
    return "\n".join(parts) + "\n"


def chapter(one: Run) -> list[str]:
    """One submission: how its studies ended, then the methods that hold and those that do not."""
    ended = dict(one.states.group_by("state").len().sort("state").iter_rows())
    states = ", ".join(f"{n} {state}" for state, n in ended.items())
    lines = [
        f"### {one.registry.upper()}",
        "",
        f"{one.states.height} studies in {one.seconds:.0f} s: {states}.",
    ]
    if one.judged.is_empty():
        return [*lines, "", "None of them has an exposure whose effect is known here."]
    # The same people under another name (a sensitivity analysis that changes nobody) are no further estimate.
    same = ["study", "analysis", "contrast", "measure", "estimate"]
    known = one.judged.filter(pl.col("misses_by").is_not_nan()).unique(
        same, keep="first", maintain_order=True
    )
    valid = known.filter("valid")
    held = valid.filter("holds").height
    lines += [
        "",
        f"Valid estimates: {valid.height}, of which {held} within {WITHIN_STANDARD_ERRORS:g} standard errors of "
        "their truth.",
    ]
    lines += ["", *table(valid, "valid")] if valid.height else []
    lines += ["", "Not valid here:", "", *table(known.filter(~pl.col("valid")), "why")]
    missed = valid.filter(~pl.col("holds"))
    if missed.height:
        rows = [
            f"- {row['study']}, {row['analysis']} ({row['subgroup']}), {row['contrast']}: {row['estimate']:.2f}, truth "
            f"{row['truth']:.2f}, misses by {row['misses_by']:+.1f}"
            for row in missed.sort("study", "analysis", "subgroup").iter_rows(named=True)
        ]
        lines += ["", "Valid, and yet away from their truth:", "", *rows]
    return lines


def table(judged: pl.DataFrame, kind: str) -> list[str]:
    """One line per analysis (and reason): how many, how far off in the middle and at most."""
    by = ["analysis"] if kind == "valid" else ["analysis", "why_not"]
    grouped = (
        judged.with_columns(off=(pl.col("estimate") / pl.col("truth")))
        .group_by(by)
        .agg(
            pl.len().alias("n"),
            pl.col("off").median().alias("ratio"),
            pl.col("misses_by").median().alias("middle"),
            pl.col("misses_by").abs().max().alias("most"),
        )
        .sort(by)
    )
    why = ["why"] if kind == "why" else []
    head = ["analysis", *why, "estimates", "estimate / truth", "misses by, median", "at most"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + [line(row, kind) for row in grouped.iter_rows(named=True)]


def line(row: dict[str, object], kind: str) -> str:
    """One row of Markdown."""
    cells: Iterable[str] = (
        str(row["analysis"]),
        *([str(row["why_not"])] if kind == "why" else []),
        str(row["n"]),
        f"{row['ratio']:.2f}",
        f"{row['middle']:+.1f}",
        f"{row['most']:.1f}",
    )
    return "| " + " | ".join(cells) + " |"
