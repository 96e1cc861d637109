"""Published survival: numbers of the rows of an export, and the checks that a misread one fails."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from survival_files import LABELS, LIFE, ROWS, SUMMARY, dic, write_export

from pipelines import quality, registry
from pipelines.codebook.survival_export import SurvivalExport
from pipelines.cohorts import materialise
from pipelines.errors import RefusedError
from pipelines.formats import open_extract
from pipelines.registry.published_survival import published_survival, published_survival_schema
from pipelines.settings import Settings
from pipelines.store import Home, Submission, load_extract, publish
from pipelines.studies import run_study


def export(**changes: Any) -> SurvivalExport:
    """The dictionary of the toy export."""
    labels = {name: {code: label.strip('"') for code, label in of.items()} for name, of in LABELS.items()}
    told: dict[str, Any] = {
        "statistic": "Relative Survival",
        "method": "Actuarial",
        "study_cutoff": "12/2018",
        "months_per_interval": 12,
        "percents": False,
        "missing": ".",
        "life": LIFE,
        "summary": SUMMARY,
        "labels": labels,
    }
    return SurvivalExport(**(told | changes))


def life_rows(*rows: str, **changes: Any) -> list[dict[str, Any]]:
    """Numbers of some life-page rows, whose fields stand apart by blanks."""
    values = [dict(zip(LIFE, row.split(), strict=True)) for row in rows]
    frame = pl.DataFrame(values).with_columns(
        source_file=pl.lit("export.txt"), source_record=pl.int_range(1, len(rows) + 1, dtype=pl.Int64)
    )
    return published_survival(frame, export(**changes)).to_dicts()


def built(folder: Path, rows: tuple[str, ...] = ROWS, text: str | None = None) -> Submission:
    """A toy export, loaded and built."""
    home = Home(folder / "home")
    load_extract(home, "toy-survival", open_extract([write_export(folder, rows, text)]))
    sub = home.building("toy-survival")
    registry.build(sub)
    return sub


def test_a_row_is_one_group_and_interval_with_its_labels_and_months(tmp_path: Path) -> None:
    table = pl.read_parquet(built(tmp_path).registry_table("published_survival"))
    assert table.schema == published_survival_schema()
    first, second, third, summary = table.to_dicts()
    assert json.loads(first["groups"]) == {"Sex of all": "Female", "Breast stage [old]": "Distant = IV"}
    assert [(row["page"], row["from_month"], row["to_month"]) for row in table.to_dicts()] == [
        ("life", 0, 12),
        ("life", 12, 24),
        ("life", 24, 36),
        ("summary", 0, 36),
    ]
    assert (first["alive_at_start"], first["died"], first["lost"]) == (100, 20, 10)
    assert (first["release"], first["statistic"], first["study_cutoff"]) == (
        "nov2020",
        "Relative Survival",
        "12/2018",
    )
    assert (second["relative_cumulative"], second["footnotes"]) == (0.696, "relative_cumulative=#")
    assert (third["observed_cumulative"], third["interval_agrees"]) == (None, None)
    assert (summary["alive_at_start"], summary["observed_cumulative"], summary["observed_cumulative_se"]) == (
        100,
        0.6767,
        0.049,
    )
    assert (summary["died"], summary["interval_agrees"]) == (None, None)


def test_the_printed_survival_of_an_interval_is_that_of_its_counts_to_the_last_digit() -> None:
    """1 - 20 / (100 - 10 / 2) = 0.789474: printed with four digits 0.7895, with three 0.789."""
    rows = life_rows(
        "0 2 1 1 100 20 10 0.7895 0.7895 . . .",
        "0 2 1 2 100 20 10 0.789 0.789 . . .",
        "0 2 1 3 100 20 10 0.7894 0.7894 . . .",
        "0 2 0 1 1 0 2 1.000 1.000 . . .",
    )
    assert [row["interval_agrees"] for row in rows] == [True, True, False, None]
    assert [row["printed_decimals"] for row in rows] == [4, 3, 4, 3]
    assert rows[0]["recomputed_interval"] == pytest.approx(0.7894736842)


def test_percents_become_proportions_and_keep_their_last_digit() -> None:
    rows = life_rows(
        "0 2 1 1 100 20 10 78.95 78.95 80.0 80.0 4.18",
        "0 2 1 2 100 20 10 78.94 78.94 80.0 80.0 4.18",
        percents=True,
    )
    assert [row["interval_agrees"] for row in rows] == [True, False]
    assert rows[0]["observed_cumulative_se"] == pytest.approx(0.0418)
    (signed,) = life_rows("0 2 1 1 100 20 10 78.95% 78.95%+ 80.0% 80.0% 4.18%")
    assert signed["observed_cumulative"] == pytest.approx(0.7895)
    assert (signed["interval_agrees"], signed["footnotes"]) == (True, "observed_cumulative=+")


@pytest.mark.parametrize(
    ("text", "value", "unreadable"),
    [
        ("0.7895", 0.7895, 0),
        ("0.7895#", 0.7895, 0),
        ("0.7895**", 0.7895, 0),
        (".7895@", 0.7895, 0),
        (".", None, 0),
        ("NA", None, 1),
        ("0.78x95", None, 1),
        ("0,7895", None, 1),
    ],
)
def test_flags_missing_values_and_what_is_no_number(text: str, value: float | None, unreadable: int) -> None:
    (row,) = life_rows(f"0 2 1 1 100 20 10 0.7895 {text} 0.8 0.8 0.1")
    assert (row["observed_cumulative"], row["unreadable"]) == (value, unreadable)
    (other,) = life_rows(f"0 2 1 1 100 20 10 0.7895 {text} 0.8 0.8 0.1", missing="NA")
    assert other["unreadable"] == (0 if text == "NA" else unreadable)


def test_counts_may_have_thousands_separators() -> None:
    (row,) = life_rows("0 2 1 1 62,052 20,558 42 0.6686 0.6686 . . .")
    assert (row["alive_at_start"], row["died"], row["interval_agrees"]) == (62052, 20558, True)


def test_labels_in_place_of_numbers_give_the_same_groups_and_months() -> None:
    coded = life_rows("0 2 0 1 100 20 10 0.7895 0.7895 . . .")
    labels = dict(zip(LIFE, ["Life Page", "  Female", "Localized", "<1 yr"], strict=False))
    numbers = dict(zip(LIFE[4:], ["100", "20", "10", "0.7895", "0.7895", ".", ".", "."], strict=True))
    frame = pl.DataFrame([labels | numbers]).with_columns(
        source_file=pl.lit("export.txt"), source_record=pl.lit(1, pl.Int64)
    )
    labelled = published_survival(frame, export()).to_dicts()
    assert [row | {"interval_number": None} for row in coded] == labelled


def test_only_actuarial_life_pages_are_compared_with_their_counts() -> None:
    row = "0 2 1 1 100 20 10 0.5000 0.5000 . . ."
    assert life_rows(row)[0]["interval_agrees"] is False
    assert life_rows(row, method="Kaplan-Meier")[0]["interval_agrees"] is None
    labels = export().labels | {"Page type": {"0": "Period Life Page"}}
    assert life_rows(row, labels=labels)[0]["interval_agrees"] is None


def test_at_risk_next_is_who_neither_died_nor_was_lost_and_survival_never_rises() -> None:
    rows = life_rows(
        "0 2 1 1 100 20 10 0.7895 0.7895 . . .",
        "0 2 1 2 70 10 0 0.8571 0.6767 . . .",
        "0 2 1 3 59 1 0 0.9831 0.6900 . . .",
        "0 2 0 1 40 1 0 0.9750 0.9750 . . .",
    )
    assert [row["at_risk_follows"] for row in rows] == [None, True, False, None]
    assert [row["cumulative_follows"] for row in rows] == [None, True, False, None]


def test_a_cause_specific_export_is_compared_too(tmp_path: Path) -> None:
    life = tuple(
        name.replace("Observed", "Cause-Specific") for name in LIFE if not name.startswith("Relative")
    )
    row = "0\t2\t1\t1\t13713\t39\t43\t0.99715\t0.99715\t0.00046"
    sub = built(tmp_path, (row,), dic(life=life, summary=(), statistic="Cause-Specific Survival"))
    (found,) = pl.read_parquet(sub.registry_table("published_survival")).to_dicts()
    assert (found["cause_specific_interval"], found["observed_interval"]) == (0.99715, None)
    assert found["interval_agrees"] is True


def test_the_gate_passes_an_export_that_agrees_with_itself(tmp_path: Path) -> None:
    sub = built(tmp_path)
    assert quality.validate(sub).passed
    results = {row["check_id"]: row for row in pl.read_parquet(sub.quality_results).to_dicts()}
    agreement = results["survival_interval_agrees"]
    assert (agreement["n_checked"], agreement["n_failed"], agreement["status"]) == (2, 0, "pass")
    assert results["tumor_record_unique"]["status"] == "not_applicable"


@pytest.mark.parametrize(
    ("row", "check"),
    [
        ("0\t2\t1\t1\t100\t20\t10\t0.7900\t0.7900\t.\t.\t.", "survival_interval_agrees"),
        ("0\t2\t1\t1\t100\t20\t10\tabout 0.8\t0.7895\t.\t.\t.", "survival_readable"),
        ("0\t2\t7\t1\t100\t20\t10\t0.7895\t0.7895\t.\t.\t.", "survival_labels"),
        ("0\t2\t1\t1\t100\t90\t20\t.\t.\t.\t.\t.", "survival_counts"),
        (ROWS[0], "survival_group_interval_unique"),
    ],
)
def test_the_gate_stops_an_export_that_is_misread(tmp_path: Path, row: str, check: str) -> None:
    rows = (ROWS[0], row) if row == ROWS[0] else (row,)
    assert check in quality.validate(built(tmp_path, rows)).blocking_failures


def test_cohorts_and_studies_of_it_are_refused(tmp_path: Path) -> None:
    sub = built(tmp_path)
    quality.validate(sub)
    publish(Home(tmp_path / "home"), sub.id)
    published = Home(tmp_path / "home").published(sub.id)
    catalog = Settings().catalog_dir
    for refused in (
        lambda: materialise(published, "stage_iv_female_breast", catalog),
        lambda: run_study(published, "gnerlich2007", catalog),
    ):
        with pytest.raises(
            RefusedError, match="holds published survival of groups and no patients"
        ) as raised:
            refused()
        assert raised.value.reason_code == "aggregates_only"
