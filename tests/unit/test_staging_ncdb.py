"""NCDB cases as received, in; staged words, out. Left of ``=>`` received fields, right of it staged columns.

``-`` is null (the extract has no such field, or the column has no value), ``_`` is a field that is there and empty.
Most tests are errors that were seen in published NCDB code.
"""

from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines import codebook
from pipelines.registry.extract import register_extract, unmapped_codes
from pipelines.registry.staging import STAGED_COLUMNS, register_staged, staged_columns
from pipelines.settings import Settings

Stage = Callable[..., pl.DataFrame]
Says = Callable[..., None]

NOT_IN_THE_PUF = {
    # No item, or another source's own derivation; a column that staging forgets would turn up here.
    *(
        "record_number",
        "registry",
        "reporting_source",
        "age_band",
        "marital_status",
        "summary_stage",
    ),
    *(
        "stage_ajcc6_derived",
        "stage_ajcc7_derived",
        "stage_ajcc6_adjusted",
        "stage_combined_2016",
        "stage_eod_2018",
    ),
    *("m_ajcc6_derived", "m_ajcc7_derived", "m_ajcc6_adjusted", "m_combined_2016", "m_eod_2018", "eod_mets"),
    *("derived_t", "derived_n", "stage_at_diagnosis", "m_at_diagnosis"),
    *("er_marker", "er_recode", "pr_marker", "pr_recode", "her2_recode", "subtype_recode"),
    *("surgery_code_pre_1998", "primary_surgery_word", "survival_flag", "cause_specific", "other_cause"),
    *("recurrence_type", "months_to_first_recurrence", "months_to_distant_recurrence", "entry_months"),
    "prior_breast_primary",
    # NAACCR: causes, recurrence and comorbidities as codes, and what was staged after therapy
    *("cause_of_death", "cause_of_death_revision", "recurrence_date_status", "pathologic_after_therapy"),
    *("comorbidity_icd9", "comorbidity_icd10"),
}


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """One connection with the codebook for the whole file: registering it takes longer than staging a toy."""
    connection = duckdb.connect()
    codebook.register(connection)
    return connection


