"""The figures of a study's page with their captions, drawn from what its gate lets through."""

from dataclasses import asdict
from typing import Any

import polars as pl

from pipelines.disclosure import join_small
from pipelines.reporting.figures import POOLED, forest, kaplan_meier, love_plot, overlap
from pipelines.reporting.study_record import Study
from pipelines.reporting.study_tables import effects_table
from pipelines.reporting.tables import interval, number
from pipelines.settings import Settings
from pipelines.studies.evidence.beside import pools_beside
from pipelines.studies.evidence.tables import path_of
from pipelines.studies.language import ALL, BASELINE_ONLY
from pipelines.studies.lines import HIDDEN_TEXT

FOREST_ANALYSES = {
    "cox_unadjusted": "unadjusted",
    "cox_adjusted": "adjusted",
    "cox_propensity_covariate": "adjusted for the propensity score",
    "matched_cox": "matched",
    "adjusted_matched_cox": "matched and adjusted",
    "stratified_cox": "within matched pairs",
    "weighted_cox": "weighted",
    "weighted_cox_att": "weighted to the exposed",
    "weighted_cox_ato": "overlap weights",
    "stratified_by_score_cox": "within strata of the score",
    "imputed_cox": "adjusted, missing values imputed",
    "royston_parmar": "adjusted, Royston-Parmar",
    "fine_gray": "Fine-Gray",
    "clone_censor_weight": "clone-censor-weight",
}
BATTERY = (
    "ever_never",
    "immortal_time_excluded",
    "time_varying_cox",
    "time_varying_window_cox",
    "clone_censor_weight",
)
WITHOUT_IMMORTAL_TIME = ("time_varying_cox", "time_varying_window_cox", "clone_censor_weight")
LANDMARKS = ("landmark_", "undated_landmark_")
SET_TITLES = {
    "full": "Everyone in the cohort",
    "matched": "The matched set",
    "weighted": "The weighted cohort",
}
SET_ANALYSES = {"full": "km", "matched": "matched_km", "weighted": "weighted_survival"}
OVER_TIME = ("time_split_cox", "rmst")
TRIALS = "randomised trials"


def main_forest(study: Study) -> dict[str, Any]:
    """Figure and caption: published, ours, trials; None where there is nothing to draw."""
    rows = _forest_rows(study)
    ratios = _of_exposure(study).height or (rows["group"] == "published").any()  # else the trials stand alone
    drawn = bool(ratios and rows.height)
    return {
        "svg": forest(rows) if drawn else None,
        "trials": drawn and (rows["group"] == TRIALS).any(),
        "caption": _forest_caption(study),
        "hidden": HIDDEN_TEXT if _of_exposure(study).filter("hidden").height else "",
    }


def _of_exposure(study: Study) -> pl.DataFrame:
    """Hazard ratios of the exposure."""
    return study.estimates.filter(
        (pl.col("term") == study.settings["exposure"]) & pl.col("measure").is_in(["hr", "shr"])
    )


def _same_question(study: Study) -> pl.Expr:
    """Rows of exposed against reference and of the study's own outcome: one axis answers one question.

    A hazard ratio among simulated deaths (``plasmode``) answers none about patients.
    """
    arms = study.run["arms"]
    others = [one["name"] for one in study.settings.get("other_outcomes", ())]
    subgroup = pl.col("subgroup").fill_null(ALL)
    of_other = pl.any_horizontal(
        pl.lit(False), *((subgroup == one) | subgroup.str.starts_with(f"{one}, ") for one in others)
    )
    same_contrast = pl.col("contrast").fill_null("") == f"{arms['exposed']} vs {arms['reference']}"
    return same_contrast & ~of_other & ~pl.col("analysis").fill_null("").str.starts_with("plasmode")


