"""The tables of a study's page: text in every cell, small counts hidden, and what the gate hides not there."""

import re
from itertools import takewhile
from typing import Any

import polars as pl

from pipelines.disclosure import format_count, gives_away, hide_levels, is_small
from pipelines.reporting.study_people import with_people
from pipelines.reporting.study_record import Study
from pipelines.reporting.tables import html_table, interval, number, p_value
from pipelines.settings import Settings
from pipelines.store.withheld import Standing
from pipelines.studies.language import ALL, ANALYSES, BASELINE_ONLY
from pipelines.studies.lines import HIDDEN_TEXT, SHARES_OF_ONE

RATIOS = ("hr", "or", "rr", "shr")

LIKE_RATIOS = ("e_value", "e_value_limit", "gamma", "standardised_difference", "agreement")
MEDIANS = ("median_months", "naive_median_months")
SHOWN_OF_HIDDEN = (
    "largest_", "propensity_", "caliper_", "common_support", "events_", "fewest_", "estimand", "effective_",
    "proportional_hazards",
)  # fmt: skip
"""Findings of a hidden analysis that tell of its design and not of its effect: they are what a reviewer looks at."""
COUNTED = ("table_one", "exposed_share", "attrition")
"""Numbers of people: Table 1 and the flow diagram show them with small ones hidden."""
NAMED_AT_ONCE = 6
EXPLAINS = ("matching_grid", "e_value", "unmeasured_confounder", "rosenbaum")


def digits_of(measure: str) -> int:
    """Digits that a measure deserves: three where it is a share of one, two for a ratio and what is like one."""
    if measure.startswith(SHARES_OF_ONE):
        return 3
    return 2 if measure in (*RATIOS, *LIKE_RATIOS) else 1


def estimate_text(row: dict[str, Any]) -> str:
    """An estimate with its interval, or that it is hidden."""
    if row["hidden"]:
        return HIDDEN_TEXT
    if row["small"] or gives_away(row["measure"], row["estimate"], row["n"], Settings().min_cell):
        return "hidden"
    return interval(row["estimate"], row["ci_low"], row["ci_high"], digits_of(row["measure"]))


def warnings(diagnostics: pl.DataFrame, gate: pl.DataFrame | None = None) -> list[dict[str, Any]]:
    """What a reader must know first: one line for each kind of finding, with the analyses it holds for.

    Parameters
    ----------
    diagnostics : polars.DataFrame
        Findings of the study.
    gate : polars.DataFrame, optional
        Its checks. Where balance is among them, it is told there and not again.
    """
    in_gate = gate is not None and gate["check"].str.starts_with("balance").any()
    told = diagnostics.filter(
        pl.col("status").is_in(["warning", "absent"])
        & ~(pl.lit(in_gate) & pl.col("check").str.starts_with("largest_smd"))
    ).with_columns(
        pl.when(pl.col("subgroup") == "all")
        .then(pl.col("analysis"))
        .otherwise(pl.format("{} ({})", "analysis", pl.col("subgroup").str.replace_all("_", " ")))
        .alias("where")
    )
    rows = []
    for (check, status), block in told.group_by(["check", "status"], maintain_order=True):
        first, *more = _as_one(
            [
                f"{message}{_values(of_message)}"
                for (message,), of_message in block.group_by(["message"], maintain_order=True)
            ]
        )
        rows.append(
            {
                "status": status,
                "check": str(check).replace("_", " "),
                "analyses": _first_few(block["where"].unique(maintain_order=True).to_list()),
                "message": first,
                "more": more,
            }
        )
    return rows


def _values(findings: pl.DataFrame) -> str:
    """The value of findings that share a message, or the lowest and the highest; counts of people are not told."""
    texts = [
        f"{value:.3g}"
        for value in findings.filter(pl.col("unit").fill_null("") != "people")["value"].drop_nulls().sort()
    ]
    told = list(dict.fromkeys([texts[0], texts[-1]])) if texts else []
    in_message = bool(re.search(r": \d", str(findings["message"][0])))
    return "" if not told or in_message else f" ({' to '.join(told)})"


def _as_one(messages: list[str]) -> list[str]:
    """Messages that differ in one place before a comma, such as the level left out, as one; else as they are."""
    words = [message.split() for message in messages]
    first = _same_words(words)
    last = _same_words([one[first:][::-1] for one in words])
    middles = [" ".join(one[first : len(one) - last]) for one in words]
    if len(messages) < 2 or not first or not last or not all(middle.endswith(",") for middle in middles):
        return messages
    return [" ".join([*words[0][:first], *middles, *words[0][len(words[0]) - last :]])]


