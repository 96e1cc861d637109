"""The code tables hold together, and ``decode`` says what they say."""

import re
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines import codebook, registry
from pipelines.codebook.schemes import TABLES
from pipelines.registry.concepts import in_order, relations_read
from pipelines.registry.staging import staged_columns
from pipelines.settings import Settings

SCHEME_COLUMNS = ["code", "value", "label", "valid_from", "valid_to", "means_missing", "source"]
SURGERY = ("surgery_breast_to_2022", "surgery_breast_2023", "surgery_breast_2024")
COLUMNS = Path(registry.__file__).with_name("columns.csv")
LAYOUT = pl.read_csv(TABLES / "ncdb_layout.csv", infer_schema=False)


@cache
def engine() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    codebook.register(con)
    return con


def said(expression: str) -> object:
    row = engine().execute(f"select {expression}").fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("name", sorted(codebook.schemes()))
def test_a_scheme_gives_every_code_one_meaning_and_names_its_source(name: str) -> None:
    table = codebook.schemes()[name]
    assert table.columns[: len(SCHEME_COLUMNS)] == SCHEME_COLUMNS
    assert table["code"].is_unique().all()
    assert table.select(pl.col("code", "value", "label", "source").is_null().any()).row(0) == (False,) * 4
    assert set(table["means_missing"]) <= {"true", "false"}
    assert (table["code"] == table["code"].str.strip_chars()).all()


@pytest.mark.parametrize(
    ("field", "scheme"), codebook.field_schemes().select("field", "scheme").drop_nulls().rows()
)
def test_every_field_is_decoded_by_a_scheme_that_exists(field: str, scheme: str) -> None:
    assert scheme in codebook.schemes(), field


@pytest.mark.parametrize("source", ["ncdb", "seer", "naaccr"])
def test_staging_decodes_with_schemes_that_exist(source: str) -> None:
    sql = (Settings().sql_dir / "staging" / f"{source}.sql").read_text(encoding="utf-8")
    assert set(re.findall(r"decode\('(\w+)'", sql)) <= codebook.schemes().keys()


def test_no_scheme_lies_about_unused() -> None:
    """A table that nothing reads would grow stale unseen."""
    sql = "".join(path.read_text(encoding="utf-8") for path in Settings().sql_dir.rglob("*.sql"))
    used = set(codebook.field_schemes()["scheme"].drop_nulls()) | set(re.findall(r"decode\('(\w+)'", sql))
    used |= set(re.findall(r"codes_(\w+)", sql))
    assert {name for name in codebook.schemes() if name not in used} == set()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("null", None),  # the extract has no such field
        ("''", "blank"),
        ("'   '", "blank"),
        ("'07'", "itc"),
        ("' 7'", "itc"),  # written as a number by the label scripts of 2013 and 2016
        ("'42'", "distant"),
        ("'43'", "unmapped"),  # never "none"
    ],
)
def test_decode_tells_absent_blank_and_unknown_codes_apart(text: str, word: str | None) -> None:
    assert said(f"decode('cs_metastasis_at_diagnosis', {text})") == word


def test_labels_match_with_their_inner_runs_of_blanks_as_one() -> None:
    assert said("tidy('  Distant   site(s) ')") == "Distant site(s)"


@pytest.mark.parametrize(
    ("text", "days", "status"),
    [
        ("null", None, None),
        ("'        '", None, "blank"),
        ("'    8888'", None, "not_applicable"),
        ("'    9999'", None, "unknown"),
        ("'   x'", None, "unknown"),
        ("'0'", 0, "recorded"),
        ("'     182'", 182, "recorded"),
    ],
)
def test_days_that_are_not_there_keep_their_state(text: str, days: int | None, status: str | None) -> None:
    assert (said(f"days_recorded({text})"), said(f"days_status({text})")) == (days, status)


@pytest.mark.parametrize(
    ("word", "other", "expected"),
    [
        ("'m0'", "'blank'", "m0"),
        ("'blank'", "'m1'", "m1"),
        ("'blank'", "'blank'", "blank"),
        ("'blank'", "null", "blank"),  # one era's field is there and empty, the other is not in the release
        ("null", "'m1'", "m1"),
        ("null", "null", None),
    ],
)
def test_an_item_of_two_eras_is_blank_only_where_no_field_is_filled(
    word: str, other: str, expected: str | None
) -> None:
    assert said(f"filled({word}, {other})") == expected


