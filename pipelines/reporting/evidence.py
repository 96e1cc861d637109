"""The page of a synthesis of published estimates: two forests side by side, and what to know of each number."""

import json
from pathlib import Path
from typing import Any

import polars as pl
from markdown_it import MarkdownIt

from pipelines.reporting.figures_evidence import evidence_forest, funnel
from pipelines.reporting.render import render
from pipelines.reporting.study_record import Study
from pipelines.reporting.tables import html_table, interval, number, p_value
from pipelines.settings import Settings
from pipelines.store import write_text

DOMAIN = (0.2, 4.0)
METHODS = {
    "pooled_fixed": "one effect",
    "pooled_dersimonian_laird": "DerSimonian and Laird",
    "pooled_reml": "REML",
    "pooled_paule_mandel": "Paule and Mandel",
    "pooled_hartung_knapp": "Hartung and Knapp",
    "pooled_prediction": "prediction, one more study",
}
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
        pools=_pools_table(tables["estimates"], tables["diagnostics"], words),
        comparison=_comparison_table(tables["comparison"]),
        not_compared=_not_compared(tables["comparison"]),
        studies=_studies_table(tables["studies"], tables["checks"], settings["shown"]),
        overlaps_rows=tables["overlaps"].height,
        overlaps=_overlaps_table(tables["overlaps"]),
        e_values=_e_values_table(tables["e_values"]),
        leave_one_out=_leave_one_out_table(tables["leave_one_out"], settings["shown"]),
        notes=MarkdownIt("commonmark", {"html": False}).render(notes.read_text(encoding="utf-8"))
        if notes.is_file()
        else "",
        settings=json.dumps(settings, indent=1, ensure_ascii=False),
        provenance=_provenance_table(run),
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
    ours = tables["estimates"].filter(
        (pl.col("subgroup") == name)
        & pl.col("analysis").is_in(["pooled_dersimonian_laird", "pooled_hartung_knapp", "pooled_prediction"])
    )
    pools = [
        {
            "label": METHODS[row["analysis"]],
            "kind": "prediction" if row["analysis"] == "pooled_prediction" else "pool",
            **{key: row[key] for key in ("estimate", "ci_low", "ci_high")},
            "weight": None,
        }
        for row in ours.iter_rows(named=True)
    ]
    with_site = tables["estimates"].filter(
        (pl.col("subgroup") == f"{name}_with_site") & (pl.col("analysis") == "pooled_hartung_knapp")
    )
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
    centre = tables["estimates"].filter(
        (pl.col("subgroup") == name) & (pl.col("analysis") == f"pooled_{pool['between']}")
    )["estimate"]
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


def _pools_table(estimates: pl.DataFrame, diagnostics: pl.DataFrame, words: dict[str, str]) -> str:
    values = {
        (row["subgroup"], row["check"]): row["value"]
        for row in diagnostics.filter(pl.col("check").is_in(["studies", "i_squared", "tau2"])).iter_rows(
            named=True
        )
    }
    rows = []
    for (name,), block in estimates.filter(pl.col("analysis").is_in(list(METHODS))).group_by(
        ["subgroup"], maintain_order=True
    ):
        pool = str(name)
        title = words.get(pool, f"{words.get(pool.removesuffix('_with_site'), pool)}; with this site's own")
        spread = (
            f"{number(values.get((pool, 'studies')), 0)} studies, I² {number(values.get((pool, 'i_squared')), 0)} %, "
            f"τ² {number(values.get((pool, 'tau2')), 3)}"
        )
        for position, row in enumerate(block.iter_rows(named=True)):
            rows.append(
                {
                    "pool": title,
                    "method": METHODS[row["analysis"]],
                    "estimate": interval(row["estimate"], row["ci_low"], row["ci_high"], 3),
                    "p": "" if row["analysis"] == "pooled_prediction" else p_value(row["p_value"]),
                    "spread": spread if position == 0 else "",
                }
            )
    return html_table(
        pl.DataFrame(rows),
        table_id="pools",
        group="pool",
        labels={"method": "method", "estimate": "hazard ratio", "p": "p", "spread": "studies, spread (REML)"},
        numbers=["estimate", "p"],
    )


def _comparison_table(comparison: pl.DataFrame) -> str:
    rows = [
        {
            "target": row["target"].replace("_", " "),
            "pool": row["subgroup"].replace("_", " "),
            "published": interval(row["published"], row["published_ci_low"], row["published_ci_high"]),
            "ours": interval(row["estimated"], row["ci_low"], row["ci_high"], 3),
            "delta": number(row["delta"], 3),
            "verification": row["verification"],
            "verdict": row["verdict"].replace("_", " "),
            "note": row["note"] or "",
        }
        for row in comparison.filter(pl.col("verdict") != "not_comparable").iter_rows(named=True)
    ]
    return html_table(
        pl.DataFrame(rows),
        table_id="comparison",
        labels={
            "target": "published number",
            "pool": "pool",
            "published": "published",
            "ours": "pooled here",
            "delta": "difference (log)",
            "verification": "how it is known",
            "verdict": "verdict",
            "note": "note",
        },
        numbers=["published", "ours", "delta"],
    )


