# ruff: noqa: E501 (tables are drawn wide)
"""NAACCR records as received, in; staged words, out. Left of ``=>`` received items, right of it staged columns.

``-`` is null (the record type has no such item, or the column has no value), ``_`` is an item that is there and empty.
Flat and XML files give the same columns, so these tests are about both.
"""

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines import codebook
from pipelines.codebook.schemes import TABLES
from pipelines.registry.extract import register_extract, unmapped_codes
from pipelines.registry.staging import STAGED_COLUMNS, register_staged, staged_columns
from pipelines.settings import Settings

Stage = Callable[..., pl.DataFrame]
Says = Callable[..., None]

NOT_IN_NAACCR = {
    # No item, or another source's own derivation; a column that staging forgets would turn up here.
    *(
        "age_band",
        "facility_type",
        "facility_location",
        "distance_miles",
        "charlson_deyo",
        "medicaid_expansion",
    ),
    *(f"{kind}_quartile_{year}" for kind in ("income", "education") for year in (2000, 2012, 2016, 2020)),
    *(
        "analytic_stage_group",
        "stage_ajcc6_adjusted",
        "m_ajcc6_adjusted",
    ),
    *("er_recode", "pr_recode", "her2_recode", "subtype_recode", "surgery_code_breast_2022"),
    "prior_breast_primary",
}


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    """One connection with the codebook for the whole file: registering it takes longer than staging a toy."""
    connection = duckdb.connect()
    codebook.register(connection)
    connection.execute(
        "create table submission_facts as"
        " select 'toy' as submission, 'naaccr' as source, 'v18' as release, null::integer as release_year"
    )
    return connection


