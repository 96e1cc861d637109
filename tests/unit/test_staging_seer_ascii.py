"""SEER ASCII codes in, staged words out: the same words as a case listing gives for the same patient."""

import re
from functools import cache
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines import codebook
from pipelines.codebook.schemes import TABLES
from pipelines.formats.seer.ascii import seer_ascii_layouts
from pipelines.registry.extract import unmapped_codes
from pipelines.registry.staging import register_staged
from pipelines.settings import Settings

SCHEMES = sorted(path.stem for path in (TABLES / "schemes").glob("seer_ascii_*.csv"))

PATIENT = (
    # concept of the case listing, its label, field of the ASCII file, its code
    ("patient_id", "00001234", "PUBCSNUM", "00001234"),
    ("registry", "Connecticut", "REG", "0000001502"),
    ("record_number", "1", "REC_NO", "01"),
    ("sequence_number", "2nd of 2 or more primaries", "SEQ_NUM", "02"),
    ("reporting_source", "Hospital inpatient/outpatient or clinic", "REPT_SRC", "1"),
    ("diagnostic_confirmation", "Positive histology", "DX_CONF", "1"),
    ("year_of_diagnosis", "2011", "YEAR_DX", "2011"),
    ("age_at_diagnosis", "058", "AGE_DX", "058"),
    ("age_recode", "55-59 years", "AGE_1REC", "12"),
    ("sex", "Female", "SEX", "2"),
    ("race_recode", "Asian or Pacific Islander", "RAC_RECY", "4"),
    ("hispanic_origin", "Non-Spanish-Hispanic-Latino", "ORIGRECB", "0"),
    ("marital_status", "Unmarried or Domestic Partner", "MAR_STAT", "6"),
    ("insurance_recode", "Any Medicaid", "INSREC_PUB", "2"),
    ("primary_site", "504", "PRIMSITE", "C504"),
    ("laterality", "Left - origin of primary", "LATERAL", "2"),
    ("histology", "8500", "HISTO3V", "8500"),
    ("behavior", "Malignant", "BEHO3V", "3"),
    ("grade", "Poorly differentiated; Grade III", "GRADE", "3"),
    ("cs_tumor_size", "035", "CSTUMSIZ", "035"),
    ("stage_ajcc6", "IV", "DAJCCSTG", "70"),
    ("stage_ajcc7", "IV", "DAJCC7STG", "700"),
    ("stage_adjusted6", "IIIC", "ADJAJCCSTG", "54"),
    ("m_ajcc6", "M1", "DAJCCM", "10"),
    ("m_ajcc7", "M0(i+)", "DAJCC7M", "010"),
    ("m_adjusted6", "MX", "ADJM_6VALUE", "99"),
    ("t_ajcc7", "T2", "DAJCC7T", "200"),
    ("n_ajcc7", "N1mi", "DAJCC7N", "180"),
    ("nodes_positive", "03", "EOD10_PN", "03"),
    ("nodes_examined", "98", "EOD10_NE", "98"),
    ("summary_combined", "Distant site(s)/node(s) involved", "SCSSM2KO", "7"),
    ("cs_mets", "40", "CSMETSDX", "40"),
    ("mets_bone", "Yes", "CSMETSDXB_PUB", "1"),
    ("mets_brain", "No", "CSMETSDXBR_PUB", "0"),
    ("mets_liver", "Unknown", "CSMETSDXLIV_PUB", "9"),
    ("mets_lung", "N/A", "CSMETSDXLUNG_PUB", "8"),
    ("ssf_1", "010", "CS1SITE", "010"),
    ("ssf_2", "020", "CS2SITE", "020"),
    ("ssf_15", "030", "CS15SITE", "030"),
    ("ssf_16", "100", "CS16SITE", "100"),
    ("er_recode", "Positive", "ERSTATUS", "1"),
    ("pr_recode", "Borderline", "PRSTATUS", "3"),
    ("her2_recode", "Negative", "HER2", "2"),
    ("breast_subtype", "Her2-/HR+", "BRST_SUB", "3"),
    ("surgery_code", "41", "SURGPRIF", "41"),
    ("surgery_code_pre_1998", "Blank(s)", "SS_SURG", "  "),
    ("reason_no_surgery", "Surgery performed", "NO_SURG", "0"),
    ("scope_reg_ln", "Sentinel lymph node biopsy", "SURGSCOF", "2"),
    ("other_site_surgery", "Non-primary surgical procedure to distant site", "SURGSITF", "4"),
    ("survival_months", "0034", "SRV_TIME_MON", "0034"),
    (
        "survival_flag",
        "Complete dates are available and there are more than 0 days of survival",
        "SRV_TIME_MON_FLAG",
        "1",
    ),
    ("vital_status", "Dead", "STAT_REC", "4"),
    ("cause_specific", "Dead (attributable to this cancer dx)", "VSRTSADX", "1"),
    ("other_cause", "Alive or dead due to cancer", "ODTHCLASS", "0"),
)
"""A made-up woman in both forms of SEER's data."""