def test_the_same_digits_differ_by_factor() -> None:
    assert said("decode('ssf_receptor', '010')") == "positive"
    assert said("decode('ssf_her2', '010')") == "positive"
    assert said("decode('ssf_receptor_combination', '010')") == "hr_pos_her2_neg"  # ER-, PR+, HER2-
    assert said("decode('ssf_her2', '030')") == "borderline"
    assert said("decode('ssf_her2_ihc_score', '030')") == "3+"


def test_reason_for_no_surgery_has_no_code_3_or_4() -> None:
    codes = codebook.schemes()["reason_no_surgery"]
    assert codes["code"].to_list() == ["0", "1", "2", "5", "6", "7", "8", "9"]
    assert said("decode('reason_no_surgery', '7')") == "refused"
    assert said("decode('reason_no_surgery', '3')") == "unmapped"


def test_the_three_surgery_lists_share_no_code_and_cover_what_their_years_printed() -> None:
    lists = [set(codebook.schemes()[name]["code"]) for name in SURGERY]
    assert sum(map(len, lists)) == len(set.union(*lists))
    assert [len(codes) for codes in lists] == [48, 48, 25]
    assert {code[1:3] for code in lists[1]} == lists[0]  # the A list is the two-digit list in other clothes


@pytest.mark.parametrize(
    ("code", "value", "bilateral", "reconstruction"),
    [
        ("00", "none", "false", "not_applicable"),
        ("19", "local_destruction", "false", "not_applicable"),
        ("22", "breast_conserving", "false", "not_applicable"),
        ("41", "mastectomy", "false", "none"),
        ("45", "mastectomy", "false", "implant"),
        (
            "63",
            "mastectomy",
            "true",
            "combined",
        ),  # modified radical, though it stands among the radical codes
        ("73", "mastectomy", "true", "implant"),
        (
            "75",
            "mastectomy",
            "true",
            "combined",
        ),  # total mastectomy, though it stands after the extended radical
        ("76", "mastectomy", "true", "unknown"),
        ("90", "surgery_nos", None, "unknown"),
        ("99", "unknown", None, "unknown"),
        ("A610", "mastectomy", "false", "none"),
        ("B240", "breast_conserving", "false", "not_applicable"),
        ("B620", "mastectomy", "true", "unknown"),  # the B list has reconstruction in another item
    ],
)
def test_surgery_is_looked_up_code_by_code(
    code: str, value: str, bilateral: str | None, reconstruction: str
) -> None:
    listed = pl.concat(codebook.schemes()[name] for name in SURGERY).filter(pl.col("code") == code)
    assert listed.select("value", "bilateral", "reconstruction").row(0) == (value, bilateral, reconstruction)


def test_operated_is_true_from_20_to_90_false_for_00_and_open_for_19_and_99() -> None:
    listed = codebook.schemes()["surgery_breast_to_2022"]
    by_operated = {
        state: set(listed.filter(pl.col("operated").fill_null("open") == state)["code"])
        for state in ("true", "false", "open")
    }
    assert by_operated["false"] == {"00"}
    assert by_operated["open"] == {"19", "99"}
    assert min(by_operated["true"]) == "20"
    assert max(by_operated["true"]) == "90"


def test_reconstruction_codes_that_look_like_radical_mastectomy_are_not_in_its_scheme() -> None:
    assert said("decode('reconstruction_breast', 'A610')") == "tissue"
    assert said("decode('surgery_breast_2023', 'A610')") == "mastectomy"


@pytest.mark.parametrize("release", LAYOUT["release"].unique().sort().to_list())
def test_a_renamed_field_is_in_the_layout_under_one_of_its_names_only(release: str) -> None:
    in_layout = set(LAYOUT.filter(pl.col("release") == release)["variable"])
    names = codebook.received_names("ncdb", release)
    renamed = names.filter(pl.col("received") != pl.col("canonical"))
    assert set(renamed["received"]) <= in_layout
    assert not set(renamed["canonical"]) & in_layout


