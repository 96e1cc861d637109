"""A site's script opens a release that nobody has built in; it is believed where the data agree and nowhere else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from formats_files import ncdb_line, ncdb_lines, write_lines
from label_script_texts import KINDS, sas, structure

from pipelines.codebook.layouts import Field, Layout, builtin_layouts, inferred_layouts
from pipelines.errors import InputError
from pipelines.formats import Extract, open_extract, recognise


def kept_of(extract: Extract) -> pa.Table:
    return pa.concat_tables([batch.kept for table in extract.tables for batch in table.batches()])


def rebuilt(kept: pa.Table) -> list[bytes]:
    columns = [kept[name].to_pylist() for name in kept.column_names[:-2]]
    return ["".join(values).encode("latin-1") for values in zip(*columns, strict=True)]


def written(folder: Path, text: str, name: str = "labels.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="cp1252")
    return path


def lines_of(layout: Layout, like: str, n: int = 120) -> list[bytes]:
    """Records of ``layout``, a beginning of the layout of release ``like``, with its newest year withheld."""
    years = int(layout.release) - 2003
    records = []
    for number in range(n):
        year = 2004 + number % years
        withheld = {"PUF_VITAL_STATUS": "", "DX_LASTCONTACT_DEATH_MONTHS": ""}
        given = {"PUF_VITAL_STATUS": "1"} if year < int(layout.release) else withheld
        records.append(ncdb_line(like, number, YEAR_OF_DIAGNOSIS=str(year), **given)[: layout.length])
    return records


def cut(layout: Layout, release: str, end: int) -> Layout:
    return Layout.of(release, [each for each in layout.fields if each.end <= end])


LAYOUT_2018 = cut(builtin_layouts()["2020"], "2018", 966)
"""Made up: nobody here has seen the layout of release 2018."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("release", ["2013", "2016", "2022", "2023"])
def test_a_script_beside_the_data_reads_them_as_the_built_in_layout_does(
    tmp_path: Path, release: str, kind: str
) -> None:
    data = write_lines(tmp_path / "a.dat", ncdb_lines(release))
    script = written(tmp_path, KINDS[kind](builtin_layouts()[release]))
    alone, beside, named = (
        open_extract([data]),
        open_extract([script, data]),
        open_extract([data], layout=script),
    )
    assert beside.release == named.release == release
    assert kept_of(beside) == kept_of(named) == kept_of(alone)
    assert beside.companions == named.companions == (script,)
    assert any(f"agrees with the built-in layout of release {release}" in note for note in beside.notes)