def _forest_rows(study: Study) -> pl.DataFrame:
    """The published ratio, ours, and the trials, in one orientation and on one axis."""
    exposure = study.run["settings"]["exposure"]
    published = study.required("comparison").filter(
        (pl.col("term") == exposure)
        & (pl.col("measure") == "hr")
        & pl.col("published").is_not_null()
        & _same_question(study)
    )
    rows = [
        _forest_row(
            f"published: {row['target'].replace('_', ' ')}",
            "published",
            row["published"],
            row,
            "published_ci_low",
        )
        for row in published.iter_rows(named=True)
    ]
    ours = _of_exposure(study).filter(
        pl.col("analysis").is_in(list(FOREST_ANALYSES))
        # Of another policy the primary analysis is enough to look at; the table has them all.
        & (pl.col("subgroup").is_in([ALL, BASELINE_ONLY]) | (pl.col("analysis") == study.run["primary"]))
        & pl.col("estimate").is_not_null()
        & _same_question(study)
    )
    for row in ours.iter_rows(named=True):
        label = f"{FOREST_ANALYSES[row['analysis']]}{_again(row['subgroup'])}"
        rows.append(_forest_row(label, "this submission", row["estimate"], row, "ci_low"))
    if study.run["settings"]["exposure"] == "surgery":
        rows += [
            _forest_row(f"{row['name']} ({row['report']})", TRIALS, row["hr"], row, "ci_low")
            for row in trials().iter_rows(named=True)
        ]
    rows += [
        _forest_row(one.label, POOLED, one.estimate, asdict(one), "ci_low")
        for one in pools_beside(exposure, Settings().catalog_dir)
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
    return pl.read_csv(path_of("trials", Settings().catalog_dir), infer_schema_length=None)


def _forest_caption(study: Study) -> str:
    arms = study.run["arms"]
    outcome = study.settings.get("outcome") or {}
    death = "death of the cancer" if outcome.get("kind") == "disease_specific" else "death"
    said = f"Hazard ratio of {death}, {arms['exposed']} against {arms['reference']}"
    if arms.get("others") or study.settings.get("other_outcomes"):
        said += " (other arms and outcomes are in the tables)"
    if study.settings["exposure"] != "surgery":
        return f"{said}."
    done = set(study.estimates["analysis"])
    corrected = any(one in done for one in WITHOUT_IMMORTAL_TIME) or any(
        one.startswith(LANDMARKS) for one in done
    )
    immortal = (
        "only the analyses under Immortal time leave that out"
        if corrected
        else "none of the analyses on this page corrects for that immortal time"
    )
    return (
        f"{said}: under 1 favours {arms['exposed']}. A registry estimate that sits with the published one and away "
        "from the trials more likely repeats a bias of the design than finds an effect. Whoever was operated on had "
        f"lived to the operation: {immortal}."
    )


def curves(study: Study) -> list[dict[str, str]]:
    """Kaplan-Meier plots of the cohort and of each design, the latter as far as the gate lets through."""
    drawn = study.table("km_curves")
    if drawn is None:
        return []
    zero = "first metastasis" if (study.settings.get("outcome") or {}).get("entry") else "diagnosis"
    found = []
    for name in drawn["set"].unique(maintain_order=True):
        one, analysis = drawn.filter(pl.col("set") == name), SET_ANALYSES.get(name, name)
        if name != "full" and _design_hidden(study, name):
            found.append(
                {"title": SET_TITLES.get(name, name), "svg": "", "caption": f"Curves {HIDDEN_TEXT}."}
            )
            continue
        found.append(
            {
                "title": SET_TITLES.get(name, name),
                "svg": kaplan_meier(one, min_cell=Settings().min_cell, time_title=f"months since {zero}"),
                "caption": _median_caption(study.estimates, analysis, one),
            }
        )
    return found


def _median_caption(estimates: pl.DataFrame, analysis: str, curves: pl.DataFrame) -> str:
    """Both medians of each arm: that of Kaplan and Meier, and that of observed time."""
    parts = []
    for arm in curves["arm"].unique(maintain_order=True):
        rows = estimates.filter((pl.col("analysis") == analysis) & (pl.col("subgroup") == arm))
        by_measure = {row["measure"]: row for row in rows.iter_rows(named=True)}
        median, naive = by_measure.get("median_months"), by_measure.get("naive_median_months")
        if median is None or naive is None:
            continue
        if median["small"] or naive["small"]:
            parts.append(f"{arm}: medians hidden, of few people")
            continue
        reached = (
            f"{interval(median['estimate'], median['ci_low'], median['ci_high'], 1)} months"
            if median["estimate"] is not None
            else "not reached"
        )
        parts.append(
            f"{arm}: Kaplan–Meier median {reached}, median of observed time {number(naive['estimate'], 1)}"
        )
    return "".join(f"{part}; " for part in parts).removesuffix("; ") + ". Shaded: log-log confidence limits."


def _design_hidden(study: Study, name: str) -> bool:
    """Whether any number of a design (``matched``, ``weighted``) is hidden: its curves are the same numbers drawn."""
    everything = study.standing.status not in ("passed", "not_needed") and not study.standing.everything_shown
    return everything or any(name in analysis for analysis, _ in study.hidden_analyses)


def balance(study: Study) -> list[dict[str, str]]:
    """A Love plot of each design."""
    table = study.table("balance")
    if table is None:
        return []
    if "analysis" not in table.columns:
        table = table.with_columns(analysis=pl.lit("matched_cox"))
    limits = study.settings.get("gate", {})
    found = []
    for analysis in table["analysis"].unique(maintain_order=True):
        mine = table.filter(pl.col("analysis") == analysis)
        contrast = pl.col("contrast") if "contrast" in mine.columns else pl.lit(None, pl.String)
        rows = mine.filter(pl.col("subgroup") == _shown_subgroup(mine)).with_columns(
            pl.col("covariate").str.replace_all("_", " ").str.replace("=", ": ").alias("name"),
            contrast.alias("of"),
        )
        for (of,), block in rows.group_by("of", maintain_order=True):
            title = FOREST_ANALYSES.get(analysis, analysis.replace("_", " "))
            shown = block.select("name", "smd_before", "smd_after")
            found.append(
                {
                    "title": f"{title}: {of}" if of else title,
                    "svg": love_plot(shown, limit=limits.get("smd", 0.1)),
                }
            )
    return found


def propensity_overlap(study: Study) -> str | None:
    """The scores of both arms before the design."""
    histogram = study.table("propensity")
    if histogram is None:
        return None
    rows = histogram.filter((pl.col("set") == "full") & (pl.col("subgroup") == _shown_subgroup(histogram)))
    bins = [
        (
            arm,
            block["bin_low"][one.start],
            block["bin_high"][one.stop - 1],
            sum(block["n"][one.start : one.stop]),
        )
        for (arm,), block in rows.sort("bin_low", maintain_order=True).group_by("arm", maintain_order=True)
        for one in join_small(block["n"].to_list(), Settings().min_cell)
    ]
    drawn = pl.DataFrame(bins, schema=["arm", "bin_low", "bin_high", "count"], orient="row")
    return overlap(drawn) if drawn["arm"].n_unique() > 1 else None


def _shown_subgroup(table: pl.DataFrame) -> str:
    """The published covariate set where it was fitted, else the re-analysis."""
    found = table["subgroup"].unique().to_list()
    return ALL if ALL in found else str(found[0])


def over_time(study: Study) -> dict[str, Any] | None:
    """Hazard ratios by time and restricted means, beside the test that the hazard ratio is the same at all times."""
    rows = study.estimates.filter(
        pl.col("analysis").is_in(OVER_TIME)
        & (pl.col("term") == study.settings["exposure"])
        & (pl.col("subgroup") == ALL)
    )
    if rows.is_empty():
        return None
    words = {"time_split_cox": "hazard ratio by time", "rmst": "restricted mean survival time"}
    ratios = rows.filter((pl.col("measure") == "hr") & pl.col("estimate").is_not_null())
    return {
        "svg": forest(_plain(ratios, pl.col("contrast"))) if ratios.height else None,
        "table": effects_table(
            rows.with_columns(pl.col("analysis").replace(words).alias("label")), "over_time", "measure"
        ),
    }


def battery(study: Study) -> dict[str, Any] | None:
    """The analyses with and without immortal time, side by side."""
    dated = pl.col("analysis").is_in(BATTERY) | pl.any_horizontal(
        pl.col("analysis").str.starts_with(one) for one in LANDMARKS
    )
    of_exposure = pl.col("term") == study.settings["exposure"]
    rows = study.estimates.filter(dated & of_exposure & (pl.col("subgroup") == ALL))
    rows = rows.with_columns(pl.col("analysis").str.replace_all("_", " ").alias("label"))
    simulated = study.estimates.filter(pl.col("analysis").str.starts_with("plasmode"))
    if rows.is_empty() and simulated.is_empty():
        return None
    ratios = rows.filter((pl.col("measure") == "hr") & pl.col("estimate").is_not_null())
    label = pl.col("label") + pl.when(pl.len().over("label") > 1).then(": " + pl.col("contrast")).otherwise(
        pl.lit("")
    )
    plain = simulated.with_columns(pl.col("analysis").str.replace_all("_", " ").alias("label"))
    return {
        "svg": forest(_plain(ratios, label)) if ratios.height else None,
        "table": effects_table(rows, "battery", "analysis of time") if rows.height else None,
        "simulated": effects_table(plain, "plasmode", "estimator on simulated deaths")
        if plain.height
        else None,
    }


def _plain(rows: pl.DataFrame, label: pl.Expr) -> pl.DataFrame:
    """Rows of a forest in one colour."""
    return rows.select(
        label.alias("label"), pl.lit("this submission").alias("group"), "estimate", "ci_low", "ci_high"
    )