@pytest.mark.parametrize("release", ["2016", "2020", "2022", "2023"])
def test_what_staging_reads_is_in_some_layout(release: str) -> None:
    """A misspelt field would be null for ever and pass as 'the release lacks it'."""
    in_layout = set(LAYOUT.filter(pl.col("release") == release)["variable"])
    received = codebook.received_names("ncdb", release).filter(pl.col("received").is_in(in_layout))[
        "canonical"
    ]
    lacking = set(codebook.canonical_fields("ncdb")) - set(received)
    assert lacking == LACKING[release]


NEW_IN_2018 = {
    *(f"AJCC_TNM_{basis}_{item}" for basis in ("CLIN", "PATH") for item in ("T", "N", "M", "STG_GRP")),
    "ER_SUMMARY",
    "PR_SUMMARY",
    "HER2_OVERALL_SUMM",
    "GRADE_CLIN",
    "GRADE_PATH",
    "ONCOTYPE_SCORE_INV",
    "PHASE_I_RT_MODALITY",
    "PHASE_I_RT_VOLUME",
    "MED_INC_QUAR_2020",
    "NO_HSD_QUAR_2020",
}
NEW_IN_2022 = {"RX_SUMM_SURG_BREAST", "RX_SUMM_RECON_BREAST"}
NEW_IN_2023 = {"RX_SUMM_SURG_PRIM_SITE_2023", "UR_CD_23"}
GONE_BY_2020 = {"RX_SUMM_RADIATION", "RAD_TREAT_VOL"}
LACKING = {
    "2016": NEW_IN_2018 | NEW_IN_2022 | NEW_IN_2023,
    "2020": GONE_BY_2020 | NEW_IN_2022 | NEW_IN_2023,
    "2022": GONE_BY_2020 | NEW_IN_2023,
    "2023": GONE_BY_2020,
}


@pytest.mark.parametrize("year", [2013, 2016, 2020, 2022, 2023])
def test_a_release_has_one_word_on_each_variable(year: int) -> None:
    facts = codebook.ascertainment_facts("ncdb", year)
    assert facts["variable"].is_unique().all()
    known = {"recorded", "derived", "withheld", "not_released"}
    assert {
        s for s in facts["status"] if s not in known and not re.fullmatch(r"not_collected_before_\d{4}", s)
    } == set()


@pytest.mark.parametrize("source", ["ncdb", "seer", "naaccr"])
def test_ascertainment_speaks_of_columns_that_exist(source: str) -> None:
    columns = pl.read_csv(COLUMNS, infer_schema=False).filter(pl.col("table") == "tumor")["column"]
    spoken_of = set(codebook.ascertainment_facts(source, 2022)["variable"])
    # Lesion counts have no column, because no source has them.
    assert spoken_of - set(columns) <= {"oligometastatic", "solitary_metastasis"}


def test_ascertainment_follows_the_release() -> None:
    def status(variable: str, year: int) -> str:
        facts = codebook.ascertainment_facts("ncdb", year)
        return str(facts.filter(pl.col("variable") == variable)["status"].item())

    assert status("disease_presentation", 2022) == "not_released"
    assert status("prior_breast_primary", 2022) == "not_released"
    assert (status("income_quartile_2020", 2016), status("income_quartile_2020", 2022)) == (
        "not_released",
        "recorded",
    )
    assert (status("radiation", 2016), status("radiation", 2022)) == ("recorded", "derived")
    assert status("her2_status", 2022) == "not_collected_before_2010"


def test_a_derivation_runs_after_those_it_reads() -> None:
    concepts = {
        "tumor": "with here as (select * from stage) select * from here inner join person using (id)",
        "stage": "select id from staged",
        "person": "select id from stage",
    }
    assert in_order(concepts) == ["stage", "person", "tumor"]
    assert relations_read(concepts["tumor"]) >= {"stage", "person"}


def test_two_derivations_that_read_each_other_are_an_error() -> None:
    with pytest.raises(ValueError, match="cycle"):
        in_order({"a": "select * from b", "b": "select * from a"})


def test_staged_columns_are_listed_once_with_types_of_duckdb() -> None:
    assert set(staged_columns().values()) == {"varchar", "integer", "bigint", "double", "boolean"}
