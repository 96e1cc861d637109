"""The page of one study: what the study wrote to disk, drawn for a reader."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from markdown_it import MarkdownIt

from pipelines.disclosure import format_count, gives_away, hide_table, is_small
from pipelines.errors import InputError
from pipelines.reporting.cohort import diagram
from pipelines.reporting.figures import forest, kaplan_meier, love_plot, overlap
from pipelines.reporting.render import render
from pipelines.reporting.tables import html_table, interval, number, p_value
from pipelines.settings import Settings
from pipelines.store import Submission, write_text

RATIOS = ("hr", "or", "rr", "shr")
MEDIANS = ("median_months", "naive_median_months")
FOREST_ANALYSES = {
    "cox_unadjusted": "unadjusted",
    "cox_adjusted": "adjusted",
    "cox_propensity_covariate": "adjusted for the propensity score",
    "matched_cox": "matched",
    "adjusted_matched_cox": "matched and adjusted",
    "stratified_cox": "within matched pairs",
}
SET_TITLES = {"full": "Everyone in the cohort", "matched": "The matched set"}


@dataclass(frozen=True)
class Study:
    """What a study wrote, read back."""

    id: str
    title: str
    folder: Path
    run: dict[str, Any]

    @property
    def question(self) -> str:
        """The question it asks."""
        return str(self.run["settings"]["question"])

    def table(self, name: str) -> pl.DataFrame | None:
        """A table of the study, or None where its analysis was not done."""
        path = self.folder / f"{name}.csv"
        return pl.read_csv(path, infer_schema_length=None) if path.is_file() else None

    def required(self, name: str) -> pl.DataFrame:
        """A table that every study writes.

        Raises
        ------
        InputError
            It is not there.
        """
        table = self.table(name)
        if table is None:
            raise InputError(f"Study '{self.id}' has no {name}.csv", where=str(self.folder))
        return table


def read_study(folder: Path) -> Study:
    """Read the folder of a study that ran."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return Study(id=run["study"], title=run["title"], folder=folder, run=run)


def write_study_page(study: Study, sub: Submission, target: Path) -> None:
    """Write the page of a study of a published submission."""
    diagnostics = study.required("diagnostics")
    notes = Settings().catalog_dir / "studies" / study.id / "notes.md"
    page = render(
        "study.html.j2",
        title=study.title,
        study=study,
        submission=sub.id,
        run=study.run,
        warnings=_warnings(diagnostics),
        forest=forest(_forest_rows(study)),
        forest_caption=_forest_caption(study),
        comparison=_comparison_table(study.required("comparison")),
        attrition=diagram(sub.root / "cohorts" / study.run["cohort"]),
        table_one=_table_one(study.required("table_one"), study.run["arms"]),
        curves=_curves(study),
        love=_love(study),
        overlap=_overlap(study),
        estimates=_estimates_table(study.required("estimates")),
        notes=MarkdownIt("commonmark", {"html": False}).render(notes.read_text(encoding="utf-8"))
        if notes.is_file()
        else "",
        diagnostics_rows=diagnostics.height,
        diagnostics=_diagnostics_table(diagnostics),
        settings=json.dumps(study.run["settings"], indent=1, ensure_ascii=False),
        provenance=_provenance_table(study.run),
    )
    write_text(page, target)


def _warnings(diagnostics: pl.DataFrame) -> list[dict[str, Any]]:
    """What a reader must know first: one line for each kind of finding, with the analyses it holds for."""
    told = diagnostics.filter(pl.col("status").is_in(["warning", "absent"])).with_columns(
        pl.when(pl.col("subgroup") == "all")
        .then(pl.col("analysis"))
        .otherwise(pl.format("{} ({})", "analysis", pl.col("subgroup").str.replace_all("_", " ")))
        .alias("where")
    )
    rows = []
    for (check, status), block in told.group_by(["check", "status"], maintain_order=True):
        messages = block["message"].unique(maintain_order=True).to_list()
        rows.append(
            {
                "status": status,
                "check": str(check).replace("_", " "),
                "analyses": ", ".join(block["where"].unique(maintain_order=True).to_list()),
                "message": messages[0],
                "more": messages[1:],
            }
        )
    return rows


