"""The project's own checks: each is sound, none breaks on a real registry, and each finds what it is for."""

import re
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from quality_toys import submission

from pipelines.quality import checks
from pipelines.quality.finding import Finding
from pipelines.quality.gate import judge
from pipelines.registry import derive
from pipelines.registry.dictionary import read_dictionary
from pipelines.store import Submission

SOURCES = ("ncdb", "seer", "naaccr", "mapped")
BASE_YEARS = list(range(2010, 2023))

CLEAN: dict[str, object] = {
    "sex": "female",
    "race": "white",
    "hispanic": "non_hispanic",
    "payer": "private",
    "sequence_number": "00",
    "class_of_case": "10",
    "primary_site": "C504",
    "histology": "8500",
    "behavior": "invasive",
    "age_years": 55,
    "facility_type": "academic",
    "survival_months": 30.0,
    "survival_months_status": "recorded",
    "vital_status": "dead",
    "died_30_days": "no",
    "died_90_days": "no",
    "analytic_stage_group": "4",
    "clinical_m": "m1",
    "surgery_code_to_2022": "40",
    "reason_no_surgery": "performed",
    "days_to_definitive_surgery": 60,
    "days_to_definitive_surgery_status": "recorded",
}
FOLLOW_UP = ("survival_months", "survival_months_status", "vital_status", "died_30_days", "died_90_days")


def staged(source: str) -> pl.DataFrame:
    """Fifty-two women of 2010 to 2022, alike but for the year; the NCDB withholds follow-up of the last."""
    years = BASE_YEARS * 4
    keys = [f"P{position}" for position in range(len(years))]
    frame = pl.DataFrame({"patient_key": keys, "tumor_key": keys, "year_of_diagnosis": years}).with_columns(
        pl.lit(value).alias(name)
        for name, value in CLEAN.items()
        if source != "seer" or not name.startswith(("days_", "died_", "facility", "class"))
    )
    if source == "naaccr":
        frame = frame.with_columns(
            clinical_stage_group=pl.lit("4"),
            recurrence_type=pl.lit("never_disease_free"),
            recurrence_date_status=pl.lit("blank"),
        )
    withheld = pl.col("year_of_diagnosis") == 2022
    if source != "ncdb":
        return frame
    return frame.with_columns(
        pl.when(~withheld)
        .then(pl.col(name))
        .otherwise(None if frame.schema[name].is_numeric() else pl.lit("blank"))
        .alias(name)
        for name in FOLLOW_UP
    )


@cache
def tables_of(source: str) -> dict[str, pl.DataFrame]:
    """The registry's own derivations of those women."""
    return {name: pl.DataFrame(table) for name, table in derive(staged(source), source=source).items()}


def built(root: Path, source: str, **changed: pl.Expr) -> Submission:
    """A submission as the registry builds it, some columns of its tumor table then spoilt."""
    tables = tables_of(source)
    tumor = tables["tumor"]
    types = {name: tumor.schema[name] for name in changed}
    tumor = tumor.with_columns(value.cast(types[name]).alias(name) for name, value in changed.items())
    extract = tumor.select("source_file", "source_record")
    others = {f"registry/{name}": tables[name] for name in ("treatment", "follow_up", "ascertainment")}
    return submission(root, tumor, source=source, **others, **{"extract/toy": extract})


def found(sub: Submission, *names: str) -> dict[str, Finding]:
    wanted = [check for check in checks() if not names or check.check_id in names]
    assert set(names) <= {check.check_id for check in wanted}
    return {finding.check.check_id: finding for finding in judge(sub, wanted, read_dictionary())}


def test_there_are_many_and_every_registry_has_its_own() -> None:
    everything = checks()
    assert len(everything) > 250
    for source in SOURCES:
        assert {check.severity for check in checks(source=source) if check.registry == source} == {
            "blocking",
            "warning",
        }


def test_a_check_says_what_it_is_and_has_a_name_dagster_takes() -> None:
    everything = checks()
    assert [check.check_id for check in everything if not re.fullmatch(r"[a-z0-9_]+", check.check_id)] == []
    assert [check.check_id for check in everything if len(check.note) < 15] == []


