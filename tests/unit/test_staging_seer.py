"""SEER*Stat case listings as text, in; staged words, out. A toy listing has only the columns a test names."""

from functools import cache
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines import codebook
from pipelines.codebook.schemes import TABLES
from pipelines.registry.staging import register_staged
from pipelines.settings import Settings

SCHEMES = sorted(
    path.stem
    for path in (TABLES / "schemes").glob("seer_*.csv")
    if not path.stem.startswith("seer_ascii_")  # another dialect's
)


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """One connection with the codebook for the whole file: registering it takes longer than staging a toy."""
    con = duckdb.connect()
    codebook.register(con)
    con.execute(
        "create table submission_facts as select 'toy' as submission, 'seer' as source, 'nov2018' as release"
    )
    return con


def stage(columns: dict[str, list[str | None]]) -> list[dict[str, Any]]:
    """Stage a toy listing given by concept; every other concept is one that the listing lacks."""
    rows = len(next(iter(columns.values())))
    fields = sorted({*codebook.canonical_fields("seer"), *columns})
    given = {name: columns.get(name, [None] * rows) for name in fields}
    frame = pl.DataFrame(given, schema=dict.fromkeys(given, pl.String)).with_columns(
        source_file=pl.lit("toy.txt"), source_record=pl.int_range(1, rows + 1)
    )
    con = engine()
    con.register("extract", frame.to_arrow())
    register_staged(con, (Settings().sql_dir / "staging" / "seer.sql").read_text(encoding="utf-8"))
    return con.sql("select * from staged order by source_record").pl().to_dicts()


def staged_values(concept: str, texts: list[str | None], column: str) -> list[Any]:
    return [row[column] for row in stage({concept: texts})]


def test_every_column_keeps_to_the_list_and_a_missing_concept_is_null() -> None:
    (row,) = stage({"patient_id": ["00001234"], "record_number": ["1"]})
    assert (row["source"], row["release"]) == ("seer", "nov2018")
    assert (row["patient_key"], row["tumor_key"], row["record_number"]) == ("00001234", "00001234:1", 1)
    nulls = {name for name, value in row.items() if value is None}
    assert {
        "sex",
        "stage_ajcc7_derived",
        "mets_bone",
        "chemo",
        "survival_months",
        "survival_months_status",
    } <= nulls


def test_a_patient_is_told_apart_by_registry_and_a_tumor_always_has_its_own_key() -> None:
    rows = stage(
        {
            "patient_id": ["00000001", "00000001", "00000001", "Blank(s)"],
            "registry": ["Iowa", "Iowa", "Utah", "Utah"],
            "record_number": ["1", "2", "1", None],
        }
    )
    assert [row["patient_key"] for row in rows] == [
        "Iowa:00000001",
        "Iowa:00000001",
        "Utah:00000001",
        "toy.txt#4",
    ]
    assert len({row["tumor_key"] for row in rows}) == 4


@pytest.mark.parametrize(
    ("concept", "text", "years", "top", "band"),
    [
        ("age_at_diagnosis", "061", 61, False, None),
        ("age_at_diagnosis", "999", None, None, None),
        ("age_single_recode", "61 years", 61, False, None),
        ("age_single_recode", "85+ years", 85, True, "85+"),
        ("age_single_recode", "Unknown", None, None, None),
        ("age_recode", "45-49 years", None, None, "45-49"),
        ("age_recode", "00 years", None, None, "00"),
        ("age_recode", "90+ years", None, None, "90+"),
        ("age_recode", "Unknown", None, None, "unknown"),
    ],
)
def test_age_is_a_number_or_a_band_and_a_top_code_says_so(
    concept: str, text: str, years: int | None, top: bool | None, band: str | None
) -> None:
    (row,) = stage({concept: [text]})
    assert (row["age_years"], row["age_top_coded"], row["age_band"]) == (years, top, band)


def test_the_site_loses_its_dot_and_gains_its_letter() -> None:
    assert staged_values("primary_site", ["504", "C504", "xyz"], "primary_site") == ["C504", "C504", None]
    labels: list[str | None] = ["C50.4-Upper-outer quadrant of breast", "C50.9-Breast, NOS", ""]
    assert staged_values("primary_site_labeled", labels, "primary_site") == ["C504", "C509", None]


