"""A site's CSV or Parquet of an NCDB file is read under the release's names, value for value, and decodes alike."""

import csv
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from formats_files import ncdb_line, ncdb_lines, write_lines

from pipelines.codebook.layouts import builtin_layouts
from pipelines.errors import InputError
from pipelines.formats import Extract, open_extract, recognise
from pipelines.registry import build
from pipelines.store import Home, Submission, load_extract

RELEASES = ["2013", "2016", "2020", "2022", "2023"]
Row = dict[str, str]


def rows_of(release: str, lines: list[bytes] | None = None) -> list[Row]:
    """The records of a release as a tool would convert them: trimmed values by name."""
    fields = builtin_layouts()[release].fields
    lines = ncdb_lines(release, 120) if lines is None else lines
    return [{each.name: line[each.bytes].decode("latin-1").strip() for each in fields} for line in lines]


def write_csv(
    path: Path, rows: list[Row], *, delimiter: str = ",", names: Callable[[str], str] = str
) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerow([names(name) for name in rows[0]])
        writer.writerows(row.values() for row in rows)
    return path


def read_all(extract: Extract) -> tuple[pa.Table, list[dict[str, object]]]:
    batches = [batch for table in extract.tables for batch in table.batches()]
    kept = pa.concat_tables([batch.kept for batch in batches])
    return kept, pa.concat_tables([batch.quarantined for batch in batches]).to_pylist()


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("names", [str, str.lower, str.title])
def test_every_release_is_told_whatever_the_letter_case(
    tmp_path: Path, release: str, names: Callable[[str], str]
) -> None:
    rows = rows_of(release)
    path = write_csv(tmp_path / "breast.csv", rows, names=names)
    extract = open_extract([path])
    kept, quarantined = read_all(extract)
    assert (extract.source, extract.format, extract.dialect) == ("ncdb", "ncdb_csv", "ncdb")
    assert (extract.release, extract.covered_years) == (release, (2004, int(release)))
    assert kept.column_names[:-2] == [each.name for each in builtin_layouts()[release].fields]
    assert [
        dict(zip(row, row.values(), strict=True))
        for row in kept.drop_columns(list(kept.column_names[-2:])).to_pylist()
    ] == rows
    assert quarantined == []
    assert recognise(path).release == release


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    path = write_csv(tmp_path / "breast.txt", rows_of("2016"), delimiter=delimiter)
    assert read_all(open_extract([path]))[0].num_rows == 120


def test_a_parquet_conversion_is_read_alike(tmp_path: Path) -> None:
    rows = rows_of("2022")
    frame = (
        pl.DataFrame(rows).rename(str.lower).with_columns(pl.col("age", "year_of_diagnosis").cast(pl.Int64))
    )
    frame.write_parquet(tmp_path / "breast.parquet")
    kept, _ = read_all(open_extract([tmp_path / "breast.parquet"]))
    assert recognise(tmp_path / "breast.parquet").release == "2022"
    assert kept.column_names[:3] == ["PUF_CASE_ID", "PUF_FACILITY_ID", "FACILITY_TYPE_CD"]
    assert kept["AGE"].to_pylist() == [str(int(row["AGE"])) for row in rows]
    assert kept["PRIMARY_SITE"].to_pylist() == ["C504"] * 120


def test_a_selection_with_columns_of_ones_own_is_read(tmp_path: Path) -> None:
    rows = [
        {"": str(n), "year_of_diagnosis": row["YEAR_OF_DIAGNOSIS"], "My Score": "7"}
        | {name: row[name] for name in ("PUF_CASE_ID", "PRIMARY_SITE", "PUF_VITAL_STATUS", "AGE")}
        for n, row in enumerate(rows_of("2022"))
    ]
    extract = open_extract([write_csv(tmp_path / "a.csv", rows)])
    kept, _ = read_all(extract)
    assert extract.release == "2022"
    assert kept.column_names[:3] == ["unnamed_1", "YEAR_OF_DIAGNOSIS", "My Score"]
    assert any("2 columns are no variables of the NCDB" in note for note in extract.notes)
    assert any("335 variables of release 2022 are not there" in note for note in extract.notes)


def without_newest_year(release: str) -> list[Row]:
    return [row for row in rows_of(release) if row["YEAR_OF_DIAGNOSIS"] != release]


