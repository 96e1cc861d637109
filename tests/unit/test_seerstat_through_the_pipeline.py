"""Case listings of each era, from the file to the registry: the same patients whatever SEER*Stat called things.

Ann has de novo stage IV disease with bone metastasis, a positive receptor status and a mastectomy, and died of it. Bea
has stage II disease and is alive. What is not known of Cleo is not known, in the words of each era.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from formats_files import quoted, write_dic, write_lines

from pipelines import codebook, registry
from pipelines.codebook.seerstat_headers import submissions, variants
from pipelines.formats import open_extract
from pipelines.store import Home, Submission, load_extract

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "seer"
EVERYBODY = {
    "Patient ID": ("00000001", "00000002", "00000003"),
    "Record number recode": ("1", "1", "1"),
    "Sex": ("Female", "Female", "Male"),
    "Primary Site": ("504", "509", "509"),
    "Histologic Type ICD-O-3": ("8500", "8520", "8500"),
    "Sequence number": ("One primary only", "One primary only", "One primary only"),
    "Survival months": ("0034", "0121", "Unknown"),
    "Vital status recode (study cutoff used)": ("Dead", "Alive", "Dead"),
    "SEER cause-specific death classification": (
        "Dead (attributable to this cancer dx)",
        "Alive or dead of other cause",
        "Dead (missing/unknown COD)",
    ),
    "SEER other cause of death classification": (
        "Alive or dead due to cancer",
        "Alive or dead due to cancer",
        "Dead (missing/unknown COD)",
    ),
}
OLD_RECEPTORS = {
    "ER Status Recode Breast Cancer (1990+)": ("Positive", "Borderline", "Unknown"),
    "PR Status Recode Breast Cancer (1990+)": ("Negative", "Positive", "Unknown"),
}
OLD_HER2 = {
    "Derived HER2 Recode (2010+)": ("Positive", "Negative", "Unknown"),
    "Breast Subtype (2010+)": ("Her2+/HR+", "Her2-/HR+", "Unknown"),
}
NEW_RECEPTORS = {
    "ER Status Recode Breast Cancer (1990+)": ("Positive", "Borderline/Unknown", "Borderline/Unknown"),
    "PR Status Recode Breast Cancer (1990+)": ("Negative", "Positive", "Borderline/Unknown"),
    "Derived HER2 Recode (2010+)": ("Positive", "Negative", "Borderline/Unknown"),
    "Breast Subtype (2010+)": ("HR+/HER2+", "HR+/HER2-", "Unknown"),
}
SURGERY = ("41", "22", "99")
REASON = {
    "Reason no cancer-directed surgery": (
        "Surgery performed",
        "Surgery performed",
        "Unknown; death certificate; or autopsy only (2003+)",
    )
}
COMBINED_METS = {
    f"SEER Combined Mets at DX-{organ} (2010+)": ("Yes" if organ == "bone" else "No", "No", "Unknown")
    for organ in ("bone", "brain", "liver", "lung")
}
EOD = {
    "EOD Mets (2018+)": ("70", "00", "99"),
    "Mets at DX-Distant LN (2016+)": (
        "Yes; distant lymph node metastases",
        "None; no lymph node metastases",
        "Unknown",
    ),
}


@dataclass(frozen=True)
class Era:
    """One submission, a diagnosis year of it, and what it calls stage, spread, receptors and surgery."""

    release: str
    database: str
    year: int
    columns: dict[str, tuple[str, str, str]]


def database(release: str, first: int, what: str = "SEER Research Data") -> str:
    return f"Incidence - {what}, Nov {release[3:]} Sub ({first}-{submissions()[release].last_year} varying)"


ERAS = [
    Era(
        "nov2010",
        database("nov2010", 1973, "SEER 17 Regs Research Data + Hurricane Katrina Impacted Louisiana Cases"),
        2005,
        {
            **OLD_RECEPTORS,
            "Derived AJCC Stage Group, 6th ed (2004+)": ("IV", "IIA", "UNK Stage"),
            "Derived AJCC M, 6th ed (2004+)": ("M1", "M0", "MX"),
            "CS mets at dx (2004+)": ("40", "00", "99"),
            "SEER historic stage A": ("Distant", "Regional", "Unstaged"),
            "RX Summ--Surg Prim Site (1998+)": SURGERY,
        },
    ),
    Era(
        "nov2016",
        database("nov2016", 1973, "SEER 18 Regs Custom Data (with additional treatment fields)"),
        2012,
        {
            **OLD_RECEPTORS,
            **OLD_HER2,
            "Derived AJCC Stage Group, 7th ed (2010+)": ("IV", "IIA", "UNK Stage"),
            "Derived AJCC M, 7th ed (2010+)": ("M1", "M0", "NA"),
            "CS mets at DX-bone (2010+)": ("1", "0", "9"),
            "RX Summ--Surg Prim Site (1998+)": SURGERY,
        },
    ),
    Era(
        "nov2018",
        database("nov2018", 1975),
        2016,
        {
            **OLD_RECEPTORS,
            **OLD_HER2,
            **COMBINED_METS,
            "Derived SEER Cmb Stg Grp (2016+)": ("4", "2A", "99"),
            "Derived SEER Combined M (2016+)": ("p1", "c0", "88"),
            "RX Summ--Surg Prim Site (1998+)": SURGERY,
        },
    ),
    Era(
        "nov2020",
        database("nov2020", 1975),
        2017,
        {
            **NEW_RECEPTORS,
            **COMBINED_METS,
            "Derived SEER Cmb Stg Grp (2016-2017)": ("4", "2A", "99"),
            "Derived SEER Combined M (2016-2017)": ("c1", "cX", "Not applicable"),
            "RX Summ--Surg Prim Site (1998+)": SURGERY,
        },
    ),
    Era(
        "nov2022",
        database("nov2022", 2000),
        2018,
        {
            **NEW_RECEPTORS,
            **COMBINED_METS,
            **EOD,
            "Derived EOD 2018 Stage Group (2018+)": ("4", "2A", "99"),
            "Derived EOD 2018 M (2018+)": ("M1", "M0", "88"),
            "Estrogen Receptor Summary (2018+)": (
                "ER positive",
                "ER negative",
                "Test ordered, results not in chart",
            ),
            "RX Summ--Surg Prim Site (1998+)": SURGERY,
        },
    ),
    Era(
        "nov2024",
        database("nov2024", 2000, "SEER Research Plus Data, 22 Registries (excl IL and MA)"),
        2021,
        {
            "ER Status Recode Breast Cancer (2010+)": NEW_RECEPTORS["ER Status Recode Breast Cancer (1990+)"],
            "PR Status Recode Breast Cancer (2010+)": NEW_RECEPTORS["PR Status Recode Breast Cancer (1990+)"],
            "Derived HER2 Recode (2010+)": NEW_RECEPTORS["Derived HER2 Recode (2010+)"],
            "Breast Subtype (2010+)": NEW_RECEPTORS["Breast Subtype (2010+)"],
            **COMBINED_METS,
            **EOD,
            "Derived EOD 2018 Stage Group Recode (2018+)": ("4", "2A", "88"),
            "Derived EOD 2018 M Recode (2018+)": ("M1", "M0", "88"),
            "Radiation recode (2003+)": ("Beam radiation", "None/Unknown", "Not available (IL or TX)"),
            "Chemotherapy recode (yes, no/unk) (2004+)": ("Yes", "No/Unknown", "No/Unknown"),
            "Time from diagnosis to treatment in days recode": ("12", "731+days", "Unable to calculate"),
            "RX Summ--Surg Prim Site (1998+)": SURGERY,
        },
    ),
    Era(
        "nov2025",
        database("nov2025", 2000),
        2023,
        {
            **NEW_RECEPTORS,
            **COMBINED_METS,
            **EOD,
            "Derived EOD 2018 Stage Group Recode (2018+)": ("4", "2A", "DMS code 90 (invalid inputs)"),
            "Derived EOD 2018 M Recode (2018+)": ("M1", "M0", "88"),
            "RX Summ--Surg Prim Site (1998-2022)": ("Blank(s)", "Blank(s)", "Blank(s)"),
            "RX Summ--Surg Prim Site 2023 (2023+)": ("A410", "A220", "A990"),
        },
    ),
]


def built(folder: Path, era: Era, delimiter: str = "comma", end: bytes = b"\r\n") -> Submission:
    """Write the listing of an era, load it and build its registry."""
    years = {"Year of diagnosis": (str(era.year),) * 3}
    columns = {**EVERYBODY, **years, **REASON, **era.columns}
    mark = {"comma": ",", "tab": "\t"}[delimiter]
    lines = [quoted(list(row), mark) for row in [tuple(columns), *zip(*columns.values(), strict=True)]]
    write_dic(folder / "export.dic", list(columns), database=era.database, delimiter=delimiter)
    path = write_lines(folder / "export.csv", lines, end)
    extract = open_extract([path])
    assert (extract.release, extract.notes) == (era.release, ())
    home = Home(folder / "var")
    load_extract(home, era.release, extract)
    submission = home.building(era.release)
    registry.build(submission)
    return submission


@pytest.mark.parametrize("era", ERAS, ids=[era.release for era in ERAS])
def test_each_era_gives_the_same_patients(tmp_path: Path, era: Era) -> None:
    submission = built(tmp_path, era)
    tumor = pl.read_parquet(submission.registry_table("tumor")).sort("source_record")
    assert tumor["stage_iv"].to_list() == [True, False, None]
    assert tumor["operated"].to_list() == [True, True, None]
    assert tumor["er_status"].to_list()[0] == "positive"
    assert tumor["er_status"].to_list()[2] == "unknown"
    assert tumor["survival_months"].to_list() == [34.0, 121.0, None]
    assert tumor["vital_status"].to_list() == ["dead", "alive", "dead"]
    assert tumor["cause_of_death_group"].to_list() == ["breast_cancer", "alive", "missing_cause"]
    if era.year >= 2010:
        assert tumor["her2_status"].to_list() == ["positive", "negative", "unknown"]
        assert tumor["breast_subtype"].to_list()[:2] == ["hr_pos_her2_pos", "hr_pos_her2_neg"]
        assert tumor["mets_at_dx_bone"].to_list() == ["yes", "no", "unknown"]
    if "Time from diagnosis to treatment in days recode" in era.columns:
        assert tumor["days_to_first_treatment"].to_list() == [12, None, None]
    unmapped = pl.read_parquet(submission.root / "registry" / "unmapped_codes.parquet")
    assert unmapped.rows() == []


def test_line_ends_and_delimiter_change_nothing(tmp_path: Path) -> None:
    tables = []
    for name, delimiter, end in (("dos", "comma", b"\r\n"), ("unix", "tab", b"\n")):
        (tmp_path / name).mkdir()
        submission = built(tmp_path / name, ERAS[4], delimiter, end)
        tables.append(pl.read_parquet(submission.registry_table("tumor")))
    assert tables[0].equals(tables[1])


def test_a_period_for_missing_is_blank_and_codes_of_an_unformatted_column_are_read(tmp_path: Path) -> None:
    era = ERAS[4]
    changed = {
        **era.columns,
        "SEER Combined Mets at DX-bone (2010+)": ("1", "0", "."),
        "Marital status at diagnosis": ("2", ".", "9"),
        "Race recode (W, B, AI, API)": ("1", "3", "."),
    }
    submission = built(tmp_path, Era(era.release, era.database, era.year, changed))
    tumor = pl.read_parquet(submission.registry_table("tumor")).sort("source_record")
    assert tumor["mets_at_dx_bone"].to_list()[:2] == ["yes", "no"]
    assert tumor["mets_at_dx_bone"].to_list()[2] not in ("yes", "no")
    assert tumor["race"].to_list() == ["white", "american_indian_alaska_native", "unknown"]
    unmapped = pl.read_parquet(submission.root / "registry" / "unmapped_codes.parquet")
    assert unmapped.rows() == []


def test_a_label_that_no_table_knows_is_counted(tmp_path: Path) -> None:
    era = ERAS[4]
    changed = {**era.columns, "Marital status at diagnosis": ("Married to the job", "Widowed", "Unknown")}
    submission = built(tmp_path, Era(era.release, era.database, era.year, changed))
    unmapped = pl.read_parquet(submission.root / "registry" / "unmapped_codes.parquet")
    assert unmapped.rows() == [("marital_status", "seer_marital_status", "Married to the job", 1)]


def test_files_of_one_submission_may_name_one_thing_differently(tmp_path: Path) -> None:
    """The database with Illinois says 2010+ where the others say 1990+; each record keeps its own."""
    status = {"a": "ER Status Recode Breast Cancer (1990+)", "b": " ER Status Recode Breast Cancer (2010+)"}
    for stem, name in status.items():
        columns = [
            "Patient ID",
            "SEER registry (with CA and GA as whole states)",
            "Year of diagnosis",
            name,
            "sex",
        ]
        rows = [["00000001", f"Registry {stem}", "2015", "Positive" if stem == "a" else "Negative", "mine"]]
        write_dic(tmp_path / f"{stem}.dic", columns, database=ERAS[5].database)
        write_lines(tmp_path / f"{stem}.csv", [quoted(row) for row in [columns, *rows]])
    home = Home(tmp_path / "var")
    load_extract(home, "x", open_extract([tmp_path / "a.csv", tmp_path / "b.csv"]))
    registry.build(home.building("x"))
    tumor = pl.read_parquet(home.building("x").registry_table("tumor")).sort("source_file")
    assert tumor["er_status"].to_list() == ["positive", "negative"]
    assert tumor["sex"].to_list() == [
        "not_released",
        "not_released",
    ]  # 'sex' is the analyst's own, 'Sex' is SEER's


def schemes_of_concepts() -> dict[str, list[str]]:
    rows = codebook.field_schemes().filter(pl.col("source") == "seer", pl.col("scheme").is_not_null())
    found: dict[str, list[str]] = {}
    for field, scheme in rows.select("field", "scheme").iter_rows():
        found.setdefault(field, []).append(scheme)
    return found


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference tables are not on this machine")
def test_every_header_of_the_reference_is_known() -> None:
    with (REFERENCE / "seerstat_headers.csv").open(encoding="utf-8", newline="") as stream:
        headers = {row["header"].strip() for row in csv.DictReader(stream)}
    assert len(headers) > 150
    assert headers <= set(variants())


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference tables are not on this machine")
def test_every_label_that_was_ever_observed_has_a_word() -> None:
    codes = {name: set(table["code"]) for name, table in codebook.schemes().items()}
    of_other_sites = {("ssf_2", "040")}  # a factor of the lung
    with (REFERENCE / "seerstat_labels_observed.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    checked = 0
    for row in rows:
        variant = variants().get(row["header"].strip())
        if variant is None:
            assert row["header"] == "NSCLC-His-grouped"  # made by the analyst
            continue
        label = re.sub(r"\s+", " ", row["distinct_value"].strip())
        for scheme in schemes_of_concepts().get(variant.concept, []):
            checked += 1
            assert label in codes[scheme] or (variant.concept, label) in of_other_sites
    assert checked > 100
