"""Synthetic SEER*Stat listings: quoting, dictionary, label eras, causes of death; every label is in the codebook."""

import csv
import io

import polars as pl
import pytest

from pipelines.codebook.schemes import field_schemes, schemes
from pipelines.synthetic import WorldSettings, write_extract
from pipelines.synthetic.seerstat import headers

ROWS = 6_000
BLANK = "Blank(s)"


@pytest.fixture(scope="module", params=["nov2018", "nov2022", "nov2024"])
def listing(request, tmp_path_factory):
    """Submission, its rows by concept, and the files."""
    folder = tmp_path_factory.mktemp(request.param)
    files = write_extract(WorldSettings(stage_iv_share=0.4), f"seerstat-{request.param}", ROWS, 9, folder)
    text = files.extracts[0].read_bytes().decode("ascii")
    first, *rows = csv.reader(io.StringIO(text, newline=""))
    names = headers(request.param)
    assert first == list(names.values())
    frame = pl.DataFrame(rows, schema=list(names), orient="row")
    return request.param, frame.with_columns(year=pl.col("year_of_diagnosis").cast(pl.Int64)), files


def test_every_field_is_quoted_and_lines_end_as_windows_writes_them(listing):
    _, _, files = listing
    raw = files.extracts[0].read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == ROWS + 1
    assert all(line.startswith(b'"') and line.endswith(b'"') for line in raw.split(b"\r\n")[:-1])


def test_the_dictionary_lists_the_columns_and_names_the_submission(listing):
    submission, _, files = listing
    lines = files.companions[0].read_bytes().decode("ascii").split("\r\n")
    named = [line.split("=", 1)[1] for line in lines if line.startswith("Var") and "Name=" in line]
    assert named == list(headers(submission).values())
    database = next(line for line in lines if line.startswith("Database name="))
    covered = {
        "nov2018": "Nov 2018 Sub (1975-2016 varying)",
        "nov2022": "Nov 2022 Sub (2000-2020)",
        "nov2024": "Nov 2024 Sub (2000-2022)",
    }
    assert covered[submission] in database


def test_years_and_stage_fields_follow_their_eras(listing):
    submission, frame, _ = listing
    first, last = {"nov2018": (1988, 2016), "nov2022": (2000, 2020), "nov2024": (2000, 2022)}[submission]
    assert (frame["year"].min(), frame["year"].max()) == (first, last)
    eras = {"stage_adjusted6": (1988, 2015), "stage_ajcc6": (2004, 2015), "stage_ajcc7": (2010, 2015)}
    eras |= {"stage_combined": (2016, 2017), "mets_bone": (2010, 2022), "mets_other": (2016, 2022)}
    for concept, (start, end) in eras.items():
        filled = pl.col(concept) != BLANK
        inside = pl.col("year").is_between(start, end)
        assert frame.filter(filled != inside).is_empty(), concept


def test_stage_is_roman_to_2015_and_arabic_after(listing):
    _, frame, _ = listing
    early = frame.filter(pl.col("year") <= 2015)["stage_adjusted6"].unique().to_list()
    assert "IV" in early
    assert "4" not in early
    late = frame.filter(pl.col("year") == 2016)["stage_combined"].unique().to_list()
    assert "4" in late
    assert "IV" not in late


def test_labels_of_receptors_belong_to_their_release(listing):
    submission, frame, _ = listing
    old = {"Triple Negative", "Not 2010+ Breast", "Borderline"}
    new = {"HR-/HER2-", "Recode not available", "Borderline/Unknown"}
    seen = set(frame["breast_subtype"]) | set(frame["her2_recode"])
    assert seen & (old if submission == "nov2018" else new)
    assert not seen & (new if submission == "nov2018" else old)


def test_the_newest_release_has_its_own_top_age_income_bands_and_days(listing):
    submission, frame, _ = listing
    newest = submission == "nov2024"
    assert ("90+ years" in frame["age_recode"].to_list()) == newest
    assert ("85+ years" in frame["age_recode"].to_list()) != newest
    if newest:
        assert "$120,000+" in frame["median_household_income"].to_list()
        assert "Unknown/missing/no match/Not 1990-2023" in frame["rural_urban_continuum"].to_list()
        assert frame["days_to_treatment"].str.contains(r"^\d+$").mean() > 0.8


def test_surgery_before_1998_is_in_another_column(listing):
    submission, frame, _ = listing
    if submission != "nov2018":
        assert "surgery_code_pre_1998" not in frame.columns
        return
    before = pl.col("year") < 1998
    assert frame.filter(before)["surgery_code"].unique().to_list() == [BLANK]
    assert frame.filter(~before)["surgery_code_pre_1998"].unique().to_list() == [BLANK]
    performed = pl.col("reason_no_surgery") == "Surgery performed"
    assert set(frame.filter(performed & before)["surgery_code_pre_1998"]) == {"50"}


def test_survival_is_four_digits_or_unknown_with_its_flag(listing):
    _, frame, _ = listing
    by_certificate = frame.filter(pl.col("survival_flag").str.starts_with("Not calculated"))
    assert set(by_certificate["survival_months"]) == {"Unknown"}
    assert set(by_certificate["reporting_source"]) == {"Autopsy only", "Death certificate only"}
    rest = frame.filter(~pl.col("survival_flag").str.starts_with("Not calculated"))
    assert rest["survival_months"].str.contains(r"^\d{4}$").all()


def test_causes_of_death_agree_with_each_other(listing):
    _, frame, _ = listing
    counts = set(frame.select("vital_status", "cause_specific", "other_cause").unique().rows())
    assert counts == {
        ("Alive", "Alive or dead of other cause", "Alive or dead due to cancer"),
        ("Dead", "Dead (attributable to this cancer dx)", "Alive or dead due to cancer"),
        ("Dead", "Alive or dead of other cause", "Dead (attributable to causes other than this cancer dx)"),
        ("Dead", "Dead (missing/unknown COD)", "Dead (missing/unknown COD)"),
        ("Alive", "N/A not first tumor", "N/A not first tumor"),
        ("Dead", "N/A not first tumor", "N/A not first tumor"),
    }


def test_further_tumours_belong_to_the_same_person(listing):
    _, frame, files = listing
    truth = pl.read_parquet(files.truth, columns=["further_tumour"])
    second = frame.with_row_index("row").filter(truth["further_tumour"])
    assert second.height > 20
    first = frame[(second["row"] - 1).to_list()]
    race = "race_recode" if "race_recode" in frame.columns else "race_origin_recode"
    same = ("patient_id", "year_of_diagnosis", "sex", race, "vital_status", "survival_months")
    for concept in same:
        alike = (first[concept] == second[concept]).mean()
        # a first tumour known from a death certificate has no months; the second one has
        assert alike == 1 or (concept in ("vital_status", "survival_months") and alike > 0.9)
    assert set(first["sequence_number"]) == {"1st of 2 or more primaries"}
    assert set(second["cause_specific"]) == {"N/A not first tumor"}
    assert frame["patient_id"].n_unique() == ROWS - second.height


def test_every_label_is_in_the_codebook(listing):
    _, frame, _ = listing
    known = schemes()
    strangers = {}
    for field, scheme in field_schemes().filter(source="seer").select("field", "scheme").iter_rows():
        if scheme is None or field not in frame.columns:
            continue
        seen = set(frame[field].str.strip_chars().str.replace_all(r"\s+", " ").unique().to_list())
        if unknown := seen - set(known[scheme]["code"].to_list()):
            strangers[field] = sorted(unknown)
    assert strangers == {}