def test_no_condition_compares_with_null_which_nothing_can_break() -> None:
    compares = re.compile(r"(=|<>|<|>) *null", re.IGNORECASE)
    assert [check.check_id for check in checks() if compares.search(check.argument + check.scope)] == []


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Finding]]:
    """Every finding on the clean registry of each source."""
    root = tmp_path_factory.mktemp("clean")
    return {source: found(built(root / source, source)) for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES)
def test_none_breaks_on_a_registry_and_a_clean_one_is_not_blocked(
    clean: dict[str, dict[str, Finding]], source: str
) -> None:
    findings = clean[source]
    said = {name: finding.problem for name, finding in findings.items() if finding.status == "error"}
    assert said == {}
    toy_files = {"extract_rows_on_disk"}  # derive() names its records' file otherwise than the toy's manifest
    assert {name for name, finding in findings.items() if finding.blocks} <= toy_files


SPOILT: list[tuple[str, str, dict[str, pl.Expr]]] = [
    ("ncdb", "survival_not_negative", {"survival_months": pl.lit(-1.0)}),
    ("ncdb", "survival_plausible", {"survival_months": pl.lit(9999.0)}),
    ("ncdb", "survival_within_calendar", {"survival_months": pl.lit(500.0)}),
    ("ncdb", "survival_after_surgery", {"survival_months": pl.lit(0.0)}),
    ("ncdb", "died_agrees_with_vital_status", {"died": pl.lit(False)}),
    ("ncdb", "ncdb_newest_year_withheld", {"vital_status": pl.lit("alive"), "died": pl.lit(False)}),
    ("ncdb", "ncdb_newest_year_withheld", {"withheld_follow_up": pl.lit(False)}),
    ("ncdb", "ncdb_vital_status_known", {"vital_status": pl.lit("unknown")}),
    ("ncdb", "ncdb_vital_status_way_round", {"died": ~pl.col("died")}),
    ("ncdb", "mortality_30_within_90_days", {"died_within_30_days_of_surgery": pl.lit("yes")}),
    ("ncdb", "mortality_after_surgery_is_death", {
        "died_within_90_days_of_surgery": pl.lit("yes"),
        "died": pl.lit(False),
    }),
    ("ncdb", "ncdb_days_to_definitive_surgery_not_negative", {"days_to_definitive_surgery": pl.lit(-3)}),
    ("ncdb", "ncdb_days_to_definitive_surgery_plausible", {"days_to_definitive_surgery": pl.lit(9999)}),
    ("ncdb", "ncdb_dated_but_not_operated", {"operated": pl.lit(False)}),
    ("ncdb", "ncdb_operated_but_not_dated", {"days_to_definitive_surgery": pl.lit(None)}),
    ("ncdb", "surgery_operated_agrees", {"operated": pl.lit(False)}),
    ("ncdb", "surgery_unknown_is_not_no", {"primary_surgery": pl.lit("unknown"), "operated": pl.lit(False)}),
    ("ncdb", "surgery_known_at_all", {"operated": pl.lit(None)}),
    ("ncdb", "ncdb_no_cause_of_death", {"cause_of_death_group": pl.lit("breast_cancer")}),
    ("ncdb", "ncdb_no_metachronous", {"disease_presentation": pl.lit("metachronous")}),
    ("ncdb", "stage_iv_is_stage_group_4", {"stage_iv": pl.lit(False)}),
    ("ncdb", "stage_evidence_conflict", {"stage_iv_conflict": pl.lit(True)}),
    ("ncdb", "stage_policies_disagree", {"stage_iv_any_evidence": pl.lit(False)}),
    ("ncdb", "subtype_source_disagrees", {"breast_subtype_conflict": pl.lit(True)}),
    ("ncdb", "subtype_triple_negative", {
        "breast_subtype": pl.lit("triple_negative"),
        "breast_subtype_basis": pl.lit("receptors"),
        "er_status": pl.lit("unknown"),
        "pr_status": pl.lit("negative"),
        "her2_status": pl.lit("negative"),
    }),
    ("ncdb", "treatment_radiation_conflict", {"radiation_conflict": pl.lit(True)}),
    ("ncdb", "tumor_words_sex", {"sex": pl.lit("F")}),
    ("ncdb", "tumor_sex_mostly_female", {"sex": pl.lit("male")}),
    ("ncdb", "tumor_year_covered", {"year_of_diagnosis": pl.lit(2023)}),
    ("ncdb", "tumor_record_unique", {"source_record": pl.lit(1)}),
    ("ncdb", "tumor_sequence_number_code", {"sequence_number": pl.lit("5")}),
    ("ncdb", "tumor_age_group_agrees", {"age_group": pl.lit("80+")}),
    ("ncdb", "ncdb_facility_type_from_40", {"facility_type": pl.lit("withheld")}),
    ("ncdb", "treatment_tumor_exists", {"tumor_id": pl.lit("somebody else")}),
    ("seer", "seer_no_surgery_date", {"days_to_definitive_surgery": pl.lit(12)}),
    ("seer", "seer_chemotherapy_never_no", {"chemotherapy": pl.lit("no")}),
    ("seer", "seer_nothing_withheld", {"vital_status": pl.lit("withheld")}),
    ("seer", "died_of_one_cause", {"died_of_breast_cancer": pl.lit(True), "died_of_other_cause": pl.lit(True)}),
    ("naaccr", "naaccr_vital_status_way_round", {"died": ~pl.col("died")}),
    ("naaccr", "naaccr_year_plausible", {"year_of_diagnosis": pl.lit(1912)}),
    ("naaccr", "naaccr_survival_known_at_all", {"survival_months": pl.lit(None)}),
    ("naaccr", "naaccr_tumor_id_unique_mostly", {"tumor_id": pl.lit("the same")}),
    ("naaccr", "naaccr_recurrence_not_before_diagnosis", {
        "recurrence_date_status": pl.lit("negative_interval"),
    }),
    ("naaccr", "naaccr_recurrence_within_follow_up", {"months_to_first_recurrence": pl.lit(400.0)}),
    ("naaccr", "naaccr_de_novo_never_disease_free", {"recurrence_type": pl.lit("distant")}),
    ("naaccr", "naaccr_stage_edition_by_year", {"stage_edition": pl.lit("eod_2018")}),
    ("naaccr", "naaccr_cause_in_stage_iv", {"cause_of_death_group": pl.lit("other_cause")}),
    ("naaccr", "naaccr_surgery_code_listed_mostly", {"primary_surgery": pl.lit("unknown")}),
    ("naaccr", "naaccr_definitive_not_before_first_surgery", {"days_to_first_surgery": pl.lit(61)}),
    ("mapped", "entry_before_end", {"entry_months": pl.lit(400.0)}),
    ("mapped", "presentation_metachronous_interval", {
        "disease_presentation": pl.lit("metachronous"),
        "disease_free_interval_months": pl.lit(None),
    }),
    ("mapped", "mapped_survival_known_at_all", {"survival_months": pl.lit(None)}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "check_id", "changed"), SPOILT, ids=[f"{s}-{c}" for s, c, _ in SPOILT])