def _same_words(texts: list[list[str]]) -> int:
    """How many words several texts begin with alike."""
    return sum(1 for _ in takewhile(lambda these: len(set(these)) == 1, zip(*texts, strict=False)))


def _first_few(names: list[str]) -> str:
    """A list that a reader can take in: the first few, and how many more."""
    shown = names if len(names) <= NAMED_AT_ONCE else names[: NAMED_AT_ONCE - 1]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def comparison_table(comparison: pl.DataFrame) -> str:
    """Published beside ours, difference and verdict."""
    min_cell = Settings().min_cell
    if comparison.is_empty():
        return ""
    rows = []
    for row in comparison.iter_rows(named=True):
        digits = digits_of(row["measure"])
        ours = interval(row["estimated"], row["ci_low"], row["ci_high"], digits)
        if row["measure"] == "n":
            digits = 0
            ours = format_count(None if row["estimated"] is None else int(row["estimated"]), min_cell)
        elif row["estimated"] is None:
            ours = "–"
        hidden = row["small"] or gives_away(row["measure"], row["estimated"], row["n"], min_cell)
        if hidden and not ours.startswith("<"):
            ours = "hidden"
        if row["hidden"]:
            ours, hidden = HIDDEN_TEXT, True
        delta = "–" if row["delta"] is None else f"{row['delta']:+,.{0 if row['measure'] == 'n' else 2}f}"
        rows.append(
            {
                "target": row["target"].replace("_", " "),
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


def table_one(table: pl.DataFrame | None) -> str:
    """Counts by arm with small cells and their neighbours hidden; means where the covariate is continuous."""
    if table is None:
        return ""
    labels = [arm for arm in table["arm"].unique(maintain_order=True) if arm != ALL]
    rows = []
    for (words,), block in table.group_by("words", maintain_order=True):
        levels = block["level"].fill_null("").unique(maintain_order=True).to_list()
        cells = {
            (row["level"] or "", row["arm"]): row
            for row in block.iter_rows(named=True)
            if row["arm"] in labels
        }
        counts = [[_count_of(cells.get((level, arm))) for arm in labels] for level in levels]
        hidden = hide_levels(counts, Settings().min_cell)
        for level, gone in zip(levels, hidden, strict=True):
            texts = [_cell_text(cells.get((level, arm)), hidden=gone) for arm in labels]
            shown_level = level.replace("_", " ") or "mean (sd)"
            rows.append({"variable": words, "level": shown_level, **dict(zip(labels, texts, strict=True))})
    return html_table(
        pl.DataFrame(rows),
        table_id="table_one",
        group="variable",
        labels={"level": "", **{label: label for label in labels}},
        numbers=labels,
    )


def _count_of(row: dict[str, Any] | None) -> int:
    return 0 if row is None else int(row["n"])


def _cell_text(row: dict[str, Any] | None, *, hidden: bool) -> str:
    if hidden:
        small = row is not None and is_small(int(row["n"]), Settings().min_cell)
        return f"<{Settings().min_cell}" if small else "hidden"
    if row is None:
        return "0"
    if row["mean"] is not None:
        return f"{row['mean']:.1f} ({number(row['sd'], 1)})"
    return f"{row['n']:,} ({row['percent']:.1f} %)"


def main_and_again(study: Study) -> dict[str, list[dict[str, Any]]]:
    """Every estimate by analysis: of the main analyses, and the same for other outcomes and under other rules."""
    estimates = study.estimates
    names = [one["name"] for key in ("other_outcomes", "sensitivity") for one in study.settings.get(key, ())]
    labelled = [pl.col("subgroup").str.contains(f"^{name}(,|$)") for name in names]
    again = pl.any_horizontal(pl.lit(False), *labelled)
    arms = study.run["arms"]
    labels = [arms["exposed"], *arms.get("others", ()), arms["reference"]]
    told = with_people(estimates, [BASELINE_ONLY, *names], labels)
    exposure = study.settings["exposure"]
    tables = {
        "main": estimate_blocks(told.filter(~again), exposure),
        "again": estimate_blocks(told.filter(again), exposure),
    }
    return {name: table for name, table in tables.items() if table}


def estimate_blocks(estimates: pl.DataFrame, exposure: str) -> list[dict[str, Any]]:
    """Estimates with ``people`` that are no mere count of them: ``analysis`` and its ``rows`` of text."""
    blocks = []
    shown = estimates.filter(~pl.col("analysis").is_in(COUNTED))
    for (analysis,), block in shown.group_by("analysis", maintain_order=True):
        rows = [
            {
                "what": _what(row, exposure),
                "measure": row["measure"].replace("_", " "),
                "estimate": estimate_text(row),
                "p": "" if row["hidden"] or row["small"] else p_value(row["p_value"]),
                "people": row["people"],
                "effect": " ".join(part for part in (row["effect_type"], row["estimand"]) if part),
            }
            for row in block.iter_rows(named=True)
        ]
        blocks.append({"analysis": analysis, "rows": rows})
    return blocks


def _what(row: dict[str, Any], exposure: str) -> str:
    """Whom or what an estimate is about: an arm where it has no contrast, else a term, its contrast, its subgroup."""
    if not row["contrast"] and row["measure"] in MEDIANS:
        return "both arms" if row["subgroup"] == "all" else str(row["subgroup"]).replace("_", " ")
    subgroup = row["subgroup"] if row["subgroup"] != "all" else ""
    # A contrast of the arms, or an arm at a month, names the exposure by itself.
    term = "" if row["term"] == exposure and (row["contrast"] or subgroup) else row["term"]
    return " ".join(str(part).replace("_", " ") for part in (subgroup, term, row["contrast"]) if part)


def diagnostics_table(diagnostics: pl.DataFrame, hidden: set[tuple[str, str]]) -> str:
    """Every finding; of a hidden analysis those about its design."""
    few = {
        (row["analysis"], row["subgroup"])
        for row in diagnostics.iter_rows(named=True)
        if row["unit"] == "people" and is_small(int(row["value"] or 0), Settings().min_cell)
    }
    rows = [
        {**row, "value": _value_text(row, few)}
        if may_show(row, hidden)
        else {**row, "value": "", "message": HIDDEN_TEXT}
        for row in diagnostics.iter_rows(named=True)
    ]
    names = ("analysis", "subgroup", "check", "value", "status", "message")
    return html_table(
        pl.DataFrame(rows, schema_overrides={"value": pl.String}).select(names),
        table_id="diagnostics",
        labels={name: name for name in names},
        numbers=["value"],
    )


def _value_text(row: dict[str, Any], few: set[tuple[str, str]]) -> str:
    """The value of a finding; a number of people is hidden where it is small, and beside a small one."""
    if row["value"] is None:
        return ""
    if row["unit"] == "people":
        text = format_count(int(row["value"]), Settings().min_cell)
        beside = (row["analysis"], row["subgroup"]) in few and int(row["value"]) and not text.startswith("<")
        return "hidden" if beside else text
    return f"{row['value']:.4g}"


def provenance_table(run: dict[str, Any], standing: Standing) -> str:
    """What the numbers were made of, and who answers for showing them."""
    facts = {
        "submission": run["submission"],
        "format": f"{run['format']}, release {run['release']}",
        "extract": "; ".join(f"{one['name']} sha256 {one['sha256']}" for one in run["extract"]),
        "gate": "off (--no-gate)" if standing.off else standing.status,
        "signature": signature_text(standing),
        "in place of what the source refuses": "; ".join(
            f"{', '.join(one['used'])} for {', '.join(one['refused'])}: {one['reason']}"
            for one in run.get("fallbacks", [])
        ),
        "seed": run["randomness"],
        "settings hash": run["settings_hash"],
        "versions": ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    }
    facts = {fact: value for fact, value in facts.items() if value}
    frame = pl.DataFrame({"fact": list(facts), "value": list(facts.values())})
    return html_table(frame, table_id="provenance", labels={"fact": "", "value": ""})


def may_show(row: dict[str, Any], hidden: set[tuple[str, str]]) -> bool:
    """Whether a finding may be read while the estimates of its analysis are hidden.

    A finding about ``era`` is about every level of it: it is hidden with ``era=1988-1998``.
    """
    levels = f"{row['subgroup']}="
    if not any(
        analysis == row["analysis"] and (subgroup == row["subgroup"] or subgroup.startswith(levels))
        for analysis, subgroup in hidden
    ):
        return True
    told = row["status"] in ("warning", "absent") or row["unit"] == "people"
    return told or str(row["check"]).startswith(SHOWN_OF_HIDDEN)


def signature_text(standing: Standing) -> str:
    """Who signed for hidden estimates, when, and why."""
    who = standing.signature
    return "" if who is None else f"{who['name']}, {who['date']}: {who['reason']}"


def gate_table(rows: pl.DataFrame, table_id: str) -> str:
    """Checks of the gate, with value and limit; what holds for a design as for each of its arms is said once."""
    same = ["check", "analysis", "variant", "value", "note"]
    rows = rows.unique(same, keep="first", maintain_order=True)
    cells = [
        {
            "analysis": row["analysis"]
            if row["subgroup"] == ALL
            else f"{row['analysis']} ({row['subgroup']})",
            "check": row["check"].replace("_", " "),
            "value": _gate_value(row),
            "threshold": f"{row['threshold']:g}",
            "status": row["status"],
            "note": row["note"] or "",
        }
        for row in rows.iter_rows(named=True)
    ]
    labels = {"analysis": "analysis", "check": "check", "value": "value", "threshold": "limit"}
    return html_table(
        pl.DataFrame(cells, schema=dict.fromkeys((*labels, "status", "note"), pl.String)),
        table_id=table_id,
        labels={**labels, "status": "", "note": ""},
        numbers=["value", "threshold"],
    )


def _gate_value(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "unknown"
    if row["check"] == "events":  # beside the people the number would count the survivors
        return "fewer" if row["value"] < row["threshold"] else "enough"
    return f"{row['value']:.3f}"


def effects_table(rows: pl.DataFrame, table_id: str, first: str) -> str:
    """A few estimates of the exposure's effect side by side; ``label`` says what each is."""
    cells = [
        {
            "label": row["label"],
            "what": _contrast(row),
            "measure": row["measure"].replace("_", " "),
            "estimate": estimate_text(row),
            "p": "" if row["hidden"] else p_value(row["p_value"]),
        }
        for row in rows.iter_rows(named=True)
    ]
    labels = {"label": first, "what": "", "measure": "measure", "estimate": "estimate", "p": "p"}
    return html_table(
        pl.DataFrame(cells, schema=dict.fromkeys(labels, pl.String)),
        table_id=table_id,
        labels=labels,
        numbers=["estimate", "p"],
    )


def _contrast(row: dict[str, Any]) -> str:
    """Subgroup and contrast; the exposure is what every row is about."""
    subgroup = row["subgroup"] if row["subgroup"] != ALL else ""
    return ", ".join(str(part).replace("_", " ") for part in (subgroup, row["contrast"]) if part)


def subgroup_tables(study: Study) -> list[dict[str, str]]:
    """For every declared subgroup its estimates, the test of interaction, and whether it was planned."""
    found = []
    for group in study.settings.get("subgroups", []):
        name, levels = group["name"], [f"{group['name']}={level}" for level in group["levels"]]
        where = study.estimates["subgroup"].fill_null("")
        mine = [value.rpartition(", ")[2] in levels or value == name for value in where]
        effects = study.estimates.filter(pl.Series(mine, dtype=pl.Boolean))
        effects = effects.filter(
            (pl.col("term") == study.settings["exposure"]) | (pl.col("subgroup") == name)
        )
        if effects.is_empty():
            continue
        label = pl.when(pl.col("subgroup") == name).then(pl.lit("interaction")).otherwise(pl.col("subgroup"))
        named = pl.format(
            "{}, {}", label.str.replace_all("_", " "), pl.col("analysis").str.replace_all("_", " ")
        )
        rows = effects.with_columns(
            pl.when(label == "interaction").then(label).otherwise(named).alias("label"), subgroup=pl.lit(ALL)
        )
        planned = "declared beforehand" if group.get("planned", True) else "unplanned"
        title = f"{group['words']} ({planned})"
        found.append({"title": title, "table": effects_table(rows, f"subgroup_{name}", "subgroup")})
    return found


def sensitivity_table(study: Study) -> str | None:
    """The primary estimate under other definitions, and what could explain it away."""
    settings, primary = study.settings, study.run["primary"]
    names = {BASELINE_ONLY: "what is known at diagnosis alone"}
    names |= {one["name"]: one["words"] for one in settings.get("other_outcomes", [])}
    names |= {one["name"]: one["words"] for one in settings.get("sensitivity", [])}
    again = (pl.col("analysis") == primary) & pl.col("subgroup").is_in([ALL, *names])
    words = {one: ANALYSES[one].words for one in EXPLAINS}
    of_exposure = pl.col("term") == settings["exposure"]
    measures = study.estimates.filter(again & of_exposure)["measure"]
    first = measures[0] if len(measures) else ""  # of several the one that the study is about comes first
    again &= of_exposure & (pl.col("measure") == first)
    rows = study.estimates.filter(again | pl.col("analysis").is_in(EXPLAINS))
    if rows.height < 2:
        return None
    explains = pl.col("analysis").is_in(EXPLAINS)
    label = (
        pl.when(explains)
        .then(pl.col("analysis").replace(words))
        .otherwise(pl.col("subgroup").replace({ALL: "as published", **names}))
    )
    plain = pl.when(explains).then(pl.col("subgroup")).otherwise(pl.lit(ALL))
    return effects_table(
        rows.with_columns(label.alias("label"), subgroup=plain), "sensitivity", "what is changed"
    )