@pytest.mark.parametrize("release", ["2013", "2016", "2023"])
def test_variables_that_one_release_alone_has_tell_it(tmp_path: Path, release: str) -> None:
    path = write_csv(tmp_path / "a.csv", without_newest_year(release))
    assert open_extract([path]).release == release


def test_a_file_that_can_be_of_several_releases_is_not_guessed(tmp_path: Path) -> None:
    """Every variable of 2020 is in 2022 and 2023 too, and nothing else tells when the newest year is gone."""
    path = write_csv(tmp_path / "a.csv", without_newest_year("2020"))
    with pytest.raises(InputError, match=r"variables are those of 2020, 2022, 2023.*--layout 2020"):
        open_extract([path])
    assert open_extract([path], layout="2022").release == "2022"


def test_a_release_without_a_built_in_layout_is_told_by_its_withheld_year(tmp_path: Path) -> None:
    lines = [
        ncdb_line(
            "2020", n, YEAR_OF_DIAGNOSIS=str(2004 + n % 15), PUF_VITAL_STATUS=" " if n % 15 == 14 else "1"
        )
        for n in range(150)
    ]
    path = write_csv(tmp_path / "a.csv", rows_of("2020", lines))
    assert open_extract([path]).release == "2018"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"PRIMARY_SITE": "C341"}, "PRIMARY_SITE .* is not a breast site"),
        ({"PUF_VITAL_STATUS": "Alive"}, "PUF_VITAL_STATUS holds labels where codes are expected"),
        ({"YEAR_OF_DIAGNOSIS": "1999"}, "YEAR_OF_DIAGNOSIS .* is not a year from 2004 to 2022"),
    ],
)
def test_content_that_cannot_be_is_refused_without_a_value(tmp_path: Path, change: Row, problem: str) -> None:
    path = write_csv(tmp_path / "a.csv", [row | change for row in rows_of("2022")])
    with pytest.raises(InputError, match=problem) as caught:
        open_extract([path], layout="2022")
    assert not [value for value in ("C341", "1999") if value in str(caught.value)]


def test_variables_of_another_release_contradict_the_newest_year(tmp_path: Path) -> None:
    rows = [row | {"TOBACCO_USE": ""} for row in rows_of("2022")]
    with pytest.raises(
        InputError, match=r"of release 2022: it has variables that .* does not have \(TOBACCO_USE\)"
    ):
        open_extract([write_csv(tmp_path / "a.csv", rows)])


def test_row_numbers_without_a_name_shift_every_column(tmp_path: Path) -> None:
    """R writes them so by default: each record has one field more than the header."""
    path = write_csv(tmp_path / "a.csv", rows_of("2022"))
    header, *records = path.read_text().splitlines()
    path.write_text("\n".join([header, *(f"{n},{record}" for n, record in enumerate(records))]))
    with pytest.raises(InputError, match=r"one field more than there are column names.*row\.names = FALSE"):
        open_extract([path])


def test_a_repeated_header_is_set_aside(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of("2022"))
    path.write_bytes(path.read_bytes() * 2)
    kept, quarantined = read_all(open_extract([path]))
    assert kept.num_rows == 240
    assert [(row["source_record"], row["reason"]) for row in quarantined] == [(121, "header row repeated")]


def test_two_releases_joined_in_one_csv_are_refused(tmp_path: Path) -> None:
    older = write_csv(tmp_path / "b.csv", rows_of("2020")).read_bytes()
    path = write_csv(tmp_path / "a.csv", rows_of("2022"))
    path.write_bytes(path.read_bytes() + older)
    with pytest.raises(InputError, match="second row of column names"):
        read_all(open_extract([path]))


def test_two_releases_bound_into_one_table_are_refused(tmp_path: Path) -> None:
    older = [
        ncdb_line(
            "2022", n, YEAR_OF_DIAGNOSIS=str(2004 + n % 17), PUF_VITAL_STATUS=" " if n % 17 == 16 else "1"
        )
        for n in range(680)
    ]
    path = write_csv(tmp_path / "a.csv", rows_of("2022", ncdb_lines("2022", 760) + older))
    with pytest.raises(InputError, match="two releases in one file: vital status of 2020"):
        open_extract([path])