@pytest.mark.parametrize(("release", "like", "length"), [("2015", "2016", 398), ("2021", "2022", 1032)])
def test_an_inferred_layout_opens_nothing_and_checks_the_sites_script(
    tmp_path: Path, release: str, like: str, length: int
) -> None:
    layout = inferred_layouts()[release]
    lines = lines_of(layout, like)
    data = write_lines(tmp_path / "a.dat", lines)
    assert {len(line) for line in lines} == {length}
    alone = recognise(data)
    assert (
        f"release {release}, whose layout is known by inference only: bring the script" in alone.explanation
    )
    with pytest.raises(InputError, match="known by inference only"):
        open_extract([data], layout=release)
    extract = open_extract([data, written(tmp_path, sas(layout))])
    assert extract.release == release
    assert rebuilt(kept_of(extract)) == lines
    assert any(f"agrees with the inferred layout of release {release}" in note for note in extract.notes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_that_nobody_has_seen_is_told_by_its_withheld_year(tmp_path: Path, kind: str) -> None:
    lines = lines_of(LAYOUT_2018, "2020")
    data = write_lines(tmp_path / "a.dat", lines)
    extract = open_extract([data, written(tmp_path, KINDS[kind](LAYOUT_2018))])
    assert (extract.release, extract.covered_years) == ("2018", (2004, 2018))
    assert rebuilt(kept_of(extract)) == lines
    assert any("no layout of release 2018 is known here" in note for note in extract.notes)


def test_a_file_without_its_newest_year_is_of_the_release_that_the_script_names(tmp_path: Path) -> None:
    lines = [line for line in lines_of(LAYOUT_2018, "2020") if line[78:82] != b"2018"]
    data = write_lines(tmp_path / "a.dat", lines)
    for name, text in (
        ("NCDB_PUF_Labels_2018.sas", sas(LAYOUT_2018)),
        ("l", sas(LAYOUT_2018, "PUF 2004-2018")),
    ):
        assert open_extract([data, written(tmp_path, text, name)]).release == "2018"
    unnamed = written(tmp_path, sas(LAYOUT_2018))
    with pytest.raises(InputError, match=r"Neither the script nor the data tell the release.*--layout"):
        open_extract([data, unnamed])
    assert open_extract([data, unnamed], layout="2018").release == "2018"


def test_script_and_data_of_different_releases_are_refused(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.dat", lines_of(LAYOUT_2018, "2020"))
    script = written(tmp_path, sas(LAYOUT_2018, "PUF 2004-2019"))
    with pytest.raises(InputError, match=r"script is of release 2019.*withheld, is 2018"):
        open_extract([data, script])
    assert open_extract([data, script], layout="2018").release == "2018"


@pytest.mark.parametrize(
    ("of_script", "of_data", "first"),
    [
        (
            "2022",
            "2023",
            "MACROSCOPIC_EVAL_TMESORECTUM is in columns 1048-1049 here and in columns 1049-1050",
        ),
        ("2013", "2016", "columns 73-74 are CDCC_TOTAL here and CDCC_TOTAL_BEST"),
        ("2016", "2013", "columns 73-74 are CDCC_TOTAL_BEST here and CDCC_TOTAL"),
        ("2020", "2016", "RAD_LOCATION_OF_RX is in columns 294-294 here and in columns 295-295"),
    ],
)
def test_the_script_of_another_release_is_refused_by_its_first_difference(
    tmp_path: Path, of_script: str, of_data: str, first: str
) -> None:
    data = write_lines(tmp_path / "a.dat", ncdb_lines(of_data, 120))
    script = written(tmp_path, sas(builtin_layouts()[of_script]), "labels.sas")
    with pytest.raises(InputError, match="A SAS program does not describe this file") as caught:
        open_extract([data, script])
    assert f"{first} in the built-in layout of release {of_data}" in str(caught.value)
    assert f"leave the script out or say --layout {of_data}" in str(caught.value)


def shifted(layout: Layout, variable: str) -> Layout:
    """Everything from a variable on one column to the right, as after a width that was misread."""
    start = layout.by_name[variable].start
    fields = [replace(each, start=each.start + (each.start >= start)) for each in layout.fields]
    return Layout.of(layout.release, fields)


def test_a_script_that_the_data_contradict_is_refused_by_its_first_difference(tmp_path: Path) -> None:
    wrong = shifted(builtin_layouts()["2022"], "RX_SUMM_CHEMO")
    data = write_lines(tmp_path / "a.dat", ncdb_lines("2022", 120))
    with pytest.raises(InputError, match="does not describe this file") as caught:
        open_extract([data, written(tmp_path, sas(wrong))])
    first = "RX_SUMM_CHEMO is in columns 317-318 here and in columns 316-317 in the built-in layout of release 2022"
    assert f"The first difference from what is known: {first}" in str(caught.value)


def test_a_difference_that_the_data_do_not_contradict_is_a_note(tmp_path: Path) -> None:
    """Behind vital status a shift breaks no check: the script that came with the data counts, and it is told."""
    layout = builtin_layouts()["2022"]
    grade, margin = layout.by_name["GRADE_CLIN"], layout.by_name["GRADE_PATH"]
    swapped = {"GRADE_CLIN": margin.start, "GRADE_PATH": grade.start}
    fields = [replace(each, start=swapped.get(each.name, each.start)) for each in layout.fields]
    data = write_lines(tmp_path / "a.dat", ncdb_lines("2022"))
    extract = open_extract([data, written(tmp_path, sas(Layout.of("2022", fields)))])
    told = " ".join(extract.notes)
    assert "it differs from the built-in layout of release 2022" in told
    assert (
        "GRADE_PATH is in columns 776-776 here and in columns 777-777 in the built-in layout of release 2022"
        in told
    )


def test_columns_that_a_script_leaves_out_are_kept_under_their_position(tmp_path: Path) -> None:
    layout = builtin_layouts()["2022"]
    some = Layout.of(
        "2022", [layout.by_name[name] for name in ("YEAR_OF_DIAGNOSIS", "PRIMARY_SITE", "PUF_VITAL_STATUS")]
    )
    named = [each for each in some.fields if not each.name.startswith("columns_")]
    lines = ncdb_lines("2022")
    data = write_lines(tmp_path / "a.dat", lines)
    text = "INFILE x LRECL=1080; INPUT " + " ".join(f"{f.name} {f.start}-{f.end}" for f in named) + ";"
    extract = open_extract([data, written(tmp_path, text)])
    kept = kept_of(extract)
    assert kept.column_names[:3] == ["columns_1_78", "YEAR_OF_DIAGNOSIS", "PRIMARY_SITE"]
    assert kept.column_names[-3] == "columns_363_1080"
    assert rebuilt(kept) == lines
    assert any("no variable for 1,071 columns" in note for note in extract.notes)
    short = written(tmp_path, text.replace("LRECL=1080", ""))
    with pytest.raises(InputError, match="records are 1,080 bytes long"):
        open_extract([data, short], layout="2022")


def test_names_come_back_as_releases_print_them(tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.dat", ncdb_lines("2022"))
    script = written(tmp_path, sas(builtin_layouts()["2022"]).lower())
    assert kept_of(open_extract([data, script])) == kept_of(open_extract([data]))


def test_two_scripts_may_describe_a_file_if_they_agree(tmp_path: Path) -> None:
    layout = builtin_layouts()["2022"]
    data = write_lines(tmp_path / "a.dat", ncdb_lines("2022"))
    scripts = [written(tmp_path, KINDS[kind](layout), kind) for kind in ("sas", "structure")]
    assert open_extract([data, *scripts]).release == "2022"
    old = written(tmp_path, sas(builtin_layouts()["2016"], "PUF 2016"), "old")
    assert open_extract([data, scripts[0], old]).release == "2022"
    renamed = written(tmp_path, structure(layout).replace(",AGE,", ",AGE_AT_DX,"), "renamed.csv")
    with pytest.raises(InputError, match="scripts describe the file differently: columns 50-52 are AGE"):
        open_extract([data, scripts[0], renamed])


def test_codes_that_no_scheme_has_are_told_before_they_are_met(tmp_path: Path) -> None:
    labels = "proc format; comment items: RACE; value frace 1='White' 01='White; too' 77='A code of a later release';"
    data = write_lines(tmp_path / "a.dat", ncdb_lines("2022"))
    extract = open_extract([data, written(tmp_path, sas(builtin_layouts()["2022"]) + labels)])
    assert any("reported as unmapped: RACE 77." in note for note in extract.notes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_is_recognised_as_what_describes_data(tmp_path: Path, kind: str) -> None:
    script = written(tmp_path, KINDS[kind](builtin_layouts()["2022"], "PUF 2022"), "x")
    found = recognise(script)
    assert found.companion
    assert (found.format, found.source, found.error) == ("ncdb_puf", "ncdb", None)
    assert "that describes NCDB records of release 2022: 340 variables in 1,080 columns" in found.explanation
    with pytest.raises(InputError, match="No data file is named, only what describes one"):
        open_extract([script])


def test_a_script_of_other_data_is_no_companion(tmp_path: Path) -> None:
    other = Layout.of("2022", [Field(name, 1 + 4 * n, 4) for n, name in enumerate("ABCDE")])
    assert not recognise(written(tmp_path, sas(other))).companion


Damage = Callable[[str], str]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("  AGE $ 50-52", "  AGE $ 50-53"),
        lambda text: text.replace("  AGE $ 50-52", "  AGE $ "),
    ],
)
def test_a_script_that_cannot_be_right_is_said_by_the_doctor(tmp_path: Path, damage: Damage) -> None:
    found = recognise(written(tmp_path, damage(sas(builtin_layouts()["2022"]))))
    assert found.error is not None
    assert "AGE" in found.explanation