def test_histology_and_behavior_come_from_either_form() -> None:
    rows = stage(
        {"histology_behavior": ["8500/3: Infiltrating duct carcinoma, NOS", "8500/2: Intraductal carcinoma"]}
    )
    assert [(row["histology"], row["behavior"]) for row in rows] == [
        ("8500", "invasive"),
        ("8500", "in_situ"),
    ]
    (row,) = stage({"histology": ["8520"], "behavior": ["Malignant"]})
    assert (row["histology"], row["behavior"]) == ("8520", "invasive")


def test_stage_iv_is_roman_to_2015_and_arabic_after() -> None:
    roman: list[str | None] = [
        "IV",
        "IVNOS",
        "IIIC",
        "0is",
        "I",
        "NA",
        "UNK Stage",
        "OCCULT",
        "Blank(s)",
        "",
        None,
        "4",
    ]
    words = [
        "4",
        "4",
        "3",
        "0",
        "1",
        "not_applicable",
        "unknown",
        "occult",
        "blank",
        "blank",
        None,
        "unmapped",
    ]
    for concept, column in (
        ("stage_ajcc6", "stage_ajcc6_derived"),
        ("stage_ajcc7", "stage_ajcc7_derived"),
        ("stage_adjusted6", "stage_ajcc6_adjusted"),
    ):
        assert staged_values(concept, roman, column) == words
    arabic: list[str | None] = ["4", "4B", "1A", "0", "88", "99", "Blank(s)", "IV"]
    words = ["4", "4", "1", "0", "not_applicable", "unknown", "blank", "unmapped"]
    for concept, column in (("stage_combined", "stage_combined_2016"), ("stage_eod", "stage_eod_2018")):
        assert staged_values(concept, arabic, column) == words


def test_tumor_cells_without_metastasis_are_m0_and_mx_is_not() -> None:
    texts: list[str | None] = [
        "M0",
        "M0(i+)",
        "c0I+",
        "c0",
        "p1",
        "c1A",
        "M1NOS",
        "MX",
        "NA",
        "Blank(s)",
        "M2",
    ]
    words = ["m0", "m0_itc", "m0_itc", "m0", "m1", "m1", "m1", "mx", "not_applicable", "blank", "unmapped"]
    assert staged_values("m_combined", texts, "m_combined_2016") == words


def test_receptor_labels_of_both_eras_give_one_word() -> None:
    old: list[str | None] = ["Positive", "Borderline", "Unknown", "Not 1990+ Breast"]
    assert staged_values("er_recode", old, "er_recode") == [
        "positive",
        "borderline",
        "unknown",
        "not_applicable",
    ]
    new: list[str | None] = ["Negative", "Borderline/Unknown", "Recode not available"]
    assert staged_values("her2_recode", new, "her2_recode") == [
        "negative",
        "borderline_or_unknown",
        "not_applicable",
    ]
    assert staged_values("her2_summary", ["HER2 negative; equivocal"], "her2_summary_2018") == [
        "negative_or_equivocal"
    ]


def test_old_and_new_subtype_labels_reverse_their_parts() -> None:
    old: list[str | None] = ["Her2+/HR+", "Her2+/HR-", "Her2-/HR+", "Triple Negative"]
    new: list[str | None] = ["HR+/HER2+", "HR-/HER2+", "HR+/HER2-", "HR-/HER2-"]
    words = ["hr_pos_her2_pos", "hr_neg_her2_pos", "hr_pos_her2_neg", "triple_negative"]
    assert staged_values("breast_subtype", old, "subtype_recode") == words
    assert staged_values("breast_subtype", new, "subtype_recode") == words


def test_an_empty_metastasis_flag_is_not_a_no() -> None:
    texts: list[str | None] = ["Yes", "No", "Unknown", "N/A", "Blank(s)", None]
    words = ["yes", "no", "unknown", "not_applicable", "blank", None]
    assert staged_values("mets_bone", texts, "mets_bone") == words
    other: list[str | None] = [" generalized metastases such as carinomatosis ", "None; no other metastases"]
    assert staged_values("mets_other", other, "mets_other") == ["generalized", "no"]