def test_a_layout_of_columns_is_not_for_a_file_with_names(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of("2022"))
    with pytest.raises(InputError, match="have names, so there are no columns for a layout"):
        open_extract([path], layout=builtin_layouts()["2022"])


PERSON = {
    "AGE": "052",
    "RACE": "01",
    "INSURANCE_STATUS": "1",
    "SEQUENCE_NUMBER": "00",
    "CLASS_OF_CASE": "10",
    "TUMOR_SIZE": "005",
    "REGIONAL_NODES_POSITIVE": "00",
    "LATERALITY": "1",
    "HISTOLOGY": "8500",
    "BEHAVIOR": "3",
    "GRADE": "2",
    "TNM_CLIN_M": "c1",
    "TNM_CLIN_STAGE_GROUP": "4",
    "ANALYTIC_STAGE_GROUP": "4",
    "CS_METS_AT_DX": "40",
    "CS_SITESPECIFIC_FACTOR_1": "010",
    "CS_SITESPECIFIC_FACTOR_2": "020",
    "CS_SITESPECIFIC_FACTOR_8": "030",
    "CS_SITESPECIFIC_FACTOR_15": "010",
    "CS_SITESPECIFIC_FACTOR_16": "011",
    "CS_SITESPECIFIC_FACTOR_22": "010",
    "CS_SITESPECIFIC_FACTOR_23": "021",
    "CDCC_TOTAL_BEST": "0",
    "RX_SUMM_SURG_PRIM_SITE": "00",
    "RX_SUMM_CHEMO": "03",
    "RX_SUMM_HORMONE": "00",
    "DX_CHEMO_STARTED_DAYS": "30",
    "DX_LASTCONTACT_DEATH_MONTHS": "23.45",
    "TNM_EDITION_NUMBER": "07",
}


def tables(folder: Path, data: Path) -> dict[str, pl.DataFrame]:
    """Load and build one file; the registry tables without what tells the file."""
    home = Home(folder)
    load_extract(home, data.stem, open_extract([data]))
    submission: Submission = home.building(data.stem)
    build(submission)
    told = ("submission", "source_file")
    return {
        name: pl.read_parquet(submission.registry_table(name)).drop(*told, strict=False)
        for name in ("tumor", "treatment", "follow_up", "unmapped_codes")
    }


def spreadsheet(value: str) -> str:
    """What a spreadsheet makes of a code: a number without its leading zeros."""
    return str(int(value)) if value.isdigit() else value


def pandas(value: str) -> str:
    """What pandas makes of a column with blanks: decimals, and nothing for a blank."""
    return f"{int(value)}.0" if value.isdigit() else value


def in_r(value: str) -> str:
    """What R writes for a blank."""
    return value or "NA"


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Row], dict[str, pl.DataFrame]]:
    """A file as the registry sends it: its records by name, and its registry tables."""
    folder = tmp_path_factory.mktemp("sent")
    lines = [
        ncdb_line(
            "2022",
            n,
            **PERSON
            | {"YEAR_OF_DIAGNOSIS": str(2010 + n % 13), "PUF_VITAL_STATUS": "" if n % 13 == 12 else "0"},
        )
        for n in range(130)
    ]
    return rows_of("2022", lines), tables(folder, write_lines(folder / "sent.dat", lines))


@pytest.mark.parametrize("tool", [spreadsheet, pandas, in_r])
def test_a_conversion_means_what_the_file_meant(
    tmp_path: Path, sent: tuple[list[Row], dict[str, pl.DataFrame]], tool: Callable[[str], str]
) -> None:
    """Zeros, decimals and marks of a tool change no patient: the registry tables are the same."""
    rows, as_sent = sent
    keys = ("PUF_CASE_ID", "PUF_FACILITY_ID")
    rewritten = [
        {name: value if name in keys else tool(value) for name, value in row.items()} for row in rows
    ]
    as_converted = tables(tmp_path, write_csv(tmp_path / "converted.csv", rewritten))
    for name, table in as_sent.items():
        assert as_converted[name].equals(table), name
    receptors = as_sent["tumor"].filter(pl.col("year_of_diagnosis") == 2012)["er_status"]
    assert receptors.unique().to_list() == ["positive"]