def _forest_rows(study: Study) -> pl.DataFrame:
    """The published ratio, ours, and the trials, in one orientation and on one axis."""
    exposure = study.run["settings"]["exposure"]
    published = study.required("comparison").filter(
        (pl.col("term") == exposure) & (pl.col("measure") == "hr") & pl.col("published").is_not_null()
    )
    rows = [
        _forest_row(f"published: {row['target']}", "published", row["published"], row, "published_ci_low")
        for row in published.iter_rows(named=True)
    ]
    ours = study.required("estimates").filter(
        (pl.col("term") == exposure)
        & (pl.col("measure") == "hr")
        & pl.col("analysis").is_in(list(FOREST_ANALYSES))
        # Of another policy the primary analysis is enough to look at; the table has them all.
        & (pl.col("subgroup").is_in(["all", "baseline_only"]) | (pl.col("analysis") == study.run["primary"]))
        & pl.col("estimate").is_not_null()
    )
    for row in ours.iter_rows(named=True):
        label = f"{FOREST_ANALYSES[row['analysis']]}{_again(row['subgroup'])}"
        rows.append(_forest_row(label, "this submission", row["estimate"], row, "ci_low"))
    if study.run["settings"]["exposure"] == "surgery":
        rows += [
            _forest_row(f"{row['name']} ({row['report']})", "randomised trials", row["hr"], row, "ci_low")
            for row in trials().iter_rows(named=True)
        ]
    return pl.DataFrame(rows, schema=FOREST_SCHEMA, orient="row").unique(
        "label", keep="first", maintain_order=True
    )


def _again(subgroup: str) -> str:
    """How a repeated analysis differs from the published one."""
    if subgroup == "all":
        return ""
    return ", known at diagnosis only" if subgroup == "baseline_only" else f", {subgroup.replace('_', ' ')}"


FOREST_SCHEMA = {
    "label": pl.String,
    "group": pl.String,
    "estimate": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
}


def _forest_row(label: str, group: str, estimate: float, row: dict[str, Any], low: str) -> dict[str, Any]:
    return {
        "label": label,
        "group": group,
        "estimate": estimate,
        "ci_low": row[low],
        "ci_high": row[low.replace("low", "high")],
    }


def trials() -> pl.DataFrame:
    """The randomised trials in one orientation and at 95 % confidence, from the catalog's evidence."""
    return pl.read_csv(Settings().catalog_dir / "evidence" / "trials.csv", infer_schema_length=None)


def _forest_caption(study: Study) -> str:
    arms = study.run["arms"]
    return (
        f"Hazard ratio of death, {arms['exposed']} against {arms['reference']}: under 1 favours {arms['exposed']}. "
        "A registry estimate that sits with the published one and away from the trials more likely repeats a bias "
        "of the design than finds an effect. Whoever was operated on had lived to the operation: none of the "
        "analyses on this page corrects for that immortal time."
        if study.run["settings"]["exposure"] == "surgery"
        else f"Hazard ratio of death, {arms['exposed']} against {arms['reference']}."
    )


def _comparison_table(comparison: pl.DataFrame) -> str:
    min_cell = Settings().min_cell
    rows = []
    for row in comparison.iter_rows(named=True):
        digits = 2 if row["measure"] in RATIOS else 1
        ours = interval(row["estimated"], row["ci_low"], row["ci_high"], digits)
        if row["measure"] == "n":
            digits = 0
            ours = format_count(None if row["estimated"] is None else int(row["estimated"]), min_cell)
        elif row["estimated"] is None:
            ours = "–"
        hidden = gives_away(row["measure"], row["estimated"], row["n"], min_cell)
        if hidden and not ours.startswith("<"):
            ours = "hidden"
        delta = "–" if row["delta"] is None else f"{row['delta']:+,.{0 if row['measure'] == 'n' else 2}f}"
        rows.append(
            {
                "target": row["target"],
                "published": "direction only"
                if row["published"] is None
                else interval(row["published"], row["published_ci_low"], row["published_ci_high"], digits),
                "ours": ours,
                "delta": "hidden" if hidden else delta,  # published and difference would give the count away
                "verification": row["verification"],
                "verdict": row["verdict"].replace("_", " "),
                "note": row["note"] or "",
            }
        )
    return html_table(
        pl.DataFrame(rows),
        table_id="comparison",
        labels={
            "target": "published number",
            "published": "published",
            "ours": "this submission",
            "delta": "difference (log for ratios)",
            "verification": "how it is known",
            "verdict": "verdict",
            "note": "note",
        },
        numbers=["published", "ours", "delta"],
    )


