"""The left-truncated cohort: shape of the files, clocks that agree, and nobody who died before being sequenced."""

import polars as pl
import pytest

from pipelines.synthetic import WorldSettings, write_extract
from pipelines.synthetic.msk import presentation_log_hr

ROWS = 1_500


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_extract(WorldSettings(), "mapped-msk", ROWS, 6, tmp_path_factory.mktemp("msk"))


def read(path):
    return pl.read_csv(path, separator="\t", comment_prefix="#", infer_schema=False)


def months(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def test_four_comment_rows_stand_above_the_header(cohort):
    for path in cohort.extracts:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [line.startswith("#") for line in lines[:6]] == [True, True, True, True, False, False]
        assert len({line.count("\t") for line in lines}) == 1


def test_the_two_files_join_by_person(cohort):
    patients, samples = (read(path) for path in cohort.extracts)
    assert patients["PATIENT_ID"].n_unique() == patients.height == ROWS
    assert set(samples["PATIENT_ID"]) == set(patients["PATIENT_ID"])
    assert samples["SAMPLE_ID"].n_unique() == samples.height > ROWS


def test_the_clocks_agree(cohort):
    """Months from birth to diagnosis plus months of survival are the months from birth to the last contact."""
    patients, samples = (read(path) for path in cohort.extracts)
    people = patients.join(samples.unique("PATIENT_ID", keep="first", maintain_order=True), on="PATIENT_ID")
    gap = (
        months("INVASIVE_CARCINOMA_DX_TIME")
        + months("OS_MONTHS")
        - months("LAST_CONTACT_DAYS_TO") * 12 / 365.25
    )
    assert people.select(gap.abs().max()).item() < 0.15
    relapse = (
        months("METASTATIC_RECURRENCE_TIME_MONTHS")
        - months("INVASIVE_CARCINOMA_DX_TIME")
        - months("DFS_MONTHS")
    )
    assert people.select(relapse.abs().max()).item() < 0.6


def test_nobody_dies_before_the_first_sequencing(cohort):
    truth = pl.read_parquet(cohort.truth)
    assert (truth["sequencing_months"] < truth["death"]).all()
    late = truth.filter(pl.col("entry_from_metastasis_months") > 0)
    assert late.height > 300  # most enter after their metastasis: the left truncation of the real data
    assert (late["entry_from_metastasis_months"] < late["survival_from_metastasis_months"]).all()


def test_de_novo_is_stage_iv_and_the_others_recur_later(cohort):
    patients = read(cohort.extracts[0])
    truth = pl.read_parquet(cohort.truth)
    people = patients.join(truth, left_on="PATIENT_ID", right_on="patient_id")
    assert set(people.filter(pl.col("arm") == "de_novo")["M_STAGE"]) == {"M1"}
    assert set(people.filter(pl.col("arm") == "metachronous")["M_STAGE"]) == {"M0"}
    assert set(people.filter(pl.col("arm") == "not_metastatic")["METASTATIC_DZ_FUP"]) == {"No"}


def test_the_known_hazard_ratio_is_found_where_entry_is_respected():
    """Unadjusted and marginal, so a little nearer to one than the conditional 2.0."""
    found = presentation_log_hr(WorldSettings(metachronous_hr=2.0), 30_000, 77)
    assert 0.55 < found < 0.72
    assert abs(presentation_log_hr(WorldSettings(metachronous_hr=1.0), 30_000, 77)) < 0.06