def test_absence_of_chemotherapy_or_radiation_cannot_be_told_from_not_known() -> None:
    assert staged_values("chemotherapy_recode", ["Yes", "No/Unknown"], "chemo") == [
        "given",
        "none_or_unknown",
    ]
    texts: list[str | None] = [
        "Radiation, NOS  method or source not specified",
        "None/Unknown",
        "Refused (1988+)",
        "Not available (IL or TX)",
    ]
    words = ["given", "none_or_unknown", "refused", "not_released"]
    assert staged_values("radiation_recode", texts, "radiation_summary") == words


def test_surgery_codes_stay_text() -> None:
    texts: list[str | None] = ["00", "41", "Blank(s)", ""]
    assert staged_values("surgery_code", texts, "surgery_code_to_2022") == ["00", "41", "blank", "blank"]


def test_survival_is_a_number_with_the_reason_where_it_is_none() -> None:
    not_calculated = "Not calculated because a Death Certificate Only or Autopsy Only case"
    complete = "Complete dates are available and there are more than 0 days of survival"
    rows = stage(
        {
            "survival_months": ["0034", "0000", "Unknown", "Unknown", "Blank(s)", "9999"],
            "survival_flag": [complete, None, not_calculated, None, None, None],
        }
    )
    assert [row["survival_months"] for row in rows] == [34.0, 0.0, None, None, None, None]
    assert [row["survival_months_status"] for row in rows] == [
        "recorded",
        "recorded",
        "not_calculated",
        "unknown",
        "blank",
        "unknown",
    ]
    assert [row["survival_flag"] for row in rows[:3]] == ["complete", None, "not_calculated"]


def test_cause_of_death_words() -> None:
    rows = stage(
        {
            "vital_status": ["Dead", "Alive", "Dead"],
            "cause_specific": [
                "Dead (attributable to this cancer dx)",
                "Alive or dead of other cause",
                "N/A not first tumor",
            ],
            "other_cause": [
                "Alive or dead due to cancer",
                "Alive or dead due to cancer",
                "Dead (missing/unknown COD)",
            ],
        }
    )
    assert [row["vital_status"] for row in rows] == ["dead", "alive", "dead"]
    assert [row["cause_specific"] for row in rows] == [
        "dead_of_this_cancer",
        "alive_or_other",
        "not_first_tumor",
    ]
    assert [row["other_cause"] for row in rows] == [
        "alive_or_this_cancer",
        "alive_or_this_cancer",
        "missing_cause",
    ]


def test_sequence_labels_become_numbers() -> None:
    texts: list[str | None] = [
        "One primary only",
        "1st of 2 or more primaries",
        "2nd of 2 or more primaries",
        "11th of 11 or more primaries",
        "Only one state registry-defined neoplasm",
    ]
    assert staged_values("sequence_number", texts, "sequence_number") == ["00", "01", "02", "11", "60"]


def test_sizes_before_2004_are_put_into_the_later_codes() -> None:
    rows = stage(
        {
            "cs_tumor_size": ["025", "Blank(s)", "Blank(s)", "Blank(s)", "Blank(s)"],
            "eod10_size": ["Blank(s)", "030", "001", "002", "Blank(s)"],
        }
    )
    assert [row["tumor_size_code"] for row in rows] == ["025", "030", "990", "996", "blank"]


def test_the_summary_stage_is_the_one_that_is_filled_for_the_year() -> None:
    rows = stage(
        {
            "summary_combined": ["Distant", "Blank(s)", "Blank(s)"],
            "summary_historic": ["Regional", "Localized", "Blank(s)"],
        }
    )
    assert [row["summary_stage"] for row in rows] == ["distant", "localized", "blank"]


def test_time_to_treatment_keeps_its_state() -> None:
    rows = stage({"days_to_treatment": ["0", "60", "731+days", "Unable to calculate", "Blank(s)", None]})
    assert [row["days_to_treatment"] for row in rows] == [0, 60, None, None, None, None]
    statuses = [row["days_to_treatment_status"] for row in rows]
    assert statuses == ["recorded", "recorded", "unknown", "unknown", "blank", None]


def test_a_race_recode_that_joins_hispanics_does_not_guess_their_race() -> None:
    (row,) = stage({"race_origin_recode": ["Hispanic (All Races)"]})
    assert (row["race"], row["hispanic"]) == ("unknown", "hispanic")


