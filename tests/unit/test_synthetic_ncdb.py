"""Synthetic NCDB files obey the registry's own rules, era by era, and every code is in the codebook."""

import polars as pl
import pytest

from pipelines.codebook.layouts import builtin_layouts
from pipelines.codebook.schemes import field_schemes, received_names, schemes
from pipelines.synthetic import WorldSettings, write_extract

ROWS = 4_000
LENGTHS = {"2013": 389, "2016": 410, "2022": 1_080, "2023": 1_095}


@pytest.fixture(scope="module", params=sorted(LENGTHS))
def puf(request, tmp_path_factory):
    """Release and its records as text columns, padding kept, with the truth beside them."""
    folder = tmp_path_factory.mktemp(f"ncdb{request.param}")
    files = write_extract(WorldSettings(stage_iv_share=0.4), f"ncdb-{request.param}", ROWS, 21, folder)
    lines = files.extracts[0].read_bytes().decode("ascii").splitlines()
    assert {len(line) for line in lines} == {LENGTHS[request.param]}
    fields = builtin_layouts()[request.param].fields
    renamed = dict(received_names("ncdb", request.param).rows())
    frame = pl.DataFrame(
        {renamed.get(field.name, field.name): [line[field.bytes] for line in lines] for field in fields}
    )
    return request.param, frame.with_columns(year=pl.col("YEAR_OF_DIAGNOSIS").cast(pl.Int64)), files


def blank(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars() == ""


def test_the_self_checks_of_a_release_hold(puf):
    release, frame, _ = puf
    assert frame["year"].min() == 2004
    assert frame["year"].max() == int(release)
    assert frame["PRIMARY_SITE"].str.contains("^C50[0-689]$").all()
    assert frame["PUF_CASE_ID"].n_unique() == ROWS
    assert frame["PUF_VITAL_STATUS"].is_in(["0", "1", " "]).all()


def test_follow_up_is_withheld_in_the_newest_year_and_mostly_there_before(puf):
    release, frame, _ = puf
    newest = frame.filter(pl.col("year") == int(release))
    older = frame.filter(pl.col("year") < int(release))
    for name in (
        "PUF_VITAL_STATUS",
        "DX_LASTCONTACT_DEATH_MONTHS",
        "PUF_30_DAY_MORT_CD",
        "PUF_90_DAY_MORT_CD",
    ):
        assert newest.select(blank(name).all()).item()
    assert older.select(blank("PUF_VITAL_STATUS").mean()).item() < 0.02
    assert (
        older.filter(~blank("DX_LASTCONTACT_DEATH_MONTHS"))["DX_LASTCONTACT_DEATH_MONTHS"]
        .str.contains(r"^ *\d+\.\d\d$")
        .all()
    )


def test_facility_and_medicaid_are_withheld_under_forty(puf):
    _, frame, _ = puf
    young = frame.filter(pl.col("AGE") < "040")
    old = frame.filter(pl.col("AGE") >= "040")
    assert young.height > 0
    assert young.select((blank("FACILITY_TYPE_CD") & blank("FACILITY_LOCATION_CD")).all()).item()
    if "PUF_MEDICAID_EXPN_CODE" in frame.columns:
        assert (young["PUF_MEDICAID_EXPN_CODE"] == "9").all()
    assert old.select((~blank("FACILITY_TYPE_CD")).all()).item()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("TNM_CLIN_M", 2004, 2017),
        ("CS_METS_AT_DX", 2004, 2015),
        ("CS_METS_DX_BONE", 2010, 2015),
        ("METS_AT_DX_BONE", 2016, 2023),
        ("METS_AT_DX_DISTANT_LN", 2016, 2023),
        ("CS_SITESPECIFIC_FACTOR_1", 2004, 2017),
        ("CS_SITESPECIFIC_FACTOR_15", 2010, 2017),
        ("GRADE", 2004, 2017),
        ("TUMOR_SIZE", 2004, 2015),
        ("TUMOR_SIZE_SUMMARY_2016", 2016, 2023),
        ("RX_SUMM_SYSTEMIC_SUR_SEQ", 2006, 2023),
        ("AJCC_TNM_CLIN_STG_GRP", 2018, 2023),
        ("ER_SUMMARY", 2018, 2023),
        ("HER2_OVERALL_SUMM", 2018, 2023),
        ("GRADE_CLIN", 2018, 2023),
        ("RX_SUMM_SURG_PRIM_SITE", 2004, 2022),
        ("RX_SUMM_SURG_BREAST", 2022, 2022),
        ("RX_SUMM_SURG_PRIM_SITE_2023", 2023, 2023),
    ],
)
def test_an_item_is_filled_in_its_years_and_blank_outside(puf, name, first, last):
    release, frame, _ = puf
    if name not in frame.columns:
        assert first > int(release)  # an item newer than the release is not in its layout
        return
    inside = pl.col("year").is_between(first, last)
    assert frame.filter(~inside & ~blank(name)).is_empty()
    assert frame.filter(inside).select((~blank(name)).mean()).item() > 0.4