def _table_one(table: pl.DataFrame, arms: dict[str, str]) -> str:
    """Counts by arm with small cells and their neighbours hidden; means where the covariate is continuous."""
    labels = [arms["exposed"], arms["reference"]]
    rows = []
    for (words,), block in table.group_by("words", maintain_order=True):
        levels = block["level"].fill_null("").unique(maintain_order=True).to_list()
        cells = {
            (row["level"] or "", row["arm"]): row
            for row in block.iter_rows(named=True)
            if row["arm"] in labels
        }
        counts = [[_count_of(cells.get((level, arm))) for arm in labels] for level in levels]
        hidden = hide_table(counts, Settings().min_cell)
        for level, shown in zip(levels, hidden, strict=True):
            texts = [
                _cell_text(cells.get((level, arm)), count) for arm, count in zip(labels, shown, strict=True)
            ]
            shown_level = level.replace("_", " ") or "mean (sd)"
            rows.append({"variable": words, "level": shown_level, "a": texts[0], "b": texts[1]})
    return html_table(
        pl.DataFrame(rows),
        table_id="table_one",
        group="variable",
        labels={"level": "", "a": labels[0], "b": labels[1]},
        numbers=["a", "b"],
    )


def _count_of(row: dict[str, Any] | None) -> int:
    return 0 if row is None else int(row["n"])


def _cell_text(row: dict[str, Any] | None, shown: int | None) -> str:
    if row is None:
        return "0"
    if shown is None:
        return f"<{Settings().min_cell}" if is_small(int(row["n"]), Settings().min_cell) else "hidden"
    if row["mean"] is not None:
        return f"{row['mean']:.1f} ({number(row['sd'], 1)})"
    return f"{shown:,} ({row['percent']:.1f} %)"


def _curves(study: Study) -> list[dict[str, str]]:
    curves = study.table("km_curves")
    if curves is None:
        return []
    estimates = study.required("estimates")
    zero = "first metastasis" if study.run["settings"]["outcome"].get("entry") else "diagnosis"
    found = []
    for name, analysis in (("full", "km"), ("matched", "matched_km")):
        one = curves.filter(pl.col("set") == name)
        if one.is_empty():
            continue
        found.append(
            {
                "title": SET_TITLES[name],
                "svg": kaplan_meier(one, min_cell=Settings().min_cell, time_title=f"months since {zero}"),
                "caption": _median_caption(estimates, analysis, study.run["arms"]),
            }
        )
    return found


def _median_caption(estimates: pl.DataFrame, analysis: str, arms: dict[str, str]) -> str:
    """Both medians of each arm: that of Kaplan and Meier, and that of observed time."""
    parts = []
    for arm in (arms["exposed"], arms["reference"]):
        rows = estimates.filter((pl.col("analysis") == analysis) & (pl.col("subgroup") == arm))
        by_measure = {row["measure"]: row for row in rows.iter_rows(named=True)}
        median, naive = by_measure.get("median_months"), by_measure.get("naive_median_months")
        if median is None or naive is None:
            continue
        reached = (
            f"{interval(median['estimate'], median['ci_low'], median['ci_high'], 1)} months"
            if median["estimate"] is not None
            else "not reached"
        )
        parts.append(
            f"{arm}: Kaplan–Meier median {reached}, median of observed time {number(naive['estimate'], 1)}"
        )
    return "; ".join(parts) + ". Shaded: log-log confidence limits."