def test_headers_are_unique_and_releases_run_forward() -> None:
    headers = pl.read_csv(TABLES / "seerstat_headers.csv", infer_schema=False)
    assert headers.columns == ["concept", "header", "first_sub", "last_sub", "note"]
    assert headers["header"].is_unique().all()
    years = headers.select(pl.col("first_sub", "last_sub").str.extract(r"^nov(\d{4})$").cast(pl.Int64))
    assert years.filter(pl.col("first_sub") > pl.col("last_sub")).is_empty()
    assert years["first_sub"].null_count() == headers["first_sub"].null_count()


@pytest.mark.parametrize("release", [2018, 2022])
def test_a_submission_has_at_most_the_headers_of_its_year(release: int) -> None:
    headers = pl.read_csv(TABLES / "seerstat_headers.csv", infer_schema=False).with_columns(
        pl.col("first_sub", "last_sub").str.extract(r"(\d{4})").cast(pl.Int64)
    )
    current = headers.filter(
        (pl.col("first_sub").is_null() | (pl.col("first_sub") <= release)),
        (pl.col("last_sub").is_null() | (pl.col("last_sub") >= release)),
    )["concept"].to_list()
    needed = {
        "patient_id",
        "stage_adjusted6",
        "stage_ajcc7",
        "stage_combined",
        "mets_bone",
        "surgery_code",
        "cause_specific",
    }
    assert needed <= set(current)
    assert ("stage_eod" in current) == (release == 2022)
    assert ("insurance_recode" in current) == (release == 2018)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_gives_one_meaning_to_a_code(scheme: str) -> None:
    table = codebook.schemes()[scheme]
    assert table["code"].is_unique().all()
    assert table.select("code", "value", "source").null_count().sum_horizontal().item() == 0
    assert set(table["means_missing"]) <= {"true", "false"}
    assert not table["value"].is_in(["unmapped", "missing", "na"]).any()


def test_every_decoded_field_is_a_concept_and_has_its_scheme() -> None:
    fields = codebook.field_schemes().filter(pl.col("source") == "seer")
    concepts = set(pl.read_csv(TABLES / "seerstat_headers.csv")["concept"])
    assert set(fields["field"]) <= concepts
    assert set(fields["scheme"].drop_nulls()) == set(SCHEMES)
    staging = (Settings().sql_dir / "staging" / "seer.sql").read_text(encoding="utf-8")
    for scheme in SCHEMES:
        assert f"decode('{scheme}'" in staging


@pytest.mark.parametrize("release", [2016, 2018, 2019, 2022, 2024])
def test_a_variable_has_one_ascertainment_in_a_release(release: int) -> None:
    facts = codebook.ascertainment_facts("seer", release)
    assert facts["variable"].is_unique().all()
    assert (
        facts["status"]
        .str.contains(r"^(recorded|derived|withheld|not_released|not_collected_before_\d{4})$")
        .all()
    )
    status = dict(zip(facts["variable"], facts["status"], strict=True))
    assert status["disease_presentation"] == status["days_to_definitive_surgery"] == "not_released"
    assert status["her2_status"] == "not_collected_before_2010"
    assert status["primary_payer"] == ("not_collected_before_2007" if release <= 2018 else "not_released")


def test_node_counts_keep_their_special_codes_apart() -> None:
    rows = stage(
        {"nodes_positive": ["03", "97", "98", "99", "Blank(s)", None], "nodes_examined": ["12", *["95"] * 5]}
    )
    assert [row["nodes_positive"] for row in rows] == [3, None, None, None, None, None]
    statuses = [row["nodes_positive_status"] for row in rows]
    assert statuses == ["counted", "positive_no_count", "none_examined", "unknown", "blank", None]
    assert [row["nodes_examined_status"] for row in rows[:2]] == ["counted", "aspiration_only"]


def test_the_same_digits_mean_other_things_in_other_factors() -> None:
    (row,) = stage({f"ssf_{factor}": ["010"] for factor in (1, 8, 15, 16)})
    assert (row["er_ssf1"], row["her2_ihc_score_ssf8"], row["her2_ssf15"]) == ("positive", "1+", "positive")
    assert row["receptors_ssf16"] == "hr_pos_her2_neg"