@pytest.fixture
def stage(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Stage:
    """Give a function that stages toy tumors of the breast, given by item."""

    def staged(items: dict[str, list[str | None]]) -> pl.DataFrame:
        rows = len(next(iter(items.values())))
        frame = pl.DataFrame(
            {"primarySite": ["C504"] * rows, **items},
            schema={"primarySite": pl.String, **dict.fromkeys(items, pl.String)},
        ).with_columns(source_file=pl.lit("breast.xml"), source_record=pl.int_range(1, rows + 1))
        frame.write_parquet(tmp_path / "naaccr.parquet")
        register_extract(con, [tmp_path / "naaccr.parquet"], dialect="naaccr", release="v18")
        register_staged(con, (Settings().sql_dir / "staging" / "naaccr.sql").read_text(encoding="utf-8"))
        return con.sql("select * from staged order by source_record").pl()

    return staged


@pytest.fixture
def says(stage: Stage) -> Says:
    """Give a function that holds staging to a drawn table."""

    def hold(table: str) -> None:
        lines = [line.strip() for line in table.strip().splitlines()]
        (received, expected), *rows = [
            [[cell.strip() for cell in side.split("|")] for side in line.split("=>")] for line in lines
        ]
        items = {
            name: [{"-": None, "_": ""}.get(left[i], left[i]) for left, _ in rows]
            for i, name in enumerate(received)
        }
        # A column drawn as "-" all the way down is an item that the record type does not have.
        present = {name: cells for name, cells in items.items() if any(cell is not None for cell in cells)}
        staged = stage(present).select(pl.col(expected).cast(pl.String).fill_null("-"))
        assert [list(row) for row in staged.iter_rows()] == [right for _, right in rows]

    return hold


def test_staging_fills_every_column_that_naaccr_has() -> None:
    sql = (Settings().sql_dir / "staging" / "naaccr.sql").read_text(encoding="utf-8")
    filled = {name for name in staged_columns() if f" as {name}\n" in sql or f" as {name}," in sql}
    filled |= {"source", "release", "source_file", "source_record"}
    described = pl.read_csv(STAGED_COLUMNS, infer_schema=False)
    mapped = set(described.filter(pl.col("meaning").str.starts_with("Mapped sources"))["column"])
    assert set(staged_columns()) - filled - mapped == NOT_IN_NAACCR
    assert filled & mapped == set()


def test_an_item_with_a_list_for_each_site_is_read_and_counted_for_the_breast_alone() -> None:
    """What staging does not read must not be counted as unmapped, and the other way round."""
    sql = (Settings().sql_dir / "staging" / "naaccr.sql").read_text(encoding="utf-8")
    kept = set(re.findall(r'if\(of_breast, "(\w+)", null\) as "\1"', sql))
    fields = codebook.field_schemes().filter(pl.col("source") == "naaccr", pl.col("scope").is_not_null())
    assert set(fields["field"]) == kept
    assert fields["scope"].unique().to_list() == ["\"primarySite\" like 'C50%'"]


def test_every_item_that_staging_reads_is_in_the_item_table() -> None:
    """A renamed id (seerMets, progesteroneReceptorSummary) would be an item that no file ever has."""
    items = pl.read_csv(TABLES / "naaccr_items.csv", infer_schema=False)
    fields = codebook.field_schemes().filter(pl.col("source") == "naaccr")
    assert set(fields["field"]) - set(items["id"]) == set()
    number = dict(items.select("id", "number").iter_rows())
    assert [
        note for field, note in fields.select("field", "note").iter_rows() if number[field] not in note
    ] == []


def test_no_date_leaves_staging(stage: Stage) -> None:
    """Every date that staging reads holds one day that could be found again: it must not be."""
    dates = [name for name in codebook.canonical_fields("naaccr") if "ate" in name and "Flag" not in name]
    dates = [name for name in dates if name.startswith(("date", "rxDate", "recurrenceDate"))]
    assert len(dates) >= 12
    staged = stage({name: ["20170613"] for name in dates}).row(0, named=True)
    assert staged["year_of_diagnosis"] == 2017
    held = [
        name
        for name, value in staged.items()
        if isinstance(value, str) and ("0613" in value or "06-13" in value)
    ]
    assert held == []


def test_a_person_is_known_by_the_registry_s_number_else_by_the_hospital_s(says: Says) -> None:
    """Two registries use the same numbers; a hospital file has none or zeros in the registry's item."""
    says("""
        registryId | patientIdNumber | reportingFacility | patientSystemIdHosp | accessionNumberHosp | tumorRecordNumber | sequenceNumberCentral => patient_key          | tumor_key               | record_number
        0000001520 | 00000007        | 0006000001        | 00000001            | 201500123           | 01                | 00                    => 0000001520:00000007  | 0000001520:00000007:01  | 1
        0000001521 | 00000007        | 0006000001        | 00000001            | 201500123           | 02                | 02                    => 0000001521:00000007  | 0000001521:00000007:02  | 2
        _          | 00000000        | 0006000001        | 00000001            | 201500123           | _                 | 01                    => facility:0006000001:00000001 | facility:0006000001:00000001:sequence 01 | -
        _          | _               | 0006000001        | _                   | 201500123           | _                 | _                     => accession:0006000001:201500123 | accession:0006000001:201500123:#4 | -
        _          | _               | _                 | _                   | _                   | _                 | _                     => breast.xml#5         | breast.xml#5:#5         | -
    """)


def test_the_central_sequence_comes_before_the_hospital_s(says: Says) -> None:
    says("""
        sequenceNumberCentral | sequenceNumberHospital => sequence_number
        02                    | 00                     => 02
        _                     | 01                     => 01
        _                     | _                      => blank
    """)


def test_version_26_has_sex_assigned_at_birth_in_place_of_sex(says: Says) -> None:
    says("""
        sexAssignedAtBirth => sex
        2                  => female
        1                  => male
        9                  => unknown
    """)
    says("""
        sex | sexAssignedAtBirth => sex
        2   | _                  => female
        _   | 2                  => female
        _   | _                  => blank
        5   | -                  => other
    """)


def test_laterality_1_is_right_and_2_is_left(says: Says) -> None:
    says("""
        laterality => laterality
        1          => right
        2          => left
        4          => bilateral
        7          => unmapped
    """)


def test_year_comes_from_whole_and_partial_dates(says: Says) -> None:
    says("""
        dateOfDiagnosis => year_of_diagnosis
        20150613        => 2015
        201506          => 2015
        2015            => 2015
        20159999        => 2015
        99999999        => -
        _               => -
    """)


def test_payer_and_marital_status_are_the_naaccr_codes_and_not_the_ncdb_s(says: Says) -> None:
    """In the NCDB 01 is private insurance; in NAACCR it is none."""
    says("""
        primaryPayerAtDx | maritalStatusAtDx => payer            | marital_status
        01               | 2                 => none             | married
        20               | 6                 => private          | partner
        64               | 9                 => medicare         | unknown
        67               | _                 => other_government | blank
        03               | 7                 => unmapped         | unmapped
    """)


def test_rurality_is_of_the_newest_vintage_that_is_filled(says: Says) -> None:
    says("""
        ruralurbanContinuum2013 | ruralurbanContinuum2003 => rurality
        01                      | 09                      => metro
        _                       | 09                      => rural
        99                      | 01                      => unknown
    """)


def test_item_970_is_the_clinical_stage_group(says: Says) -> None:
    """970 is its number and, in versions 12 to 16, its column; in version 18 it begins at column 1077."""
    says("""
        tnmClinStageGroup | tnmPathStageGroup | ajccTnmClinStageGroup | ajccTnmPathStageGroup => clinical_stage_group | pathologic_stage_group
        4                 | 2A                | _                     | _                     => 4                    | 2
        _                 | _                 | 1B                    | 4                     => 1                    | 4
        88                | 99                | _                     | _                     => not_applicable       | unknown
        _                 | _                 | _                     | _                     => blank                | blank
    """)


def test_the_post_therapy_stage_is_no_third_stage(says: Says) -> None:
    """1024 is the stage after neoadjuvant therapy: a woman in stage IV whose tumor is gone is still in stage IV."""
    says("""
        ajccTnmClinStageGroup | ajccTnmPathStageGroup | ajccTnmPostTherapyStageGroup => clinical_stage_group | pathologic_stage_group
        4                     | _                     | 0                            => 4                    | blank
        _                     | _                     | 1A                           => blank                | blank
    """)


def test_before_2018_a_descriptor_says_that_the_pathologic_stage_came_after_therapy(says: Says) -> None:
    says("""
        tnmPathDescriptor | tnmPathStageGroup => pathologic_after_therapy | pathologic_stage_group
        0                 | 2A                => no                       | 2
        4                 | 1A                => yes                      | 1
        6                 | 1A                => yes                      | 1
        _                 | 1A                => blank                    | 1
    """)


def test_m_categories_of_every_edition(says: Says) -> None:
    """To 2015 ``0`` and ``1``; from 2016 ``c1`` and ``p1``; from 2018 AJCC text. Blank and 88 are never M0."""
    says("""
        tnmClinM | tnmPathM | ajccTnmClinM | ajccTnmPathM => clinical_m     | pathologic_m
        0        | 1        | _            | _            => m0             | m1
        c0I+     | p1       | _            | _            => m0_itc         | m1
        c1       | c1       | _            | _            => m1             | m1
        _        | _        | cM0(i+)      | pM1          => m0_itc         | m1
        88       | _        | _            | _            => not_applicable | blank
        _        | _        | 88           | cM1          => not_applicable | m1
    """)


def test_derived_groups_are_storage_codes_of_their_own(says: Says) -> None:
    """70 to 74 is stage IV in the 6th edition and 700 to 740 in the 7th; 88, 888 and 900 are no stages."""
    says("""
        derivedAjcc6StageGrp | derivedAjcc7StageGrp | derivedSeerCmbStgGrp | derivedEod2018StageGroup => stage_ajcc6_derived | stage_ajcc7_derived | stage_combined_2016 | stage_eod_2018
        70                   | 700                  | 4                    | 4                        => 4                   | 4                   | 4                   | 4
        72                   | 722                  | 2A                   | 1B                       => 4                   | 4                   | 2                   | 1
        10                   | 120                  | 99                   | 88                       => 1                   | 1                   | unknown             | not_applicable
        02                   | 020                  | OC                   | 0                        => 0                   | 0                   | occult              | 0
        88                   | 888                  | 88                   | 99                       => not_applicable      | not_applicable      | not_applicable      | unknown
        90                   | 900                  | 90                   | _                        => occult              | occult              | unknown             | blank
    """)


def test_derived_m_t_and_n(says: Says) -> None:
    says("""
        derivedAjcc6M | derivedAjcc7M | derivedSeerCombinedM | derivedEod2018M | derivedAjcc7T | derivedAjcc7N | derivedEod2018T => m_ajcc6_derived | m_ajcc7_derived | m_combined_2016 | m_eod_2018     | derived_t | derived_n
        10            | 100           | c1                   | M1              | 180           | 030           | _               => m1              | m1              | m1              | m1             | T1c       | N0(mol-)
        00            | 010           | c0I+                 | M0(i+)          | 999           | 999           | T4d             => m0              | m0_itc          | m0_itc          | m0_itc         | T4d       | NX
        99            | 999           | 88                   | 88              | _             | _             | _               => mx              | mx              | not_applicable  | not_applicable | blank     | blank
    """)


def test_isolated_tumor_cells_are_not_metastasis(says: Says) -> None:
    """CS 05 and 07 and EOD 05 are M0(i+). EOD 00 includes unknown: it is none here, and the registry flags it."""
    says("""
        csMetsAtDx | eodMets => cs_mets_at_dx          | eod_mets
        00         | _       => none                   | blank
        05         | _       => itc                    | blank
        07         | _       => itc                    | blank
        10         | _       => distant_nodes          | blank
        44         | _       => distant                | blank
        50         | _       => distant_nodes_and_other | blank
        99         | _       => unknown                | blank
        _          | 00      => blank                  | none
        _          | 05      => blank                  | itc
        _          | 10      => blank                  | distant
        _          | 70      => blank                  | distant
        _          | 99      => blank                  | death_certificate
    """)


def test_organ_flags_have_one_item_to_2015_and_another_from_2016(says: Says) -> None:
    """Version 14 and earlier have no items 1112 to 1117 at all: no flag for nodes, and nothing is no."""
    says("""
        csMetsAtDxBone | metsAtDxBone | metsAtDxDistantLn | metsAtDxOther => mets_bone | mets_distant_ln | mets_other
        1              | _            | _                 | _             => yes       | blank           | blank
        _              | 1            | 0                 | 2             => yes       | no              | generalized
        _              | 8            | 9                 | 1             => not_applicable | unknown    | yes
        _              | _            | _                 | _             => blank     | blank           | blank
    """)
    says("""
        csMetsAtDxLiver | metsAtDxLiver => mets_liver | mets_distant_ln
        1               | -             => yes        | -
        _               | -             => blank      | -
    """)


def test_receptors_have_three_eras(says: Says) -> None:
    """Item 3855 code 0 is negative or equivocal; 010 is positive in factors 1, 2, 15 and a combination in 16."""
    says("""
        tumorMarker1 | csSiteSpecificFactor1 | estrogenReceptorSummary | progesteroneRecepSummary | csSiteSpecificFactor15 | csSiteSpecificFactor16 | her2OverallSummary => er_marker | er_ssf1  | er_summary | pr_summary | her2_ssf15 | receptors_ssf16 | her2_summary_2018
        1            | _                     | _                       | _                        | _                      | _                      | _                  => positive  | blank    | blank      | blank      | blank      | blank           | blank
        0            | 010                   | _                       | _                        | 010                    | 010                    | _                  => unknown   | positive | blank      | blank      | positive   | hr_pos_her2_neg | blank
        _            | 998                   | 0                       | 7                        | 030                    | 111                    | 0                  => blank     | unknown  | negative   | unknown    | borderline | hr_pos_her2_pos | negative_or_equivocal
    """)


def test_an_oncotype_score_is_taken_where_the_assay_is_oncotype(says: Says) -> None:
    says("""
        csSiteSpecificFactor22 | csSiteSpecificFactor23 | oncotypeDxRecurrenceScoreInvasiv => oncotype_code
        010                    | 018                    | _                                => 018
        020                    | 018                    | _                                => blank
        _                      | _                      | 007                              => 007
        _                      | _                      | XX4                              => XX4
    """)


def test_what_a_site_s_own_list_says_of_another_cancer_is_not_read(stage: Stage) -> None:
    """010 in factor 1 of the colon is a raised CEA: read as breast, it would be an estrogen receptor."""
    staged = stage(
        {
            "primarySite": ["C187", "C504"],
            "csSiteSpecificFactor1": ["010", "010"],
            "csMetsAtDx": ["26", "10"],
            "rxSummSurgPrimSite": ["32", "41"],
            "ajccTnmClinM": ["cM1c(1)", "cM1"],
        }
    )
    assert staged["er_ssf1"].to_list() == [None, "positive"]
    assert staged["cs_mets_at_dx"].to_list() == [None, "distant_nodes"]
    assert staged["surgery_code_to_2022"].to_list() == [None, "41"]
    assert staged["clinical_m"].to_list() == [None, "m1"]


def test_a_code_of_another_site_s_list_is_no_unmapped_code(
    stage: Stage, con: duckdb.DuckDBPyConnection
) -> None:
    stage({"primarySite": ["C187", "C504"], "csMetsAtDx": ["26", "26"], "laterality": ["7", "1"]})
    assert unmapped_codes(con, "naaccr").select("field", "code", "n").rows() == [
        ("csMetsAtDx", "26", 1),
        ("laterality", "7", 1),
    ]


def test_surgery_is_item_1291_from_2023_and_1290_is_then_empty(says: Says) -> None:
    """A codes in 2023, B codes from 2024, and A6xx in the reconstruction item is no surgery."""
    says("""
        dateOfDiagnosis | rxSummSurgPrimSite | rxSummSurgPrimSite2023 | rxSummReconBreast => surgery_code_to_2022 | surgery_code_2023 | reconstruction_code
        20220105        | 41                 | _                      | _                 => 41                   | blank             | blank
        20230105        | _                  | A200                   | _                 => blank                | A200              | blank
        20240105        | _                  | B600                   | A610              => blank                | B600              | A610
    """)


def test_older_surgery_items(says: Says) -> None:
    """1640 before 1998 has no code table here. 1646 (1998 to 2002) has another list, in which 50 is radical: not read."""
    says("""
        dateOfDiagnosis | rxSummSurgPrimSite | rxSummSurgSite9802 | rxSummSurgeryType => surgery_code_to_2022 | surgery_code_pre_1998
        20000105        | _                  | 50                 | _                 => blank                | blank
        20010105        | 41                 | 50                 | _                 => 41                   | blank
        19950105        | _                  | _                  | 38                => blank                | 38
    """)


def test_who_came_after_her_first_treatment_is_watched_from_then_on(says: Says) -> None:
    """Class of case 30 to 49: she is in the hospital's file because she lived to come (item 580)."""
    says("""
        classOfCase | dateOfDiagnosis | dateOf1stContact => entry_months
        14          | 20100101        | 20100301         => 0.0
        _           | 20100101        | 20150601         => 0.0
        32          | 20100101        | 20150601         => 64.952772
        32          | 20100101        | _                => -
    """)


def test_icd_9_has_v_codes_and_zeros_are_none_only_alone(says: Says) -> None:
    says("""
        icdRevisionComorbid | comorbidComplication1 | secondaryDiagnosis1 => comorbidity_icd9 | comorbidity_icd10
        9                   | V4510                 | _                   => V4510            | blank
        1                   | I5090                 | 0000000             => blank            | I5090
        _                   | 00000                 | 0000000             => none             | none
    """)


def test_drug_codes_82_to_88_are_reasons_and_never_given(says: Says) -> None:
    says("""
        rxSummChemo | rxSummHormone | rxSummBrm => chemo                 | hormone         | immuno
        00          | 00            | 00        => none                  | none            | none
        01          | 01            | 01        => given                 | given           | given
        03          | 02            | 87        => given                 | unmapped        | refused
        82          | 85            | 86        => contraindicated       | died            | recommended_not_given
        88          | 88            | 99        => recommended_unknown   | recommended_unknown | unknown
    """)


def test_radiation_7_is_refused_and_8_was_only_planned(says: Says) -> None:
    says("""
        rxSummRadiation | phase1RadiationTreatmentModality | phase2RadiationTreatmentModality | phase1RadiationPrimaryTxVolume => radiation_summary   | radiation_modality | radiation_volume
        1               | _                                | _                                | _                              => given               | blank              | blank
        7               | _                                | _                                | _                              => refused             | blank              | blank
        8               | _                                | _                                | _                              => recommended_unknown | blank              | blank
        _               | 02                               | 00                               | 40                             => blank               | given              | breast
        _               | 99                               | 02                               | 42                             => blank               | given              | chest_wall
        _               | 00                               | _                                | 00                             => blank               | none               | none
    """)


def test_vital_status_0_and_4_are_dead_and_1_is_alive(says: Says) -> None:
    """SEER wrote 4 to version 16, CoC 0. Read the SEER way round, every CoC death is an error code."""
    says("""
        vitalStatus => vital_status
        0           => dead
        1           => alive
        4           => dead
        _           => blank
        2           => unmapped
    """)


def test_survival_is_exact_between_complete_dates_and_whole_months_without_a_day(says: Says) -> None:
    """365 days are 11.99 months of 30.4375 days. A missing day leaves whole months and says so in SEER's words."""
    says("""
        dateOfDiagnosis | dateOfLastContact => survival_months    | survival_months_status | survival_flag
        20150613        | 20160612          => 11.991786          | recorded               | complete
        20150613        | 20150613          => 0.0                | recorded               | complete_zero_days
        20150613        | 201606            => 12.0               | month_precision        | incomplete_not_zero
        201506          | 201506            => 0.0                | month_precision        | could_be_zero
        201506          | 20160530          => 11.0               | month_precision        | incomplete_not_zero
        2015            | 20160612          => -                  | partial_date           | unknown
        20150613        | 2016              => -                  | partial_date           | unknown
        20150613        | _                 => -                  | blank                  | unknown
        20150613        | 20150230          => -                  | unknown                | unknown
        20150613        | 20140613          => -                  | negative_interval      | unknown
    """)


def test_the_registry_s_own_months_stand_in_where_its_dates_have_no_month(says: Says) -> None:
    """Item 1784 with its flag; 9999 is unknown, and flag 8 (death certificate or autopsy only) has no survival.

    The months end at the registry's cutoff: who was alive there (1762) and died later did not die at these months.
    """
    says("""
        dateOfDiagnosis | dateOfLastContact | vitalStatus | vitalStatusRecode | survMosActiveFollowup | survFlagActiveFollowup => survival_months | survival_months_status | survival_flag
        2015            | 20160612          | 0           | 0                 | 0011                  | 3                      => 11.0            | recorded               | incomplete_not_zero
        2015            | 20160612          | 0           | 1                 | 0011                  | 3                      => -               | partial_date           | unknown
        2015            | 20160612          | 0           | _                 | 0011                  | 3                      => -               | partial_date           | unknown
        2015            | 20160612          | 1           | 1                 | 9999                  | 9                      => -               | partial_date           | unknown
        20150613        | 20150713          | 1           | 1                 | 0099                  | 1                      => 0.985626 | recorded            | complete
        20150613        | 20140613          | 1           | 1                 | 0011                  | 1                      => -               | negative_interval      | unknown
        20150613        | 20150613          | 0           | 0                 | _                     | 8                      => 0.0             | recorded               | not_calculated
    """)


def test_days_exist_only_between_complete_dates(says: Says) -> None:
    """A day is never guessed. To version 22 a flag says why a date is empty; from version 23 there is none."""
    says("""
        dateOfDiagnosis | rxDateMostDefinSurg | rxDateMostDefinSurgFlag => days_to_definitive_surgery | days_to_definitive_surgery_status
        20150613        | 20150713            | _                       => 30                         | recorded
        20150613        | 201507              | _                       => -                          | partial_date
        201506          | 20150713            | _                       => -                          | partial_date
        20150613        | _                   | 11                      => -                          | not_applicable
        20150613        | _                   | 12                      => -                          | unknown
        20150613        | _                   | 10                      => -                          | unknown
        20150613        | _                   | _                       => -                          | blank
        20150613        | 99999999            | _                       => -                          | unknown
        20150613        | 20150603            | _                       => -                          | unknown
    """)
    says("""
        dateOfDiagnosis | rxDateChemo | rxDateSurgery | rxDateBrm => days_to_chemotherapy | days_to_chemotherapy_status | days_to_surgery | days_to_immunotherapy_status
        20230613        | 20230701    | 20230620      | -         => 18                   | recorded                    | 7               | -
        20230613        | _           | _             | -         => -                    | blank                       | -               | -
    """)


def test_first_treatment_is_seer_s_date_else_the_hospital_s(says: Says) -> None:
    says("""
        dateOfDiagnosis | dateInitialRxSeer | date1stCrsRxCoc => days_to_treatment | days_to_treatment_status
        20150613        | 20150620          | 20150621        => 7                 | recorded
        20150613        | _                 | 20150621        => 8                 | recorded
        20150613        | 2015              | 20150621        => 8                 | recorded
        20150613        | 2015              | _               => -                 | partial_date
        20150613        | _                 | _               => -                 | blank
    """)


def test_deaths_after_surgery_are_counted_from_the_dates(says: Says) -> None:
    says("""
        vitalStatus | rxDateMostDefinSurg | dateOfLastContact => died_30_days | died_90_days
        0           | 20150601            | 20150615          => yes          | yes
        0           | 20150601            | 20150801          => no           | yes
        1           | 20150601            | 20150615          => unknown      | unknown
        1           | 20150601            | 20160615          => no           | no
        0           | 201506              | 20150615          => unknown      | unknown
        0           | _                   | 20150615          => blank        | blank
        0           | 20150601            | 20150501          => unknown      | unknown
    """)


def test_recurrence_types_of_the_first_recurrence(says: Says) -> None:
    """Local and regional 04 to 36; distant 40 and 51 to 62; 46 follows an in situ tumor; 70 never disease-free."""
    says("""
        recurrenceType1st => recurrence_type
        00                => none
        04                => locoregional
        17                => locoregional
        36                => locoregional
        40                => distant
        46                => distant_after_in_situ
        51                => distant
        59                => distant
        62                => distant
        70                => never_disease_free
        88                => unknown
        99                => unknown
        _                 => blank
        61                => unmapped
    """)


def test_the_interval_to_a_distant_recurrence_is_that_of_a_first_recurrence_which_is_distant(
    says: Says,
) -> None:
    says("""
        dateOfDiagnosis | recurrenceType1st | recurrenceDate1st => months_to_first_recurrence | months_to_distant_recurrence | recurrence_date_status
        20100613        | 55                | 201306            => 36.0                       | 36.0                         | month_precision
        201006          | 46                | 201207            => 25.0                       | 25.0                         | month_precision
        20100613        | 10                | 201306            => 36.0                       | -                            | month_precision
        20100613        | 55                | 2013              => -                          | -                            | partial_date
        20100613        | 55                | _                 => -                          | -                            | blank
        20100613        | 55                | 200901            => -                          | -                            | negative_interval
    """)


def test_cause_of_death_keeps_its_code_and_its_revision(says: Says) -> None:
    says("""
        causeOfDeath | icdRevisionNumber | seerCauseSpecificCod => cause_of_death | cause_of_death_revision | cause_specific
        C509         | 1                 | 1                    => C509           | icd_10                  | dead_of_this_cancer
        c50.9        | 1                 | 0                    => C509           | icd_10                  | alive_or_other
        1749         | 9                 | 9                    => 1749           | icd_9                   | not_first_tumor
        0000         | 0                 | _                    => 0000           | none                    | blank
        _            | _                 | 8                    => blank          | blank                   | missing_cause
    """)


def test_comorbidities_are_lists_of_codes_of_two_revisions(says: Says) -> None:
    """Item 3165 says the revision of 3110 to 3164; 3780 to 3798 are ICD-10-CM. All zeros say that there is none."""
    says("""
        comorbidComplication1 | icdRevisionComorbid | secondaryDiagnosis1 => comorbidity_icd9 | comorbidity_icd10
        25000                 | 9                   | _                   => 25000            | blank
        00000                 | 0                   | _                   => none             | blank
        _                     | _                   | E119                => blank            | E119
        I509                  | 1                   | _                   => blank            | I509
        _                     | _                   | 0000000             => blank            | none
        _                     | _                   | _                   => blank            | blank
    """)
    says("""
        sex => comorbidity_icd9 | comorbidity_icd10
        2   => -                | -
    """)


def test_all_ten_comorbidities_are_read(stage: Stage) -> None:
    codes = {f"comorbidComplication{i}": [f"40{i - 1}.1" if i < 10 else "4280"] for i in range(1, 11)}
    staged = stage({**codes, "icdRevisionComorbid": ["9"], "secondaryDiagnosis10": ["E11.9"]})
    assert staged["comorbidity_icd9"][0].split("|") == [*(f"40{i}1" for i in range(9)), "4280"]
    assert staged["comorbidity_icd10"].to_list() == ["E119"]