def _love(study: Study) -> str | None:
    balance = study.table("balance")
    if balance is None:
        return None
    rows = balance.filter(pl.col("subgroup") == _shown_subgroup(balance)).with_columns(
        pl.col("covariate").str.replace_all("_", " ").str.replace("=", ": ").alias("name")
    )
    return love_plot(rows.select("name", "smd_before", "smd_after"))


def _overlap(study: Study) -> str | None:
    histogram = study.table("propensity")
    if histogram is None:
        return None
    rows = histogram.filter((pl.col("set") == "full") & (pl.col("subgroup") == _shown_subgroup(histogram)))
    min_cell = Settings().min_cell
    counts = pl.when(pl.col("n").is_between(1, min_cell - 1)).then(None).otherwise(pl.col("n")).alias("count")
    return overlap(rows.select("arm", "bin_low", "bin_high", counts))


def _shown_subgroup(table: pl.DataFrame) -> str:
    """The published covariate set where it was fitted, else the re-analysis."""
    found = table["subgroup"].unique().to_list()
    return "all" if "all" in found else str(found[0])


def _estimates_table(estimates: pl.DataFrame) -> str:
    total = estimates["n"].max()  # everybody: who few left a model can be subtracted from them
    rows = [
        {
            "analysis": row["analysis"],
            "what": _what(row),
            "measure": row["measure"].replace("_", " "),
            "estimate": interval(
                row["estimate"], row["ci_low"], row["ci_high"], 2 if row["measure"] in RATIOS else 1
            ),
            "p": p_value(row["p_value"]),
            "n": _people_text(row["n"], int(str(total or 0))),
            "effect": " ".join(part for part in (row["effect_type"], row["estimand"]) if part),
        }
        for row in estimates.filter(~pl.col("analysis").is_in(["table_one", "exposed_share"])).iter_rows(
            named=True
        )
    ]
    return html_table(
        pl.DataFrame(rows),
        table_id="estimates",
        group="analysis",
        labels={
            "what": "",
            "measure": "measure",
            "estimate": "estimate",
            "p": "p",
            "n": "people",
            "effect": "effect",
        },
        numbers=["estimate", "p", "n"],
    )


def _people_text(count: int | None, total: int) -> str:
    """People of an analysis, hidden where they, or those of all who are not in it, are few."""
    hidden = gives_away("n", count, total, Settings().min_cell)
    text = format_count(count, Settings().min_cell)
    return "hidden" if hidden and not text.startswith("<") else text


def _what(row: dict[str, Any]) -> str:
    """Whom or what an estimate is about: an arm where it has no contrast, else a term, its contrast, its subgroup."""
    if not row["contrast"] and row["measure"] in MEDIANS:
        return "both arms" if row["subgroup"] == "all" else str(row["subgroup"]).replace("_", " ")
    subgroup = row["subgroup"] if row["subgroup"] != "all" else ""
    parts = (subgroup, row["term"], row["contrast"])
    return " ".join(str(part).replace("_", " ") for part in parts if part)


def _diagnostics_table(diagnostics: pl.DataFrame) -> str:
    rows = [{**row, "value": _value_text(row)} for row in diagnostics.iter_rows(named=True)]
    names = ("analysis", "subgroup", "check", "value", "status", "message")
    return html_table(
        pl.DataFrame(rows, schema_overrides={"value": pl.String}).select(names),
        table_id="diagnostics",
        labels={name: name for name in names},
        numbers=["value"],
    )


def _value_text(row: dict[str, Any]) -> str:
    """The value of a finding; a number of people is hidden where it is small."""
    if row["value"] is None:
        return ""
    if row["unit"] == "people":
        return format_count(int(row["value"]), Settings().min_cell)
    return f"{row['value']:.4g}"


def _provenance_table(run: dict[str, Any]) -> str:
    facts = {
        "submission": run["submission"],
        "format": f"{run['format']}, release {run['release']}",
        "extract": "; ".join(f"{one['name']} sha256 {one['sha256']}" for one in run["extract"]),
        "seed": run["randomness"],
        "settings hash": run["settings_hash"],
        "versions": ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    }
    frame = pl.DataFrame({"fact": list(facts), "value": list(facts.values())})
    return html_table(frame, table_id="provenance", labels={"fact": "", "value": ""})
