"""The gate: one row of a CSV is one check; what blocks, what warns, what breaks, and what may be read of it."""

import logging
from pathlib import Path

import polars as pl
import pytest
from quality_toys import submission, tumors, write_checks, write_dictionary

from pipelines.errors import GateError, InputError
from pipelines.quality import validate
from pipelines.store import Submission, Verdict

MARKER = "ZZPATIENTZZ"


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    return write_dictionary(tmp_path / "columns.csv")


def judged(
    tmp_path: Path, dictionary: Path, tumor: pl.DataFrame, *checks: dict[str, str], **more: object
) -> tuple[Submission, Verdict, dict[str, dict[str, object]]]:
    # Each caller gives its own keyword arguments.
    sub = submission(tmp_path / "home", tumor, **more)  # type: ignore[arg-type]
    folder = write_checks(tmp_path / "expectations", checks)
    verdict = validate(sub, expectations_dir=folder, dictionary=dictionary)
    rows = pl.read_parquet(sub.quality_results).iter_rows(named=True)
    return sub, verdict, {str(row["check_id"]): row for row in rows}


def test_a_submission_that_keeps_its_rules_passes(tmp_path: Path, dictionary: Path) -> None:
    sub, verdict, results = judged(tmp_path, dictionary, tumors(), {"argument": "age >= 40"})
    assert verdict == sub.manifest.verdict
    assert verdict.passed
    assert results["toy"]["status"] == "pass"
    assert (results["toy"]["n_checked"], results["toy"]["n_failed"]) == (20, 0)
    sub.require_pass()


def test_a_blocking_check_closes_the_gate(tmp_path: Path, dictionary: Path) -> None:
    sub, verdict, results = judged(tmp_path, dictionary, tumors(), {"argument": "age >= 45"})
    assert not verdict.passed
    assert verdict.blocking_failures == ("toy",)
    assert results["toy"]["status"] == "fail"
    assert results["toy"]["n_failed"] == 5  # aged 40 to 44
    assert results["toy"]["percent_failed"] == 25
    with pytest.raises(GateError, match="toy"):
        sub.require_pass()


def test_a_warning_does_not(tmp_path: Path, dictionary: Path) -> None:
    check = {"argument": "age >= 45", "severity": "warning"}
    _, verdict, results = judged(tmp_path, dictionary, tumors(), check)
    assert verdict.passed
    assert verdict.warnings == ("toy",)
    assert results["toy"]["status"] == "warn"


@pytest.mark.parametrize(("threshold", "status"), [("0.25", "pass"), ("0.24", "fail")])
def test_the_threshold_is_the_share_that_may_break_the_rule(
    tmp_path: Path, dictionary: Path, threshold: str, status: str
) -> None:
    check = {"argument": "age >= 45", "threshold": threshold}  # 5 of 20 are younger
    _, _, results = judged(tmp_path, dictionary, tumors(), check)
    assert results["toy"]["status"] == status
    assert results["toy"]["threshold"] == 100 * float(threshold)  # in the unit of percent_failed


def test_the_scope_is_the_denominator(tmp_path: Path, dictionary: Path) -> None:
    check = {"argument": "age >= 45", "scope": "age < 50"}
    _, _, results = judged(tmp_path, dictionary, tumors(), check)
    assert (results["toy"]["n_checked"], results["toy"]["n_failed"]) == (10, 5)


def test_nobody_in_scope_is_not_a_pass(tmp_path: Path, dictionary: Path) -> None:
    check = {"argument": "age >= 45", "scope": "age > 200"}
    _, verdict, results = judged(tmp_path, dictionary, tumors(), check)
    assert results["toy"]["status"] == "not_applicable"
    assert verdict.checks == 0


@pytest.mark.parametrize(
    "broken",
    [
        {"argument": "no_such_column > 0"},
        {"argument": "age >"},
        {"argument": "true", "scope": "no_such_column > 0"},
        {"argument": "true", "table": "no_such_table"},
        {"argument": "true", "severity": "warning", "scope": "cast(tumor_id as integer) > 0"},
    ],
)
def test_a_broken_check_blocks_and_the_others_are_still_run(
    tmp_path: Path, dictionary: Path, broken: dict[str, str]
) -> None:
    sane = {"check_id": "zz_sane", "argument": "age >= 40"}
    _, verdict, results = judged(tmp_path, dictionary, tumors(), broken, sane)
    assert results["toy"]["status"] == "error"
    assert results["toy"]["n_failed"] is None
    assert verdict.errors == ("toy",)
    assert not verdict.passed
    assert results["zz_sane"]["status"] == "pass"