@cache
def engine() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    codebook.register(con)
    con.execute(
        "create table submission_facts as select 'toy' as submission, 'seer' as source, 'nov2016' as release"
    )
    return con


def stage(columns: dict[str, list[str]], dialect: str = "seer_ascii") -> list[dict[str, Any]]:
    """Stage toy records of one dialect; every field that is not given is one that the release lacks."""
    rows = len(next(iter(columns.values())))
    given: dict[str, list[Any]] = dict.fromkeys(codebook.canonical_fields(dialect), [None] * rows) | columns
    frame = pl.DataFrame(given, schema=dict.fromkeys(given, pl.String)).with_columns(
        source_file=pl.lit("BREAST.TXT"), source_record=pl.int_range(1, rows + 1)
    )
    con = engine()
    con.register("extract", frame.to_arrow())
    register_staged(con, (Settings().sql_dir / "staging" / f"{dialect}.sql").read_text(encoding="utf-8"))
    return con.sql("select * from staged order by source_record").pl().to_dicts()


def staged_values(field: str, codes: list[str], column: str) -> list[Any]:
    return [row[column] for row in stage({field: codes})]


def test_a_patient_is_the_same_from_a_case_listing_and_from_ascii() -> None:
    (listed,) = stage({concept: [label] for concept, label, _, _ in PATIENT}, "seer")
    (coded,) = stage({field: [code] for _, _, field, code in PATIENT})
    assert coded == listed
    told = {name for name, value in coded.items() if value is not None}
    assert len(told) > 50  # the comparison is of values, not of nulls


def test_dead_is_4_or_0_and_alive_is_1() -> None:
    assert staged_values("STAT_REC", ["4", "0", "1", " "], "vital_status") == [
        "dead",
        "dead",
        "alive",
        "blank",
    ]


@pytest.mark.parametrize(
    ("field", "codes", "column", "words"),
    [
        ("DAJCC7STG", ["000", "121", "342", "542", "722", "888", "900", "999", "   "], "stage_ajcc7_derived",
         ["0", "1", "unmapped", "3", "4", "not_applicable", "occult", "unknown", "blank"]),
        ("DAJCCSTG", ["02", "12", "33", "51", "74", "88", "90", "99", "  "], "stage_ajcc6_derived",
         ["0", "1", "2", "3", "4", "not_applicable", "occult", "unknown", "blank"]),
        ("DAJCC7M", ["000", "010", "110", "199", "888", "999"], "m_ajcc7_derived",
         ["m0", "m0_itc", "m1", "m1", "not_applicable", "mx"]),
        ("DSRPSG", ["4    ", "2B   ", "88   ", "99   ", "     "], "stage_combined_2016",
         ["4", "2", "not_applicable", "unknown", "blank"]),
        ("DASRCM", ["c0   ", "c0I+ ", "p1   ", "88   ", "     "], "m_combined_2016",
         ["m0", "m0_itc", "m1", "not_applicable", "blank"]),
        ("HST_STGA", ["0", "1", "2", "3", "4", "9", " "], "summary_stage",
         ["in_situ", "localized", "regional", "distant", "distant", "unknown", "blank"]),
        ("DSS2000S", ["0", "1", "2", "3", "4", "5", "7", "9"], "summary_stage",
         ["in_situ", "localized", "regional", "regional", "regional", "regional", "distant", "unknown"]),
        ("METSDXO", ["0", "1", "2", "8", "9", " "], "mets_other",
         ["no", "yes", "generalized", "not_applicable", "unknown", "blank"]),
        ("AGE_1REC", ["00", "01", "02", "18", "99"], "age_band", ["00", "01-04", "05-09", "85+", "unknown"]),
        ("AGE_DX", ["000", "101", "999", "   "], "age_years", [0, 101, None, None]),
        ("INSREC_PUB", ["1", "3", "4", "5", " "], "payer",
         ["none", "insured_nos", "insured_nos", "unknown", "blank"]),
        ("REG", ["0000001541", "      1541", "0000009999", "          "], "registry",
         ["Greater California", "Greater California", "0000009999", "blank"]),
        ("EOD10_PN", ["00", "95", "98", "99", "  "], "nodes_positive_status",
         ["counted", "positive_no_count", "none_examined", "unknown", "blank"]),
    ],
)  # fmt: skip
def test_codes_and_their_words(field: str, codes: list[str], column: str, words: list[Any]) -> None:
    assert staged_values(field, codes, column) == words


