"""The page of a synthesis of published estimates: two forests side by side, and what to know of each number."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from markdown_it import MarkdownIt

from pipelines.reporting import evidence_tables as tables_of
from pipelines.reporting.figures_evidence import evidence_forest, funnel
from pipelines.reporting.render import render
from pipelines.reporting.study_record import Study
from pipelines.reporting.tables import p_value
from pipelines.settings import Settings
from pipelines.store import write_text

DOMAIN = (0.2, 4.0)
TABLES = (
    "estimates",
    "comparison",
    "diagnostics",
    "studies",
    "checks",
    "overlaps",
    "e_values",
    "leave_one_out",
)
DRAWN = ("pooled_dersimonian_laird", "pooled_hartung_knapp", "pooled_prediction")
"""Of the methods of a pool those that its forest shows."""
SIDES = {"observational": "Observational studies", "randomised": "Randomised trials"}


def is_synthesis(study: Study) -> bool:
    """Whether a study that ran pools published estimates, so that it has this page and no other."""
    return study.run.get("kind") == "evidence"


def write_evidence_page(study: Study, target: Path, *, banner: str = "") -> None:
    """Write the page of a synthesis that ran, on a submission or without one.

    Parameters
    ----------
    study : Study
        What it wrote.
    target : Path
        The page.
    banner : str
        What every page of its submission says first.
    """
    run = study.run
    tables = {name: study.required(name) for name in TABLES}
    settings = run["settings"]
    words = {pool["name"]: pool["words"] for pool in settings["pools"]}
    notes = Settings().catalog_dir / "studies" / run["study"] / "notes.md"
    page = render(
        "evidence.html.j2",
        title=study.title,
        banner=banner,
        failed_since=study.failed_since,
        run=run,
        question=settings["question"],
        submission=None if run["source"] == "published" else run["submission"],
        forests=[_forest(name, tables, settings) for name in settings["shown"]],
        funnels=[_funnel(name, tables, settings) for name in settings["shown"]],
        arms=run["arms"],
        not_here=tables["diagnostics"]
        .filter((pl.col("check") == "site") & (pl.col("status") == "info"))["message"]
        .unique(maintain_order=True)
        .to_list(),
        warnings=_warnings(tables["diagnostics"]),
        pools=tables_of.pools_table(tables["estimates"], tables["diagnostics"], words),
        comparison=tables_of.comparison_table(tables["comparison"]),
        not_compared=tables_of.not_compared(tables["comparison"]),
        studies=tables_of.studies_table(tables["studies"], tables["checks"], settings["shown"]),
        overlaps_rows=tables["overlaps"].height,
        overlaps=tables_of.overlaps_table(tables["overlaps"]),
        e_values=tables_of.e_values_table(tables["e_values"]),
        leave_one_out=tables_of.leave_one_out_table(tables["leave_one_out"], settings["shown"]),
        notes=MarkdownIt("commonmark", {"html": False}).render(notes.read_text(encoding="utf-8"))
        if notes.is_file()
        else "",
        settings=json.dumps(settings, indent=1, ensure_ascii=False),
        provenance=tables_of.provenance_table(run),
    )
    write_text(page, target)


def forest_rows(name: str, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Lines of the forest of one pool: studies by size, this site's, the pools."""
    studies = (
        tables["studies"].filter(pl.col("pool") == name).sort("std_err", "name", descending=[True, False])
    )
    kind = (
        pl.when("site")
        .then(pl.lit("this site"))
        .when("pooled")
        .then(pl.lit("study"))
        .otherwise(pl.lit("left out"))
    )
    lines = studies.select(
        pl.col("name").alias("label"),
        kind.alias("kind"),
        "estimate",
        "ci_low",
        "ci_high",
        (1 / (pl.col("std_err") ** 2 + _tau2(name, tables))).alias("weight"),
    )
    total = lines.filter(pl.col("kind") == "study")["weight"].sum()
    lines = lines.with_columns(
        pl.when(pl.col("kind") == "study").then(100 * pl.col("weight") / total).otherwise(6.0)
    )
    order = {"study": 0, "left out": 1, "this site": 2}
    lines = lines.sort(pl.col("kind").replace_strict(order), maintain_order=True)
    ours = _pooled_by(DRAWN, name, tables)
    pools = [
        {
            "label": tables_of.METHODS[row["analysis"]],
            "kind": "prediction" if row["analysis"].startswith("pooled_prediction") else "pool",
            **{key: row[key] for key in ("estimate", "ci_low", "ci_high")},
            "weight": None,
        }
        for row in ours.iter_rows(named=True)
    ]
    with_site = _pooled_by(["pooled_hartung_knapp"], f"{name}_with_site", tables)
    pools += [
        {
            "label": "with this site",
            "kind": "this site",
            **{key: row[key] for key in ("estimate", "ci_low", "ci_high")},
            "weight": 6.0,
        }
        for row in with_site.iter_rows(named=True)
    ]
    return pl.concat([lines, pl.DataFrame(pools, schema=lines.schema)])


def _pooled_by(wanted: Sequence[str], name: str, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Estimates of a pool by the wanted methods, or by its first where it has none of them."""
    mine = tables["estimates"].filter(
        (pl.col("subgroup") == name) & pl.col("analysis").is_in(list(tables_of.METHODS))
    )
    found = mine.filter(pl.col("analysis").is_in(wanted))
    return found if found.height else mine.head(1)


def _tau2(name: str, tables: dict[str, pl.DataFrame]) -> float:
    found = tables["diagnostics"].filter((pl.col("subgroup") == name) & (pl.col("check") == "tau2"))
    return float(found["value"][0]) if found.height else 0.0


def _forest(name: str, tables: dict[str, pl.DataFrame], settings: dict[str, Any]) -> dict[str, str]:
    pool = next(one for one in settings["pools"] if one["name"] == name)
    shown = [forest_rows(one, tables) for one in settings["shown"]]
    longest = max((label for rows in shown for label in rows["label"]), key=len)
    svg = evidence_forest(
        forest_rows(name, tables), domain=DOMAIN, title=SIDES[pool["side"]], longest_label=longest
    )
    return {"svg": svg, "caption": pool["words"] + "."}


def _funnel(name: str, tables: dict[str, pl.DataFrame], settings: dict[str, Any]) -> dict[str, str]:
    pool = next(one for one in settings["pools"] if one["name"] == name)
    studies = tables["studies"].filter((pl.col("pool") == name) & pl.col("pooled"))
    egger = tables["diagnostics"].filter((pl.col("subgroup") == name) & (pl.col("check") == "small_studies"))
    centre = _pooled_by([f"pooled_{pool['between']}"], name, tables)["estimate"]
    row = egger.row(0, named=True) if egger.height else None
    caption = "" if row is None else f"{row['message']} p {p_value(row['value'])}."
    svg = funnel(
        studies.select(pl.col("name").alias("label"), "estimate", "std_err"),
        centre=float(centre[0]),
        title=SIDES[pool["side"]],
    )
    return {"svg": svg, "caption": caption}


def _warnings(diagnostics: pl.DataFrame) -> list[dict[str, Any]]:
    """What a reader must know first, one box for each kind."""
    told = diagnostics.filter(pl.col("status").is_in(["warning", "absent"]))
    return [
        {
            "check": str(check).replace("_", " "),
            "pools": ", ".join(
                block["subgroup"].unique(maintain_order=True).str.replace_all("_", " ").to_list()
            ),
            "messages": block["message"].unique(maintain_order=True).to_list(),
        }
        for (check,), block in told.group_by(["check"], maintain_order=True)
    ]