def test_checks_of_another_registry_do_not_apply(tmp_path: Path, dictionary: Path) -> None:
    write_checks(tmp_path / "expectations", [{"check_id": "ours", "argument": "true"}], name="registry_seer")
    _, verdict, results = judged(tmp_path, dictionary, tumors(), {"argument": "age >= 40"}, source="ncdb")
    assert results["ours"]["status"] == "not_applicable"
    assert verdict.checks == 1


def test_a_column_the_analyst_left_out_of_the_extract_does_not_apply(
    tmp_path: Path, dictionary: Path
) -> None:
    check = {"check_id": "sex_label", "table": "extract", "column": "Sex", "argument": "\"Sex\" = 'Male'"}
    write_checks(tmp_path / "expectations", [check], name="extract_all")
    _, _, results = judged(tmp_path, dictionary, tumors(), {"argument": "age >= 40"})
    assert results["sex_label"]["status"] == "not_applicable"


def test_no_patient_value_in_any_output(
    tmp_path: Path,
    dictionary: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The marker is in every row; one rule fails on it and one breaks on it, quoting it to its caller."""
    marked = tumors().with_columns(pl.lit(MARKER).alias("sex"), pl.lit(MARKER).alias("tumor_id"))
    with caplog.at_level(logging.DEBUG):
        sub, _, results = judged(
            tmp_path,
            dictionary,
            marked,
            {"column": "*", "rule": "in_vocabulary"},
            {"check_id": "unique", "column": "tumor_id", "rule": "unique"},
            {"check_id": "quotes_a_value", "argument": "cast(sex as integer) > 0"},
            {"check_id": "scope_quotes_a_value", "argument": "true", "scope": "cast(sex as integer) > 0"},
        )
    statuses = {name: row["status"] for name, row in results.items()}
    assert statuses == {
        "toy_sex": "fail",
        "unique": "fail",
        "quotes_a_value": "error",
        "scope_quotes_a_value": "error",
    }
    written = [*(sub.root / "quality").iterdir(), sub.root / "manifest.json"]
    assert {path.name for path in written} == {"results.parquet", "index.html", "manifest.json"}
    cells = pl.read_parquet(sub.quality_results).cast(pl.String).rows()
    assert MARKER not in str(cells)
    assert not any(MARKER.encode() in path.read_bytes() for path in written)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")  # no progress bar either
    assert MARKER not in caplog.text


def test_results_have_the_documented_columns_in_order_of_id(tmp_path: Path, dictionary: Path) -> None:
    sub, _, _ = judged(
        tmp_path, dictionary, tumors(), *({"check_id": name, "argument": "true"} for name in "ba")
    )
    results = pl.read_parquet(sub.quality_results)
    assert results.columns == [
        "submission",
        "check_id",
        "table",
        "column",
        "rule",
        "severity",
        "n_checked",
        "n_failed",
        "percent_failed",
        "threshold",
        "status",
        "judged_at",
    ]
    assert results["check_id"].to_list() == ["a", "b"]


def test_row_order_does_not_matter_and_repeats_are_the_same_bytes(tmp_path: Path, dictionary: Path) -> None:
    folder = write_checks(tmp_path / "expectations", [{"argument": "age >= 45"}])
    written = []
    for name, tumor in (("once", tumors()), ("again", tumors().reverse())):
        sub = submission(tmp_path / name, tumor)
        validate(sub, expectations_dir=folder, dictionary=dictionary, judged_at="2026-01-01T00:00:00+00:00")
        written.append([path.read_bytes() for path in sorted((sub.root / "quality").iterdir())])
    assert written[0] == written[1]


def test_a_submission_that_is_not_built_is_refused_and_nothing_is_written(
    tmp_path: Path, dictionary: Path
) -> None:
    sub = submission(tmp_path, tumors())
    sub.registry_table("treatment").unlink()
    folder = write_checks(tmp_path / "expectations", [{"argument": "true"}])
    with pytest.raises(InputError, match="cohorts build"):
        validate(sub, expectations_dir=folder, dictionary=dictionary)
    assert sub.manifest.verdict is None
    assert not (sub.root / "quality").exists()