def test_a_site_specific_factor_is_read_for_a_breast_cancer_only() -> None:
    """Factor 1 of a prostate cancer is its PSA: 010 there is 1.0 ng/ml and no positive receptor."""
    rows = stage({"PRIMSITE": ["C504", "C619"], "CS1SITE": ["010", "010"]})
    assert [row["er_ssf1"] for row in rows] == ["positive", None]


def test_a_code_of_another_site_is_no_unmapped_code() -> None:
    stage({"PRIMSITE": ["C504", "C619"], "CS1SITE": ["042", "043"]})
    assert unmapped_codes(engine(), "seer_ascii").rows() == [("CS1SITE", "seer_receptor_factor", "042", 1)]


def test_the_newest_summary_stage_that_is_filled_counts() -> None:
    rows = stage({"DSS2000S": ["7", " ", " "], "SSSM2KPZ": [" ", "1", " "], "HST_STGA": ["2", "2", "4"]})
    assert [row["summary_stage"] for row in rows] == ["distant", "localized", "distant"]


def test_combined_metastasis_fields_of_nov_2018_take_the_place_of_the_older_ones() -> None:
    assert staged_values("SCMETSDXLIV_PUB", ["1", "0", " "], "mets_liver") == ["yes", "no", "blank"]


def test_sizes_before_2004_are_in_the_codes_of_2004_on() -> None:
    rows = stage(
        {"CSTUMSIZ": ["020", "   ", "   ", "   ", "   "], "EOD10_SZ": ["   ", "015", "001", "002", "   "]}
    )
    assert [row["tumor_size_code"] for row in rows] == ["020", "015", "990", "996", "blank"]


def test_survival_of_9999_is_unknown_and_a_death_certificate_has_none() -> None:
    rows = stage({"SRV_TIME_MON": ["0000", "9999", "9999"], "SRV_TIME_MON_FLAG": ["0", "9", "8"]})
    assert [(row["survival_months"], row["survival_months_status"]) for row in rows] == [
        (0.0, "recorded"),
        (None, "unknown"),
        (None, "not_calculated"),
    ]


def test_what_the_files_leave_out_is_null_and_never_no() -> None:
    (row,) = stage({"PUBCSNUM": ["00000001"]})
    assert {row[name] for name in ("chemo", "radiation_summary", "days_to_treatment", "rurality")} == {None}
    said = {
        each["variable"]: each["status"]
        for each in codebook.ascertainment_facts("seer_ascii", 2016).to_dicts()
    }
    left_out = (
        "chemotherapy",
        "radiation",
        "any_systemic",
        "systemic_surgery_sequence",
        "days_to_first_treatment",
        "rurality",
    )
    assert {said[variable] for variable in left_out} == {"not_released"}


@pytest.mark.parametrize("release", [2016, 2018])
def test_a_variable_has_one_ascertainment_in_a_release(release: int) -> None:
    facts = codebook.ascertainment_facts("seer_ascii", release)
    assert facts["variable"].is_unique().all()
    assert facts["status"].str.contains(r"^(recorded|derived|not_released|not_collected_before_\d{4})$").all()


def test_every_field_read_is_in_a_layout_and_every_scheme_is_used() -> None:
    fields = codebook.field_schemes().filter(pl.col("source") == "seer_ascii")
    layouts = [set(layout.by_name) for layout in seer_ascii_layouts().values()]
    assert set(fields["field"]) <= set.union(*layouts)
    staging = (Settings().sql_dir / "staging" / "seer_ascii.sql").read_text(encoding="utf-8")
    decoded = set(re.findall(r"decode\('(\w+)'", staging))
    assert decoded == set(fields["scheme"].drop_nulls())
    assert set(SCHEMES) <= decoded