def test_a_check_finds_what_it_is_for(
    tmp_path: Path,
    clean: dict[str, dict[str, Finding]],
    source: str,
    check_id: str,
    changed: dict[str, pl.Expr],
) -> None:
    spoilt = found(built(tmp_path, source, **changed), check_id)[check_id]
    assert clean[source][check_id].status in ("pass", "not_applicable")
    assert spoilt.status == ("fail" if spoilt.check.severity == "blocking" else "warn")


@pytest.mark.parametrize(("n", "statuses"), [(1, {"warn", "pass"}), (4, {"warn", "fail"})])
def test_codes_outside_their_scheme_warn_and_many_of_them_block(
    tmp_path: Path, n: int, statuses: set[str]
) -> None:
    """One in fifty-two is a finding; four are more than one in twenty."""
    sub = built(tmp_path, "ncdb")
    codes = pl.DataFrame({"field": ["SEX"], "scheme": ["ncdb_sex"], "code": ["7"], "n": [n]})
    codes.write_parquet(sub.registry_table("unmapped_codes"))
    findings = found(sub, "codes_unmapped", "codes_unmapped_many")
    assert {finding.status for finding in findings.values()} == statuses


def test_a_record_lost_between_manifest_and_disk_blocks(tmp_path: Path) -> None:
    sub = built(tmp_path, "ncdb")
    path = sub.extract_files()[0]
    pl.read_parquet(path).head(51).write_parquet(path)
    names = ("extract_rows_on_disk", "ncdb_every_record_is_a_tumor")
    assert [finding.status for finding in found(sub, *names).values()] == ["fail", "fail"]
    assert found(sub, "ncdb_every_record_is_a_tumor").popitem()[1].n_failed == 1