def test_stage_categories_are_justified_as_in_real_files(puf):
    release, frame, _ = puf
    unprefixed = release == "2013"  # c and p came with a wider field after it
    assert ("   1" if unprefixed else "   c1") in frame["TNM_CLIN_M"].unique().to_list()
    assert ("   2" if unprefixed else "   c2") in frame["TNM_CLIN_T"].unique().to_list()
    if release == "2022":
        assert "cM1".ljust(15) in frame["AJCC_TNM_CLIN_M"].unique().to_list()


def test_antibodies_are_immunotherapy_from_2013_only(puf):
    _, frame, _ = puf
    given = pl.col("RX_SUMM_IMMUNOTHERAPY") == "01"
    assert frame.filter(pl.col("year") < 2013).select(given.any()).item() is False
    assert frame.filter(pl.col("year") >= 2013).select(given.mean()).item() > 0.05


def test_surgery_days_stand_for_the_operated_and_lie_before_the_end_of_follow_up(puf):
    _, frame, _ = puf
    days = pl.col("DX_DEFSURG_STARTED_DAYS").str.strip_chars().cast(pl.Int64, strict=False)
    timed = frame.with_columns(
        day=days.replace({8888: None, 9999: None}),
        months=pl.col("DX_LASTCONTACT_DEATH_MONTHS").str.strip_chars().cast(pl.Float64, strict=False),
    )
    assert timed.filter(pl.col("day").is_not_null() & ~pl.col("REASON_FOR_NO_SURGERY").eq("0")).is_empty()
    assert timed.filter(pl.col("day") > pl.col("months") * 30.4375 + 1).is_empty()
    died_first = timed.filter(pl.col("REASON_FOR_NO_SURGERY") == "5")
    assert died_first.height > 0
    assert died_first["RX_SUMM_SURG_PRIM_SITE"].is_in(["00", "  "]).all()


def test_every_code_is_in_the_codebook(puf):
    _, frame, _ = puf
    known = schemes()
    strangers = {}
    for field, scheme in field_schemes().filter(source="ncdb").select("field", "scheme").iter_rows():
        if scheme is None or field not in frame.columns:
            continue
        seen = set(frame[field].str.strip_chars().unique().to_list()) - {""}
        if unknown := seen - set(known[scheme]["code"].to_list()):
            strangers[field] = sorted(unknown)
    assert strangers == {}


def test_the_truth_tells_the_recorded_arm(puf):
    _, frame, files = puf
    truth = pl.read_parquet(files.truth)
    operated = frame["RX_SUMM_SURG_PRIM_SITE"].is_between(pl.lit("20"), pl.lit("90"))
    recorded = ~frame["RX_SUMM_SURG_PRIM_SITE"].is_in(["99", "  "])
    assert ((truth["arm"] == "surgery") == operated).filter(recorded).all()
    assert (truth["stage_iv"] == (frame["ANALYTIC_STAGE_GROUP"] == "4")).all()