@pytest.fixture
def stage(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Stage:
    """Give a function that stages toy cases, given by received name, as a release would."""

    def staged(fields: dict[str, list[str | None]], *, release: str = "2022") -> pl.DataFrame:
        rows = len(next(iter(fields.values())))
        frame = pl.DataFrame(fields, schema=dict.fromkeys(fields, pl.String)).with_columns(
            source_file=pl.lit("NCDBPUF_Breast.dat"), source_record=pl.int_range(1, rows + 1)
        )
        frame.write_parquet(tmp_path / "ncdb.parquet")
        con.execute(
            f"create or replace table submission_facts as select 'toy' as submission, 'ncdb' as source,"
            f" '{release}' as release, {release} as release_year"
        )
        register_extract(con, [tmp_path / "ncdb.parquet"], dialect="ncdb", release=release)
        register_staged(con, (Settings().sql_dir / "staging" / "ncdb.sql").read_text(encoding="utf-8"))
        return con.sql("select * from staged order by source_record").pl()

    return staged


@pytest.fixture
def says(stage: Stage) -> Says:
    """Give a function that holds staging to a drawn table."""

    def hold(table: str, *, release: str = "2022") -> None:
        lines = [line.strip() for line in table.strip().splitlines()]
        (received, expected), *rows = [
            [[cell.strip() for cell in side.split("|")] for side in line.split("=>")] for line in lines
        ]
        fields = {
            name: [{"-": None, "_": "  "}.get(left[i], left[i]) for left, _ in rows]
            for i, name in enumerate(received)
        }
        # A column drawn as "-" all the way down is a field that the extract does not have.
        present = {name: cells for name, cells in fields.items() if any(cell is not None for cell in cells)}
        staged = stage(present, release=release).select(pl.col(expected).cast(pl.String).fill_null("-"))
        assert [list(row) for row in staged.iter_rows()] == [right for _, right in rows]

    return hold


def test_staging_fills_every_column_that_the_puf_has(stage: Stage) -> None:
    sql = (Settings().sql_dir / "staging" / "ncdb.sql").read_text(encoding="utf-8")
    filled = {name for name in staged_columns() if f" as {name}\n" in sql or f" as {name}," in sql}
    filled |= {"source", "release", "source_file", "source_record"}
    described = pl.read_csv(STAGED_COLUMNS, infer_schema=False)
    mapped = set(described.filter(pl.col("meaning").str.starts_with("Mapped sources"))["column"])
    assert set(staged_columns()) - filled - mapped == NOT_IN_THE_PUF - mapped


def test_a_case_knows_where_it_came_from_and_is_its_own_patient(stage: Stage) -> None:
    case = stage({"PUF_CASE_ID": ["A1"], "PUF_FACILITY_ID": ["F7"]}).row(0, named=True)
    assert (case["source"], case["release"], case["source_file"]) == ("ncdb", "2022", "NCDBPUF_Breast.dat")
    assert (case["patient_key"], case["tumor_key"], case["facility_id"]) == ("A1", "A1", "F7")


def test_received_names_may_be_in_any_case(stage: Stage) -> None:
    assert stage({"puf_case_id": ["A1"], "Sex": ["2"]}).row(0, named=True)["sex"] == "female"


def test_a_field_that_the_release_lacks_is_null_and_an_empty_one_is_blank(says: Says) -> None:
    says("""
        SEX | RACE | FACILITY_TYPE_CD | REASON_FOR_NO_RADIATION => race  | facility_type | radiation_reason_no
        2   | 01   | _                | -                       => white | blank         | -
    """)


def test_surgery_codes_stay_text(says: Says) -> None:
    """Read as numbers, A200 and B600 are nothing, and every woman of 2023 was never operated."""
    says(
        """
        YEAR_OF_DIAGNOSIS | RX_SUMM_SURG_PRIM_SITE | RX_SUMM_SURG_PRIM_SITE_2023 | RX_SUMM_SURG_BREAST => surgery_code_to_2022 | surgery_code_2023 | surgery_code_breast_2022
        2021              | 00                     | _                           | _                   => 00                   | blank             | blank
        2022              | 41                     | _                           | B610                => 41                   | blank             | B610
        2023              | _                      | A200                        | B200                => blank                | A200              | B200
        2023              | _                      | A500                        | B600                => blank                | A500              | B600
        """,  # noqa: E501  # a drawn table is as wide as its columns
        release="2023",
    )


def test_a_reconstruction_code_is_not_a_surgery_code(says: Says) -> None:
    says("""
        RX_SUMM_SURG_PRIM_SITE | RX_SUMM_RECON_BREAST => surgery_code_to_2022 | reconstruction_code
        00                     | A610                 => 00                   | A610
    """)


def test_refused_is_7_and_there_is_no_3(says: Says) -> None:
    says("""
        REASON_FOR_NO_SURGERY => reason_no_surgery
        0                     => performed
        1                     => not_planned
        3                     => unmapped
        5                     => died
        6                     => recommended_not_done
        7                     => refused
        9                     => unknown
    """)


def test_nodes_of_95_and_97_are_positive_and_no_counts(says: Says) -> None:
    says("""
        REGIONAL_NODES_POSITIVE => nodes_positive | nodes_positive_status
        00                      => 0              | counted
        12                      => 12             | counted
        90                      => 90             | counted
        95                      => -              | positive_no_count
        97                      => -              | positive_no_count
        98                      => -              | none_examined
        99                      => -              | unknown
        _                       => -              | blank
    """)


def test_examined_nodes_of_95_to_98_are_no_counts(says: Says) -> None:
    says("""
        REGIONAL_NODES_EXAMINED => nodes_examined | nodes_examined_status
        02                      => 2              | counted
        95                      => -              | aspiration_only
        96                      => -              | removed_no_count
        98                      => -              | removed_no_count
        99                      => -              | unknown
    """)


def test_radiation_sequence_9_is_not_no_radiation(says: Says) -> None:
    says("""
        RX_SUMM_SURGRAD_SEQ => radiation_surgery_sequence
        0                   => none_or_not_applicable
        3                   => after
        9                   => sequence_unknown
    """)


def test_collaborative_stage_metastases_42_44_and_60_are_metastases(says: Says) -> None:
    """The generic label script knows 00, 10, 40, 50 and 99 only."""
    says("""
        CS_METS_AT_DX => cs_mets_at_dx
        00            => none
        05            => itc
        07            => itc
        10            => distant_nodes
        40            => distant
        42            => distant
        44            => distant
        50            => distant_nodes_and_other
        60            => distant
        99            => unknown
        _             => blank
        12            => unmapped
    """)


def test_isolated_tumour_cells_are_not_m1(says: Says) -> None:
    """``c0I+`` holds a 1 for whoever looks for the letter I; it is M0."""
    says("""
        TNM_CLIN_M | AJCC_TNM_CLIN_M | TNM_PATH_M | AJCC_TNM_PATH_M => clinical_m     | pathologic_m
        c0         | _               | _          | _               => m0             | blank
        c0I+       | _               | p0I+       | _               => m0_itc         | m0_itc
        c1         | _               | 88         | _               => m1             | not_applicable
        cX         | _               | pX         | _               => mx             | mx
        _          | cM0(i+)         | _          | cM0             => m0_itc         | m0
        _          | cM1             | _          | pM1             => m1             | m1
        88         | _               | p1         | _               => not_applicable | m1
        c7         | _               | _          | _               => unmapped       | blank
    """)


def test_releases_to_2014_have_no_prefix_in_m(says: Says) -> None:
    says("TNM_CLIN_M => clinical_m\n1 => m1\n0I+ => m0_itc\nX => mx", release="2013")


def test_padding_on_either_side_is_no_part_of_a_value(stage: Stage) -> None:
    staged = stage(
        {"TNM_CLIN_M": ["   c1", "     "], "AJCC_TNM_CLIN_M": ["               ", "cM0(i+)        "]}
    )
    assert staged["clinical_m"].to_list() == ["m1", "m0_itc"]
    assert stage({"TNM_CLIN_T": ["   c2"], "INSURANCE_STATUS": [" 1"]}).select("clinical_t", "payer").row(
        0
    ) == (
        "c2",
        "private",
    )


def test_stage_groups_are_text_and_letters_survive(says: Says) -> None:
    """Cast to an integer, 2A is null."""
    says("""
        TNM_CLIN_STAGE_GROUP | AJCC_TNM_CLIN_STG_GRP | ANALYTIC_STAGE_GROUP => clinical_stage_group | analytic_stage_group
        2A                   | _                     | 2                    => 2                    | 2
        4                    | _                     | 4                    => 4                    | 4
        _                    | 4                     | 4                    => 4                    | 4
        _                    | 1A                    | 1                    => 1                    | 1
        88                   | _                     | 8                    => not_applicable       | not_applicable
        99                   | _                     | 9                    => unknown              | unknown
        OC                   | _                     | 5                    => occult               | occult
    """)  # noqa: E501  # a drawn table is as wide as its columns


def test_factor_010_and_030_mean_what_their_factor_says(says: Says) -> None:
    says("""
        CS_SITESPECIFIC_FACTOR_1 | CS_SITESPECIFIC_FACTOR_8 | CS_SITESPECIFIC_FACTOR_9 | CS_SITESPECIFIC_FACTOR_15 | CS_SITESPECIFIC_FACTOR_16 => er_ssf1        | her2_ihc_score_ssf8 | her2_ihc_ssf9  | her2_ssf15     | receptors_ssf16
        010                      | 010                      | 010                      | 010                       | 010                       => positive       | 1+                  | positive       | positive       | hr_pos_her2_neg
        020                      | 020                      | 020                      | 020                       | 000                       => negative       | 2+                  | negative       | negative       | triple_negative
        030                      | 030                      | 030                      | 030                       | 001                       => borderline     | 3+                  | borderline     | borderline     | hr_neg_her2_pos
        000                      | 000                      | 998                      | 999                       | 999                       => unknown        | 0                   | unknown        | unknown        | unknown
        988                      | 988                      | 988                      | 988                       | 988                       => not_applicable | not_applicable      | not_applicable | not_applicable | not_applicable
    """)  # noqa: E501  # a drawn table is as wide as its columns


def test_her2_of_2018_on_folds_equivocal_into_negative(says: Says) -> None:
    says("""
        HER2_OVERALL_SUMM | ER_SUMMARY => her2_summary_2018     | er_summary
        0                 | 0          => negative_or_equivocal | negative
        1                 | 1          => positive              | positive
        7                 | 7          => unknown               | unknown
        9                 | 9          => unknown               | unknown
    """)


def test_vital_status_0_is_dead(says: Says) -> None:
    """Everywhere else 1 is the event."""
    says("PUF_VITAL_STATUS => vital_status\n0 => dead\n1 => alive\n_ => blank")


def test_medicaid_code_2_is_early_in_2016(says: Says) -> None:
    says("MEDICAID_EXPN_CODE => medicaid_expansion\n2 => early\n3 => late\n9 => withheld", release="2016")


def test_medicaid_code_2_is_late_in_2022(says: Says) -> None:
    says(
        "PUF_MEDICAID_EXPN_CODE => medicaid_expansion\n1 => january_2014\n2 => late\n9 => withheld",
        release="2022",
    )


def test_comorbidity_3_is_3_or_more_not_unknown(says: Says) -> None:
    says("CDCC_TOTAL_BEST => charlson_deyo\n0 => 0\n1 => 1\n2 => 2_or_more\n3 => 2_or_more")


def test_the_2013_release_calls_comorbidity_by_its_old_name(says: Says) -> None:
    says("CDCC_TOTAL => charlson_deyo\n2 => 2_or_more", release="2013")


def test_age_090_is_a_top_code(says: Says) -> None:
    """It is stored 090, never "90+"."""
    says("""
        AGE => age_years | age_top_coded
        045 => 45        | false
        090 => 90        | true
        999 => -         | -
        _   => -         | -
    """)


def test_days_have_three_states_of_not_being_there(says: Says) -> None:
    says("""
        DX_DEFSURG_STARTED_DAYS | DX_SURG_STARTED_DAYS => days_to_definitive_surgery | days_to_definitive_surgery_status | days_to_surgery
        45                      | 12                   => 45                         | recorded                          | 12
        0                       | 0                    => 0                          | recorded                          | 0
        _                       | _                    => -                          | blank                             | -
        8888                    | 8888                 => -                          | not_applicable                    | -
        9999                    | 9999                 => -                          | unknown                           | -
    """)  # noqa: E501  # a drawn table is as wide as its columns


def test_survival_months_keep_their_decimals(says: Says) -> None:
    says("""
        DX_LASTCONTACT_DEATH_MONTHS => survival_months | survival_months_status
        12.34                       => 12.34           | recorded
        0                           => 0.0             | recorded
        9999                        => -               | unknown
        _                           => -               | blank
    """)


def test_organ_flags_come_from_two_fields_that_meet_at_2016(says: Says) -> None:
    """Not at 2018: whoever begins there loses two years of metastases."""
    says("""
        YEAR_OF_DIAGNOSIS | CS_METS_DX_BONE | METS_AT_DX_BONE | METS_AT_DX_DISTANT_LN | METS_AT_DX_OTHER => mets_bone | mets_distant_ln | mets_other
        2009              | _               | _               | _                     | _                => blank     | blank           | blank
        2015              | 1               | _               | _                     | _                => yes       | blank           | blank
        2016              | _               | 1               | 0                     | 2                => yes       | no              | generalized
        2017              | _               | 0               | 1                     | 1                => no        | yes             | yes
        2017              | _               | 9               | 8                     | 9                => unknown   | not_applicable  | unknown
    """)  # noqa: E501  # a drawn table is as wide as its columns


def test_size_codes_above_989_stay_codes_and_short_ones_get_their_zeros(says: Says) -> None:
    says(
        """
        TUMOR_SIZE | TUMOR_SIZE_SUMMARY => tumor_size_code | tumor_size_summary_code
        25         | _                  => 025             | blank
        990        | _                  => 990             | blank
        _          | 018                => blank           | 018
        """,
        release="2016",
    )


def test_grades_of_2018_on_may_be_letters(says: Says) -> None:
    says("""
        GRADE | GRADE_CLIN | GRADE_PATH => grade   | grade_clinical | grade_pathologic
        2     | _          | _          => moderate | blank         | blank
        _     | 3          | L          => blank   | poor           | well
        _     | B          | 9          => blank   | moderate       | unknown
    """)


def test_oncotype_is_factor_23_only_where_factor_22_says_so(says: Says) -> None:
    says("""
        CS_SITESPECIFIC_FACTOR_22 | CS_SITESPECIFIC_FACTOR_23 | ONCOTYPE_SCORE_INV => oncotype_code
        010                       | 018                       | _                  => 018
        020                       | 200                       | _                  => blank
        _                         | _                         | 021                => 021
    """)


def test_chemotherapy_reasons_for_no_are_not_given_and_88_is_not_no(says: Says) -> None:
    says("""
        RX_SUMM_CHEMO | RX_SUMM_HORMONE | RX_SUMM_IMMUNOTHERAPY => chemo               | hormone         | immuno
        00            | 00              | 00                    => none                | none            | none
        03            | 01              | 01                    => given               | given           | given
        82            | 85              | 87                    => contraindicated     | died            | refused
        86            | 88              | 99                    => recommended_not_given | recommended_unknown | unknown
        01            | 02              | _                     => given               | unmapped        | blank
    """)


def test_radiation_of_both_eras(says: Says) -> None:
    says(
        "RX_SUMM_RADIATION | PHASE_I_RT_MODALITY => radiation_summary | radiation_modality\n"
        "1 | - => given | -\n0 | - => none | -\n9 | - => unknown | -",
        release="2016",
    )
    says(
        "RX_SUMM_RADIATION | PHASE_I_RT_MODALITY => radiation_summary | radiation_modality\n"
        "- | 02 => - | given\n- | 00 => - | none\n- | 98 => - | given\n- | 99 => - | unknown\n- | _ => - | blank",
        release="2022",
    )


def test_the_node_operation_is_named_from_2012_and_any_or_none_before(says: Says) -> None:
    says("""
        RX_SUMM_SCOPE_REG_LN_2012 | RX_SUMM_SCOPE_REG_LN_SUR => scope_reg_ln
        2                         | 1                        => sentinel
        6                         | 1                        => sentinel_and_dissection
        _                         | 1                        => any
        _                         | 0                        => none
        _                         | _                        => blank
    """)


def test_race_and_origin(says: Says) -> None:
    says("""
        RACE | SPANISH_HISPANIC_ORIGIN => race                          | hispanic
        01   | 0                       => white                         | non_hispanic
        1    | 8                       => white                         | hispanic
        02   | 7                       => black                         | surname_only
        03   | 9                       => american_indian_alaska_native | unknown
        97   | 1                       => asian_pacific_islander        | hispanic
        98   | 0                       => other                         | non_hispanic
        99   | 0                       => unknown                       | non_hispanic
    """)


def test_quartiles_are_one_column_per_vintage_under_the_names_of_the_release(says: Says) -> None:
    says(
        "MED_INC_QUAR_12 | MED_INC_QUAR_16 | NO_HSD_QUAR_16 => income_quartile_2012 | income_quartile_2016 "
        "| education_quartile_2016 | income_quartile_2020\n1 | 4 | 1 => q1 | q4 | q1 | -",
        release="2016",
    )


def test_codes_that_no_table_knows_are_counted_by_name(stage: Stage, con: duckdb.DuckDBPyConnection) -> None:
    stage({"REASON_FOR_NO_SURGERY": ["3", "3", "7", " "], "RX_SUMM_SURG_PRIM_SITE": ["41", "42", "98", "00"]})
    assert unmapped_codes(con, "ncdb").rows() == [
        ("REASON_FOR_NO_SURGERY", "reason_no_surgery", "3", 2),
        ("RX_SUMM_SURG_PRIM_SITE", "surgery_breast_to_2022", "98", 1),
    ]


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("select 'x' as source_file, 1::bigint as source_record, 'y' as er_makrer", "er_makrer varchar"),
        ("select 'x' as source_file, 1::bigint as source_record, '45' as age_years", "expected integer"),
    ],
)
def test_a_staging_select_that_does_not_keep_to_the_list_is_an_error(
    con: duckdb.DuckDBPyConnection, select: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        register_staged(con, select)


def test_between_2016_and_2020_nobody_knows_which_expansion_code_two_is(says: Says) -> None:
    """0, 1 and 9 mean the same before and after; 2 and 3 do not, and the layouts between were never seen."""
    says(
        """
        MEDICAID_EXPN_CODE => medicaid_expansion
        0                  => not_expanded
        1                  => january_2014
        2                  => unmapped
        3                  => unmapped
        9                  => withheld
        """,
        release="2018",
    )


def test_factors_whose_first_zero_a_spreadsheet_took_mean_the_same(says: Says) -> None:
    says("""
        CS_SITESPECIFIC_FACTOR_1 | CS_SITESPECIFIC_FACTOR_8 | CS_SITESPECIFIC_FACTOR_22 | CS_SITESPECIFIC_FACTOR_23 => er_ssf1 | her2_ihc_score_ssf8 | oncotype_code
        10                       | 30                       | 10                        | 21                        => positive | 3+                 | 021
        010                      | 030                      | 010                       | 021                       => positive | 3+                 | 021
    """)  # noqa: E501  # a drawn table is as wide as its columns
