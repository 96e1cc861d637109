"""The tables of the page of published evidence."""

from typing import Any

import polars as pl

from pipelines.reporting.tables import html_table, interval, number, p_value

METHODS = {
    "pooled_fixed": "one effect",
    "pooled_dersimonian_laird": "DerSimonian and Laird",
    "pooled_reml": "REML",
    "pooled_paule_mandel": "Paule and Mandel",
    "pooled_hartung_knapp": "Hartung and Knapp",
    "pooled_prediction": "prediction, one more study",
    "pooled_prediction_hartung_knapp": "prediction, variance of Hartung and Knapp",
}
"""Methods of a pool for a reader, by analysis."""


def pools_table(estimates: pl.DataFrame, diagnostics: pl.DataFrame, words: dict[str, str]) -> str:
    """Every pool by every method, its studies and their spread."""
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
                    "p": "" if row["analysis"].startswith("pooled_prediction") else p_value(row["p_value"]),
                    "spread": spread if position == 0 else "",
                }
            )
    return html_table(
        rows,
        table_id="pools",
        group="pool",
        labels={"method": "method", "estimate": "hazard ratio", "p": "p", "spread": "studies, spread (REML)"},
        numbers=["estimate", "p"],
    )


def comparison_table(comparison: pl.DataFrame) -> str:
    """The pools beside what the reviews printed."""
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
        rows,
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


def not_compared(comparison: pl.DataFrame) -> list[str]:
    """Published numbers that nothing here answers, one line each."""
    rows = comparison.filter(pl.col("verdict") == "not_comparable")
    return [
        f"{row['target'].replace('_', ' ')} "
        f"{interval(row['published'], row['published_ci_low'], row['published_ci_high'], _digits(row['published']))} "
        f"({row['verification']}): {row['note']}"
        for row in rows.iter_rows(named=True)
    ]


def _digits(value: float | None) -> int:
    return 0 if value is None or value == int(value) else 2


def studies_table(studies: pl.DataFrame, checks: pl.DataFrame, shown: list[str]) -> str:
    """The studies of the shown pools: as printed, in our orientation at 95 %, what does not agree."""
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
            # Who left the site's own analysis could be subtracted from what its page shows.
            "people": "" if row["people"] is None or row["site"] else f"{row['people']:,}",
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
        rows,
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


def overlaps_table(overlaps: pl.DataFrame) -> str:
    """Pairs of studies that may share people, by pool."""
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


def e_values_table(table: pl.DataFrame) -> str:
    """E-value of each estimate and of its nearer limit."""
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


def leave_one_out_table(table: pl.DataFrame, shown: list[str]) -> str:
    """The shown pools again without each study."""
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
        rows,
        table_id="leave_one_out",
        group="pool",
        labels={"left_out": "without", "ratio": "hazard ratio (REML)", "i_squared": "I²"},
        numbers=["ratio", "i_squared"],
    )


def provenance_table(run: dict[str, Any]) -> str:
    """Tables read, studies of the site, versions."""
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
