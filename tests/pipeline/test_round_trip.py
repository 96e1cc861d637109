"""Synthetic patients, written in every registry format and read back, are the same patients column by column.

The expectation comes from the world (`canonical_table`), which knows nothing of a format's codes: a code table that
is wrong in the writer or in the reader shows here. What a format cannot hold, `ascertainment` says, and why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from pipelines import steps
from pipelines.settings import Settings
from pipelines.store import Home, Submission
from pipelines.synthetic import WorldSettings, canonical_table, write_extract
from pipelines.synthetic.formats import WORLD_FORMATS

ROWS, SEED = 400, 8
WORLD = WorldSettings(stage_iv_share=0.4)
KEYS = ["source_file", "source_record"]
MONTHS = 1e-5  # a sixth decimal may round up on one side and down on the other


def names(text: str) -> list[str]:
    """Column names, several to a line."""
    return text.split()


ALWAYS = names("""
source patient_id tumor_id sequence_number prior_cancer diagnostic_confirmation withheld_follow_up
age_group sex race_ethnicity race hispanic_origin year_of_diagnosis
primary_site laterality histology_icdo3 behavior grade tumor_size_mm tumor_size_status
nodes_positive nodes_positive_status nodes_examined nodes_examined_status
stage_group stage_edition stage_iv stage_iv_any_evidence metastatic_at_diagnosis stage_iv_conflict
stage_iv_rests_on_eod_00 evidence_stage_group evidence_cs_mets evidence_organ_mets tn_basis disease_presentation
er_status er_status_reason pr_status pr_status_reason her2_status her2_status_reason her2_definition
her2_test_status her2_status_filled hr_status breast_subtype breast_subtype_basis breast_subtype_conflict
mets_at_dx_bone mets_at_dx_brain mets_at_dx_liver mets_at_dx_lung mets_at_dx_distant_ln mets_at_dx_other
n_organ_sites any_visceral metastatic_pattern metastatic_pattern_six_organ bone_only_proxy
primary_surgery operated reason_no_surgery bilateral reconstruction surgery_reason_conflict surgery_code
axillary_surgery other_site_surgery
survival_months survival_months_flag entry_months vital_status died
survival_from_metastasis_months entry_from_metastasis_months
""")
HOSPITAL = names("""
facility_id class_of_case age_at_diagnosis_years age_top_coded primary_payer rurality charlson_deyo
clinical_t clinical_n clinical_m pathologic_t pathologic_n pathologic_m stage_iv_clinical
evidence_clinical_m evidence_pathologic_m evidence_clinical_stage evidence_pathologic_stage
her2_conflict oncotype_score oncotype_status
days_to_definitive_surgery days_to_definitive_surgery_status days_to_first_surgery surgical_margin
readmitted_30_days died_within_30_days_of_surgery died_within_90_days_of_surgery
chemotherapy hormone_therapy immunotherapy any_systemic chemotherapy_or_targeted her2_targeted
systemic_surgery_sequence days_to_chemotherapy days_to_hormone_therapy days_to_immunotherapy days_to_systemic
days_to_first_treatment radiation radiation_volume radiation_surgery_sequence radiation_conflict days_to_radiation
""")
POPULATION = names("""
registry record_number prior_breast_primary reporting_source marital_status derived_t derived_n evidence_derived_m
summary_distant stage_iv_ajcc6_derived cause_of_death_group died_of_breast_cancer died_of_other_cause
""")
NCDB = names("""
facility_type facility_location distance_miles surgery_crosswalk_conflict
income_quartile_2000 income_quartile_2012 education_quartile_2000 education_quartile_2012
""")
NCDB_2016 = [*NCDB, "medicaid_expansion", "income_quartile_2016", "education_quartile_2016"]
NCDB_2020 = [*NCDB_2016, "income_quartile_2020", "education_quartile_2020"]
NAACCR = names("""
evidence_eod_mets cause_of_death cause_of_death_revision recurrence_type recurrence_date_status
months_to_first_recurrence months_to_distant_recurrence disease_free_interval_months
""")
SEER = [*POPULATION, "stage_iv_adjusted_ajcc6"]
SEER_AGE = [*SEER, "age_at_diagnosis_years", "age_top_coded", "primary_payer"]
SEER_2022 = [*SEER, "rurality", "evidence_eod_mets", "radiation", "chemotherapy"]
SEER_2024 = names("""
age_at_diagnosis_years age_top_coded days_to_first_treatment radiation_surgery_sequence systemic_surgery_sequence
""")
NSQIP = names("""
source patient_id year_of_surgery age_at_diagnosis_years age_top_coded age_group sex race race_ethnicity
hispanic_origin primary_site behavior primary_surgery operated disseminated_cancer asa_class body_mass_index diabetes
smoker hypertension complication_30_days complication_infectious complication_wound complication_bleeding
complication_respiratory complication_thromboembolic complication_cardiac complication_renal
complication_neurologic died_within_30_days_of_surgery readmitted_30_days reoperation_30_days length_of_stay_days
""")
HELD = {
    "ncdb-2013": [*ALWAYS, *HOSPITAL, *NCDB],
    "ncdb-2016": [*ALWAYS, *HOSPITAL, *NCDB_2016],
    "ncdb-2020": [*ALWAYS, *HOSPITAL, *NCDB_2020],
    "ncdb-2022": [*ALWAYS, *HOSPITAL, *NCDB_2020],
    "ncdb-2023": [*ALWAYS, *HOSPITAL, *NCDB_2020],
    "seerstat-nov2018": [*ALWAYS, *SEER_AGE, "radiation", "chemotherapy"],
    "seerstat-nov2022": [*ALWAYS, *SEER_2022],
    "seerstat-nov2024": [*ALWAYS, *SEER_2022, *SEER_2024],
    "seer-ascii-nov2016": [*ALWAYS, *SEER_AGE],
    "seer-ascii-nov2018": [*ALWAYS, *SEER_AGE],
    "naaccr-flat-v16": [*ALWAYS, *HOSPITAL, *POPULATION, *NAACCR],
    "naaccr-flat-v18": [*ALWAYS, *HOSPITAL, *POPULATION, *NAACCR],
    "naaccr-xml-v18": [*ALWAYS, *HOSPITAL, *POPULATION, *NAACCR],
    "naaccr-xml-v23": [*ALWAYS, *HOSPITAL, *POPULATION, *NAACCR],
    "naaccr-xml-v26": [*ALWAYS, *HOSPITAL, *POPULATION, *NAACCR],
    "mapped-nsqip": NSQIP,
}
"""The columns that each format can hold: every one is compared, for every record."""

FORMS = tuple(WORLD_FORMATS)
REGISTRIES = tuple(form for form in FORMS if not form.startswith("mapped"))
"""Without the operations of NSQIP, which have no diagnosis and no course of treatment."""
ONE_VALUE = {"source", "entry_months", "nodes_examined_status", "radiation_conflict", "breast_subtype_basis"}
"""Columns that say the same of every synthetic record."""


@dataclass(frozen=True)
class Trip:
    """One format, there and back."""

    submission: Submission
    expected: pl.DataFrame

    def table(self, name: str) -> pl.DataFrame:
        """A registry table, ordered by record."""
        return pl.read_parquet(self.submission.registry_table(name))

    @property
    def tumor(self) -> pl.DataFrame:
        """Tumor table with what only the follow_up table has beside it."""
        tumor, follow_up = self.table("tumor"), self.table("follow_up")
        more = [column for column in follow_up.columns if column not in tumor.columns]
        return tumor.join(follow_up.select(*KEYS, *more), on=KEYS, validate="1:1").sort("source_record")


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trip]:
    """Write, load and build a format once, however many tests ask for it."""
    made: dict[str, Trip] = {}

    def travel(form: str) -> Trip:
        if form not in made:
            folder: Path = tmp_path_factory.mktemp(form)
            files = write_extract(WORLD, form, ROWS, SEED, folder / "sent")
            home = Home(folder / "home")
            mapping = WORLD_FORMATS[form]().mapping
            path = Settings().catalog_dir / "mappings" / f"{mapping}.yaml" if mapping else None
            steps.load(home, [*files.extracts, *files.companions], form, mapping=path)
            steps.build(home, form)
            made[form] = Trip(home.building(form), canonical_table(WORLD, form, ROWS, SEED))
        return made[form]

    return travel


def differences(got: pl.DataFrame, expected: pl.DataFrame, columns: list[str]) -> dict[str, list[tuple]]:
    """Pairs of what came back and what was expected that differ, with the years they occur in, by column."""
    found = {}
    for column in columns:
        ours, theirs = got[column], expected[column]
        if ours.dtype.is_float():
            near = (ours - theirs.cast(pl.Float64)).abs() < MONTHS
            same = near.fill_null(False) | (ours.is_null() & theirs.is_null())
        elif ours.dtype.is_integer():
            same = ours.cast(pl.Int64).eq_missing(theirs.cast(pl.Int64))
        else:
            same = ours.eq_missing(theirs)
        if not same.all():
            pairs = pl.DataFrame({"got": ours, "expected": theirs, "year": got["year_of_diagnosis"]})
            found[column] = pairs.filter(~same).unique().sort("year").rows()[:5]
    return found


def test_every_format_is_told_what_it_can_hold():
    assert tuple(HELD) == FORMS


@pytest.mark.parametrize("form", FORMS)
def test_no_record_is_lost_and_no_code_is_unknown(trip, form):
    back = trip(form)
    assert back.tumor.height == ROWS
    (file,) = back.submission.manifest.files
    assert (file.records_read, file.kept, file.quarantined) == (ROWS, ROWS, 0)
    unmapped = pl.read_parquet(back.submission.root / "registry" / "unmapped_codes.parquet")
    assert unmapped.is_empty(), unmapped


@pytest.mark.parametrize("form", FORMS)
def test_every_patient_comes_back_the_same(trip, form):
    back = trip(form)
    helpers = [
        name for name in back.expected.columns if name.startswith(("reason_not_given_", "days_status_"))
    ]
    assert set(back.expected.columns) - {*KEYS, *helpers} == set(HELD[form])
    got = back.tumor
    assert got.select(KEYS).equals(back.expected.select(KEYS))
    assert differences(got, back.expected, HELD[form]) == {}


@pytest.mark.parametrize("form", REGISTRIES)
def test_treatments_come_back_with_their_reasons_and_days(trip, form):
    back = trip(form)
    treatment, expected = back.table("treatment"), back.expected
    for modality in ("chemotherapy", "hormone_therapy", "immunotherapy", "radiation", "other_site_surgery"):
        rows = treatment.filter(modality=modality).sort("source_record")
        assert rows.height == ROWS
        if modality not in expected.columns:
            assert rows["given"].unique().to_list() == ["not_released"]
            continue
        assert rows["given"].equals(expected[modality])
        named = {
            "reason_not_given": f"reason_not_given_{modality}",
            "days_from_diagnosis": f"days_to_{modality}",
            "days_status": f"days_status_{modality}",
        }
        for column, source in named.items():
            if source in expected.columns:
                assert rows[column].cast(pl.String).eq_missing(expected[source].cast(pl.String)).all(), column
    surgery = treatment.filter(modality="primary_surgery").sort("source_record")
    given = expected["primary_surgery"].replace_strict({"none": "no", "unknown": "unknown"}, default="yes")
    assert surgery["given"].equals(given)
    assert surgery["detail"].equals(expected["primary_surgery"])


@pytest.mark.parametrize("form", REGISTRIES)
def test_ascertainment_says_what_the_format_cannot_hold_and_why(trip, form):
    back = trip(form)
    said = {row["variable"]: row for row in back.table("ascertainment").iter_rows(named=True)}
    missing = [
        column for column in back.table("tumor").columns if column not in {*HELD[form], *KEYS, "submission"}
    ]
    assert missing
    unexplained = {
        column: said[column]["status"]
        for column in missing
        if said[column]["status"] in ("recorded", "derived") or not said[column]["reason"]
    }
    assert unexplained == {}
    nothing = pl.col(missing).cast(pl.String).is_in(["not_released", "not_collected", "withheld", "none"])
    answers = back.table("tumor").select(nothing.fill_null(True).all())
    assert [column for column in missing if not answers[column].item()] == []


@pytest.mark.parametrize("form", REGISTRIES)
def test_ascertainment_never_denies_what_came_back(trip, form):
    back = trip(form)
    denied = back.table("ascertainment").filter(pl.col("status").is_in(["not_released", "withheld"]))
    answered = {
        column
        for column in HELD[form]
        if not back.expected[column]
        .cast(pl.String)
        .is_in(["not_released", "not_collected"])
        .fill_null(True)
        .all()
    }
    if not form.startswith(
        "naaccr"
    ):  # without recurrence, whoever is not metastatic at diagnosis has no answer
        answered -= {"disease_presentation"}
    assert sorted(answered & set(denied["variable"])) == []


@pytest.mark.parametrize("form", REGISTRIES)
def test_ascertainment_never_promises_what_no_record_has(trip, form):
    back = trip(form)
    promised = back.table("ascertainment").filter(pl.col("status").is_in(["recorded", "derived"]))
    empty = pl.all().cast(pl.String).is_in(["not_released", "not_collected"]).fill_null(True).all()
    nothing = back.expected.select(empty).row(0, named=True)
    assert [column for column in promised["variable"] if nothing.get(column)] == []


def test_every_compared_column_tells_patients_apart(trip):
    """A column with one value in all formats would compare nothing."""
    dull = [
        column
        for column in {name for held in HELD.values() for name in held} - ONE_VALUE
        if all(trip(form).expected[column].n_unique() == 1 for form in FORMS if column in HELD[form])
    ]
    assert sorted(dull) == []


def test_flat_and_xml_records_are_one_table(trip):
    flat, xml = trip("naaccr-flat-v18").submission, trip("naaccr-xml-v18").submission
    (flat_file,), (xml_file,) = flat.extract_files(), xml.extract_files()
    assert (
        pl.read_parquet(flat_file).drop("source_file").equals(pl.read_parquet(xml_file).drop("source_file"))
    )
    for name in ("tumor", "treatment", "follow_up", "ascertainment"):
        ours, theirs = pl.read_parquet(flat.registry_table(name)), pl.read_parquet(xml.registry_table(name))
        differ = [column for column in ("source_file", "submission") if column in ours.columns]
        assert ours.drop(differ).equals(theirs.drop(differ)), name


def test_a_case_listing_and_the_files_in_ascii_of_one_submission_hold_the_same_patients(trip):
    listing, fixed = trip("seerstat-nov2018"), trip("seer-ascii-nov2018")
    both = [column for column in HELD["seerstat-nov2018"] if column in HELD["seer-ascii-nov2018"]]
    older = {"age_at_diagnosis_years", "age_top_coded"}  # the listing stops at 85+
    unread = {"her2_test_status"}  # fields of single tests are in the fixed layout alone
    shared = [column for column in both if column not in older | unread]
    assert len(shared) > 85
    assert differences(listing.tumor, fixed.tumor, shared) == {}
    young = listing.tumor["age_top_coded"] == False  # noqa: E712  (a polars comparison)
    assert listing.tumor.filter(young)["age_at_diagnosis_years"].equals(
        fixed.tumor.filter(young)["age_at_diagnosis_years"]
    )


def test_metachronous_disease_is_real_in_naaccr_and_not_released_elsewhere(trip):
    seen = trip("naaccr-xml-v23").tumor["disease_presentation"].unique().to_list()
    assert {"de_novo", "metachronous", "not_metastatic", "undetermined_after_locoregional"} <= set(seen)
    for form in ("ncdb-2022", "seerstat-nov2024", "seer-ascii-nov2018"):
        assert set(trip(form).tumor["disease_presentation"]) == {"de_novo", "not_released"}