def _not_compared(comparison: pl.DataFrame) -> list[str]:
    rows = comparison.filter(pl.col("verdict") == "not_comparable")
    return [
        f"{row['target'].replace('_', ' ')} "
        f"{interval(row['published'], row['published_ci_low'], row['published_ci_high'], _digits(row['published']))} "
        f"({row['verification']}): {row['note']}"
        for row in rows.iter_rows(named=True)
    ]


def _digits(value: float | None) -> int:
    return 0 if value is None or value == int(value) else 2


def _studies_table(studies: pl.DataFrame, checks: pl.DataFrame, shown: list[str]) -> str:
    failed = {
        str(label): "; ".join(block["finding"].to_list())
        for (label,), block in checks.filter(~pl.col("passed")).group_by(["label"], maintain_order=True)
    }
    rows = [
        {
            "pool": row["pool"].replace("_", " "),
            "name": row["name"] + ("" if row["pooled"] or row["site"] else " (left out)"),
            "printed": interval(row["printed"], row["printed_ci_low"], row["printed_ci_high"]),
            "level": f"{100 * row['printed_ci_level']:.0f} %"
            + (", turned round" if row["orientation"] == "inverted" else ""),
            "ratio": interval(row["estimate"], row["ci_low"], row["ci_high"]),
            "people": "" if row["people"] is None else f"{row['people']:,}",
            "source": " ".join(
                part
                for part in (
                    row["data_source"] or "",
                    f"{row['first_year']}–{row['last_year']}" if row["first_year"] else "",
                )
                if part
            ),
            "verification": row["verification"],
            "note": "; ".join(part for part in (failed.get(row["name"], ""), row["note"] or "") if part),
        }
        for row in studies.filter(pl.col("pool").is_in(shown)).iter_rows(named=True)
    ]
    return html_table(
        pl.DataFrame(rows),
        table_id="studies",
        group="pool",
        labels={
            "name": "study",
            "printed": "as printed",
            "level": "level",
            "ratio": "surgery against none, 95 %",
            "people": "people",
            "source": "registry, years",
            "verification": "how it is known",
            "note": "note",
        },
        numbers=["printed", "ratio", "people"],
    )


def _overlaps_table(overlaps: pl.DataFrame) -> str:
    rows = overlaps.with_columns(
        pl.col("pool").str.replace_all("_", " "),
        pl.when(pl.col("first_year").is_null())
        .then(pl.lit("not given"))
        .otherwise(pl.format("{} to {}", "first_year", "last_year"))
        .alias("years"),
    )
    return html_table(
        rows,
        table_id="overlaps",
        group="pool",
        labels={
            "first": "study",
            "second": "may share people with",
            "data_source": "source",
            "years": "years",
        },
    )


def _e_values_table(table: pl.DataFrame) -> str:
    rows = table.select(
        "name",
        pl.struct("estimate", "ci_low", "ci_high")
        .map_elements(
            lambda row: interval(row["estimate"], row["ci_low"], row["ci_high"]), return_dtype=pl.String
        )
        .alias("ratio"),
        pl.col("e_value").map_elements(lambda value: f"{value:.2f}", return_dtype=pl.String),
        pl.col("e_value_limit").map_elements(lambda value: f"{value:.2f}", return_dtype=pl.String),
        pl.col("corrected_for").str.replace_all("_", " "),
    )
    return html_table(
        rows,
        table_id="e_values",
        labels={
            "name": "estimate",
            "ratio": "hazard ratio",
            "e_value": "E-value",
            "e_value_limit": "of the nearer limit",
            "corrected_for": "corrected for",
        },
        numbers=["ratio", "e_value", "e_value_limit"],
    )


def _leave_one_out_table(table: pl.DataFrame, shown: list[str]) -> str:
    rows = [
        {
            "pool": row["pool"].replace("_", " "),
            "left_out": row["left_out"],
            "ratio": interval(row["estimate"], row["ci_low"], row["ci_high"]),
            "i_squared": f"{row['i_squared']:.0f} %",
        }
        for row in table.filter(pl.col("pool").is_in(shown)).iter_rows(named=True)
    ]
    return html_table(
        pl.DataFrame(rows),
        table_id="leave_one_out",
        group="pool",
        labels={"left_out": "without", "ratio": "hazard ratio (REML)", "i_squared": "I²"},
        numbers=["ratio", "i_squared"],
    )


def _provenance_table(run: dict[str, Any]) -> str:
    facts = {
        "submission": run["submission"],
        "tables": "; ".join(f"{one['name']} sha256 {one['sha256']}" for one in run["extract"]),
        "the site's studies": "; ".join(f"{one['study']} ({one['settings_hash']})" for one in run["site"])
        or "none",
        "seed": run["randomness"],
        "settings hash": run["settings_hash"],
        "versions": ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    }
    frame = pl.DataFrame({"fact": list(facts), "value": list(facts.values())})
    return html_table(frame, table_id="provenance", labels={"fact": "", "value": ""})
