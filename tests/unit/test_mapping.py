"""A mapped source, from YAML to staged rows. The toy tables have the shape of breast_msk_2018 and made-up values."""

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
import yaml

from pipelines import codebook
from pipelines.codebook.mapping import Mapping, load_mapping, parse_mapping
from pipelines.errors import InputError
from pipelines.formats.mapped.tables import open_mapped
from pipelines.formats.types import Options
from pipelines.registry.mapped import (
    check_received,
    mapped_ascertainment,
    side_table_counts_sql,
    staged_sql,
    unmapped_sql,
    without_absent,
)
from pipelines.registry.staging import register_staged, staged_columns
from pipelines.settings import Settings

CATALOG = Settings().catalog_dir / "mappings"
REAL = Settings().catalog_dir.parent.parent / "shared" / "reference" / "real" / "breast_msk_2018"

PATIENTS = """
PATIENT_ID | METASTATIC_DZ_FUP | METASTATIC_RECURRENCE_TIME_MONTHS | PRIOR_LOCAL_RECURRENCE | SEX    | LATERALITY     | T_STAGE | N_STAGE | M_STAGE | HER2_STATUS_PRIMARY | OS_MONTHS | OS_STATUS
T-1        | Yes               | 600                               | No                     | Female | Left           | T2      | N1      | M1      | Negative            | 30.5      | 1:DECEASED
T-2        | Yes               | 540                               | No                     | Female | Bilateral/Left | T1c     | N0      | M0      | Unk/ND              | 80.0      | 0:LIVING
T-3        | Yes               | 700                               | Yes                    | Male   | Right          | T1      | N0      | M0      | Equivocal           | 120.0     | 0:LIVING
T-4        | No                |                                   | No                     | Femal  | Right          | T1      | N0      | M0      | Positive            |           | 0:LIVING
"""  # noqa: E501  # a drawn table is as wide as its columns
SAMPLES = """
PATIENT_ID | SAMPLE_ID | PRIOR_BREAST_PRIMARY  | INVASIVE_CARCINOMA_DX_TIME | NGS_SAMPLE_COLLECTION_TIME | INVASIVE_CARCINOMA_DX_AGE | TUMOR_SAMPLE_HISTOLOGY            | OVERALL_TUMOR_GRADE | STAGE_AT_DIAGNOSIS | ER_STATUS_PRIMARY | PR_STATUS_PRIMARY
T-1        | S-1       | No                    | 600.25                     | 600                        | 50                        | Breast Invasive Ductal Carcinoma  | Unknown             | IV                 | Positive          | Negative
T-2        | S-2b      | Yes                   | 500.5                      | 545                        | 42                        | Breast Invasive Lobular Carcinoma | Unknown             | IIA                | Positive          | Unk/ND
T-2        | S-2a      | Yes                   | 500.5                      | 90                         | 42                        | Breast Invasive Ductal Carcinoma  | Unknown             | IIA                | Positive          | Unk/ND
T-3        | S-3       | Synchronous Bilateral | 600.0                      | 705                        | 50                        | Tubular Carcinoma                 | Unknown             | IIIC               | Negative          | Negative
T-9        | S-9       | No                    | 600.0                      | 705                        | 50                        | Tubular Carcinoma                 | Unknown             | IA                 | Negative          | Negative
"""  # noqa: E501  # a drawn table is as wide as its columns


def table(text: str, name: str) -> pl.DataFrame:
    """Read a drawn table: every cell is text, with the file and the record number beside it."""
    header, *lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return pl.DataFrame(lines, schema=header, orient="row").with_columns(
        source_file=pl.lit(f"{name}.txt"), source_record=pl.int_range(1, len(lines) + 1)
    )


def run(mapping: Mapping, **tables: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    """Register the received tables as the runner does and stage them."""
    con = duckdb.connect()
    for name, frame in tables.items():
        con.register(f"extract_{name}", frame.to_arrow())
    register_staged(con, staged_sql(mapping))
    return con


@pytest.fixture(scope="module")
def breast() -> Mapping:
    return load_mapping(CATALOG / "breast_msk_2018.yaml")


@pytest.fixture(scope="module")
def toy(breast: Mapping) -> duckdb.DuckDBPyConnection:
    return run(breast, patient=table(PATIENTS, "patients"), sample=table(SAMPLES, "samples"))


@pytest.fixture(scope="module")
def people(toy: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    return {row["patient_key"]: row for row in toy.sql("select * from staged").pl().to_dicts()}


def test_every_main_row_is_one_staged_row(people: dict[str, dict[str, Any]]) -> None:
    assert sorted(people) == ["T-1", "T-2", "T-3", "T-4"]
    assert [people[key]["source_record"] for key in sorted(people)] == [1, 2, 3, 4]
    assert {(row["source"], row["release"], row["source_file"]) for row in people.values()} == {
        ("mapped", "breast_msk_2018", "patients.txt")
    }


def test_words_come_from_the_values_and_a_stranger_is_unmapped(people: dict[str, dict[str, Any]]) -> None:
    assert [people[key]["sex"] for key in sorted(people)] == ["female", "female", "male", "unmapped"]
    assert [people[key]["her2_recode"] for key in sorted(people)] == [
        "negative",
        "unknown",
        "borderline",
        "positive",
    ]
    assert (people["T-1"]["m_at_diagnosis"], people["T-1"]["stage_at_diagnosis"]) == ("m1", "4")
    assert people["T-3"]["prior_breast_primary"] == "no"


def test_clocks_from_birth_become_months_from_diagnosis_with_their_sign(
    people: dict[str, dict[str, Any]],
) -> None:
    assert (
        people["T-1"]["months_to_distant_recurrence"] == 600 - 600.25
    )  # whole months: rounding, kept for the rules
    assert people["T-2"]["months_to_distant_recurrence"] == 540 - 500.5
    assert people["T-4"]["months_to_distant_recurrence"] is None
    assert people["T-3"]["entry_months"] == 705 - 600.0


def test_the_earliest_sample_is_by_number_not_by_text(people: dict[str, dict[str, Any]]) -> None:
    assert people["T-2"]["entry_months"] == 90 - 500.5  # as text, "545" would come before "90"
    assert people["T-2"]["histology"] == "8500"


def test_recurrence_is_the_first_case_that_holds(people: dict[str, dict[str, Any]]) -> None:
    words = [people[key]["recurrence_type"] for key in sorted(people)]
    assert words == ["never_disease_free", "distant", "locoregional", "none"]


def test_a_person_without_a_side_row_is_blank_and_not_lost(people: dict[str, dict[str, Any]]) -> None:
    alone = people["T-4"]
    assert (alone["stage_at_diagnosis"], alone["er_recode"], alone["entry_months"]) == (
        "blank",
        "blank",
        None,
    )
    assert (alone["survival_months"], alone["survival_months_status"]) == (None, "blank")
    assert people["T-1"]["survival_months_status"] == "recorded"


def test_what_the_source_lacks_is_null(people: dict[str, dict[str, Any]]) -> None:
    assert {row[column] for row in people.values() for column in ("year_of_diagnosis", "chemo", "race")} == {
        None
    }


def test_side_rows_are_accounted_for(breast: Mapping, toy: duckdb.DuckDBPyConnection) -> None:
    assert toy.execute(side_table_counts_sql(breast)).fetchall() == [("sample", 5, 3, 1, 1)]


def test_unmapped_texts_are_counted_by_field(breast: Mapping, toy: duckdb.DuckDBPyConnection) -> None:
    assert toy.execute(unmapped_sql(breast)).fetchall() == [("sex", "breast_msk_2018", "Femal", 1)]


def test_row_order_does_not_matter(breast: Mapping, people: dict[str, dict[str, Any]]) -> None:
    shuffled = run(
        breast, patient=table(PATIENTS, "patients")[::-1], sample=table(SAMPLES, "samples")[::-1]
    ).sql("select * from staged")
    assert {row["patient_key"]: row for row in shuffled.pl().to_dicts()} == people


def test_the_source_says_what_it_cannot_give(breast: Mapping) -> None:
    facts = {row["variable"]: row for row in mapped_ascertainment(breast).to_dicts()}
    assert facts["chemotherapy"]["status"] == facts["primary_surgery"]["status"] == "not_released"
    assert facts["disease_presentation"]["status"] == "derived"
    assert "Razavi" in facts["year_of_diagnosis"]["reference"]


SMALL: dict[str, Any] = {
    "id": "toy",
    "title": "Toy",
    "citation": "nobody",
    "licence": "none",
    "tables": [{"name": "person", "main": True, "key": "ID", "columns": ["ID", "DAYS", "SEX"]}],
    "columns": {"patient_key": {"column": "person.ID"}},
}


def small(**columns: dict[str, Any]) -> Mapping:
    return parse_mapping({**SMALL, "columns": {**SMALL["columns"], **columns}}, where="toy.yaml")


def test_days_become_months_and_a_text_that_is_no_number_says_so() -> None:
    mapping = small(survival_months={"column": "person.DAYS", "unit": "days"})
    rows = run(mapping, person=table("ID|DAYS|SEX\na|365.25|F\nb|soon|F\nc||F", "p")).execute(
        "select survival_months, survival_months_status from staged order by patient_key"
    )
    assert rows.fetchall() == [(12.0, "recorded"), (None, "unknown"), (None, "blank")]


def test_a_quote_in_a_code_is_text() -> None:
    mapping = small(sex={"column": "person.SEX", "values": {"it's F": "female"}, "unmapped": "unknown"})
    rows = run(mapping, person=table("ID|DAYS|SEX\na|1|it's F\nb|1|'; drop", "p")).execute(
        "select sex from staged order by patient_key"
    )
    assert rows.fetchall() == [("female",), ("unknown",)]


def test_every_mistake_is_told_at_once_with_its_path() -> None:
    content = {
        **SMALL,
        "licence": 5,
        "columns": {
            "sex": {"column": "person.SEX", "constant": "female"},
            "grade": {"column": "grade"},
            "vital_status": {"column": "person.SEX", "values": {True: "alive"}},
            "age_years": {"colum": "person.DAYS"},
        },
    }
    with pytest.raises(InputError) as caught:
        parse_mapping(content, where="toy.yaml")
    told = str(caught.value)
    for expected in (
        "licence",
        "columns.sex: needs exactly one of",
        "columns.grade.column: write it as table.column",
        "columns.vital_status.values.True",
        "quote it",
        "columns.age_years.colum",
        "toy.yaml",
    ):
        assert expected in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tables": [{**SMALL["tables"][0], "main": False}]}, "exactly one table has main: true"),
        ({"tables": [SMALL["tables"][0], {"name": "side", "key": "ID", "columns": ["ID"]}]}, "needs take"),
        ({"tables": [{**SMALL["tables"][0], "key": "MRN"}]}, "lacks MRN"),
        ({"columns": {"sex": {"column": "person.SEX"}}}, "patient_key is needed"),
        (
            {"columns": {"patient_key": {"column": "person.MRN"}}},
            "reads person.MRN, which tables do not list",
        ),
        (
            {"ascertainment": [{"variables": ["age", "age"], "status": "recorded", "reason": "r"}]},
            "states age twice",
        ),
    ],
)
def test_a_mapping_hangs_together(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_mapping({**SMALL, **change}, where="toy.yaml")


def test_a_mapping_fills_staged_columns_with_their_words_only() -> None:
    with pytest.raises(InputError) as caught:
        staged_sql(
            small(
                sexx={"column": "person.SEX"},
                vital_status={"column": "person.SEX", "values": {"F": "deceased"}},
                release={"constant": "x"},
            )
        )
    told = str(caught.value)
    assert "columns.sexx: no such staged column" in told
    assert "'deceased' is not one of dead|alive" in told
    assert "columns.release: filled by the program" in told


def test_a_column_that_was_not_received_is_named() -> None:
    mapping = small(sex={"column": "person.SEX"})
    check_received(mapping, {"person": ["ID", "DAYS", "SEX", "MORE"]})
    with pytest.raises(InputError, match=r"person\.DAYS, person\.SEX"):
        check_received(mapping, {"person": ["ID"]})
    with pytest.raises(InputError, match="table person"):
        check_received(mapping, {})


def test_a_file_that_is_no_mapping_is_told_in_one_paragraph(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("id: toy\n  tables: [", encoding="utf-8")
    with pytest.raises(InputError, match="not YAML"):
        load_mapping(broken)
    with pytest.raises(InputError, match="cannot be read"):
        load_mapping(tmp_path / "absent.yaml")
    listed = tmp_path / "list.yaml"
    listed.write_text("- a\n", encoding="utf-8")
    with pytest.raises(InputError, match="1 problem"):
        load_mapping(listed)


@pytest.mark.parametrize("path", sorted(CATALOG.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_mappings_fit_and_survive_the_manifest(path: Path) -> None:
    mapping = load_mapping(path)
    assert mapping.id == path.stem
    assert staged_sql(mapping) == staged_sql(parse_mapping(mapping.model_dump(mode="json"), where="manifest"))


def test_the_example_of_the_readme_is_a_mapping() -> None:
    text = (CATALOG / "README.md").read_text(encoding="utf-8")
    example = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0].replace("…", '"…"'))
    assert "left join" in staged_sql(parse_mapping(example, where="README"))


@pytest.mark.skipif(
    not REAL.is_dir(), reason="the real breast_msk_2018 files are not here; toy tables cover the rules"
)
def test_the_real_files_give_every_person_once(breast: Mapping) -> None:
    extract = open_mapped(
        [REAL / f"data_clinical_{name}.txt" for name in ("sample", "patient")], Options(mapping=breast)
    )
    received = {
        table.name: pa.concat_tables([batch.kept for batch in table.batches()]) for table in extract.tables
    }
    check_received(breast, {name: rows.column_names for name, rows in received.items()})
    con = run(breast, **{name: pl.DataFrame(rows) for name, rows in received.items()})
    assert con.execute(side_table_counts_sql(breast)).fetchall() == [("sample", 1918, 1756, 162, 0)]
    assert con.execute(unmapped_sql(breast)).fetchall() == []
    counts = con.execute(
        """
        select
            count(*),
            count(distinct patient_key),
            count(*) filter (m_at_diagnosis = 'm1' and stage_at_diagnosis = '4'),
            count(*) filter (m_at_diagnosis = 'm1' or stage_at_diagnosis = '4'),
            count(*) filter (recurrence_type = 'distant' and months_to_distant_recurrence is not null),
            count(*) filter (recurrence_type = 'locoregional' and months_to_distant_recurrence is not null),
            count(*) filter (recurrence_type = 'none' and months_to_distant_recurrence is not null),
            count(*) filter (least(months_to_distant_recurrence, entry_months) < -0.5),
            count(*) filter (entry_months >= survival_months),
            count(*) filter (sex = 'male'),
            count(*) filter (prior_breast_primary = 'yes'),
            count(*) filter (vital_status = 'dead')
        from staged
        """
    ).fetchone()
    assert counts == (1756, 1756, 358, 358, 828, 75, 0, 0, 9, 10, 83, 382)


def staged(mapping: Mapping, text: str, *names: str) -> list[tuple[Any, ...]]:
    """Stage a drawn table and give some columns of it."""
    con = run(mapping, person=table(text, "p"))
    return con.execute(f"select {', '.join(names)} from staged order by patient_key").fetchall()


@pytest.mark.parametrize(
    ("name", "unit", "received", "expected"),
    [
        ("survival_months", "years", "2", 24.0),
        ("survival_months", "weeks", "30.4375", 7.0),
        ("days_to_surgery", "weeks", "3", 21),
        ("days_to_surgery", None, "3", 3),
        ("tumor_size_mm", "cm", "2.3", 23.0),
        ("tumor_size_mm", "inches", "1", 25.4),
        ("distance_miles", "km", "1.609344", 1.0),
    ],
)
def test_units_are_converted_to_that_of_the_staged_column(
    name: str, unit: str | None, received: str, expected: float
) -> None:
    mapping = small(**{name: {"column": "person.DAYS", "unit": unit}})
    assert staged(mapping, f"ID|DAYS|SEX\na|{received}|F", name) == [(expected,)]


def test_a_number_beyond_its_bounds_or_no_number_is_null_and_counted_without_its_value() -> None:
    mapping = small(survival_months={"column": "person.DAYS", "unit": "years", "at_least": 0, "at_most": 600})
    text = "ID|DAYS|SEX\na|-1|F\nb|50|F\nc|51|F\nd|many|F\ne|inf|F\nf||F"
    con = run(mapping, person=table(text, "p"))
    rows = con.execute(
        "select survival_months, survival_months_status from staged order by patient_key"
    ).fetchall()
    assert rows == [
        (None, "unknown"),
        (600.0, "recorded"),
        (None, "unknown"),
        (None, "unknown"),
        (None, "unknown"),
        (None, "blank"),
    ]
    assert con.execute(unmapped_sql(mapping)).fetchall() == [
        ("survival_months", "toy", "(no number)", 2),
        ("survival_months", "toy", "(out of range)", 2),
    ]


DATES: dict[str, Any] = {
    **SMALL,
    "tables": [{"name": "person", "main": True, "key": "ID", "columns": ["ID", "BORN", "FOUND", "SEEN"]}],
}


def dated(date_formats: list[str] | None = None, **columns: dict[str, Any]) -> Mapping:
    formats = {"date_formats": date_formats} if date_formats else {}
    return parse_mapping({**DATES, **formats, "columns": {**SMALL["columns"], **columns}}, where="toy.yaml")


def test_dates_become_intervals_years_and_ages_and_none_is_staged() -> None:
    mapping = dated(
        age_years={"interval": {"from": "person.BORN", "to": "person.FOUND"}},
        year_of_diagnosis={"year_of": "person.FOUND"},
        survival_months={"interval": {"from": "person.FOUND", "to": "person.SEEN"}},
        days_to_surgery={"interval": {"from": "person.FOUND", "to": "person.SEEN"}},
    )
    text = """
    ID | BORN       | FOUND               | SEEN
    a  | 1960-03-02 | 2010-03-01 00:00:00 | 2011-03-01
    b  | 1960-03-01 | 2010-03-01          | 2010-02-19
    c  | 1960-02    | 2010-13-01          |
    """
    names = ("age_years", "year_of_diagnosis", "survival_months", "days_to_surgery", "days_to_surgery_status")
    first, second, third = staged(mapping, text, *names)
    assert first == (49, 2010, round(365 / 30.4375, 6), 365, "recorded")  # a day short of fifty
    assert second == (
        50,
        2010,
        round(-10 / 30.4375, 6),
        -10,
        "recorded",
    )  # the sign stays, for the rules to see
    assert third == (None, None, None, None, "blank")


def test_a_date_that_is_none_is_counted_and_not_shown() -> None:
    mapping = dated(year_of_diagnosis={"year_of": "person.FOUND"})
    con = run(mapping, person=table("ID|BORN|FOUND|SEEN\na||31.02.2010|\nb|||", "p"))
    assert con.execute(unmapped_sql(mapping)).fetchall() == [("year_of_diagnosis", "toy", "(no date)", 1)]


def test_the_site_says_how_its_dates_are_written() -> None:
    mapping = dated(
        ["%d.%m.%Y", "%Y%m%d"], days_to_surgery={"interval": {"from": "person.FOUND", "to": "person.SEEN"}}
    )
    assert staged(mapping, "ID|BORN|FOUND|SEEN\na||02.03.2010|20100305", "days_to_surgery") == [(3,)]
    with pytest.raises(InputError, match="a day, a month and a year of four digits"):
        dated(["%d/%m/%y"])


def test_the_first_column_that_holds_something_counts() -> None:
    mapping = small(
        sex={
            "column": ["person.SEX", "person.DAYS"],
            "missing": ["NULL"],
            "values": {"F": "female", "M": "male"},
        }
    )
    assert staged(mapping, "ID|DAYS|SEX\na|M|F\nb|M|NULL\nc|NULL|", "sex") == [
        ("female",),
        ("male",),
        ("blank",),
    ]


def test_values_may_list_how_texts_begin() -> None:
    mapping = small(
        behavior={
            "column": "person.SEX",
            "match": "beginning",
            "values": {"C5": "invasive", "C50.9": "unknown", "D05": "in_situ"},
        }
    )
    text = "ID|DAYS|SEX\na||C50.412\nb||C50.912\nc||D05\nd||E1"
    assert staged(mapping, text, "behavior") == [("invasive",), ("unknown",), ("in_situ",), ("unmapped",)]


def test_a_text_in_a_column_of_numbers_may_stand_for_a_number() -> None:
    mapping = small(age_years={"column": "person.DAYS", "values": {"90+": "90"}})
    assert staged(mapping, "ID|DAYS|SEX\na|90+|F\nb|61|F", "age_years") == [(90,), (61,)]


def test_a_body_mass_index_comes_from_height_and_weight() -> None:
    body = {"height": "person.DAYS", "height_unit": "cm", "weight": "person.SEX", "weight_unit": "kg"}
    mapping = small(body_mass_index={"body_mass_index": body})
    assert staged(mapping, "ID|DAYS|SEX\na|170|70\nb|0|70\nc||70", "body_mass_index") == [
        (24.2,),
        (None,),
        (None,),
    ]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            {"survival_months": {"column": "person.DAYS", "unit": "cm"}},
            "is in months, which cannot come from cm",
        ),
        (
            {"survival_months": {"column": "person.DAYS", "unit": "fortnights"}},
            "there is no unit 'fortnights'",
        ),
        ({"sex": {"column": "person.SEX", "unit": "days"}}, "are for columns of numbers"),
        (
            {"sex": {"difference": ["person.DAYS", "person.SEX"]}},
            "it holds words, and the mapping gives a number",
        ),
        (
            {"nodes_positive": {"interval": {"from": "person.DAYS", "to": "person.SEX"}}},
            "no time between two dates",
        ),
        (
            {"age_years": {"column": "person.DAYS", "values": {"90+": "old"}}},
            "'old' is not one of the numbers",
        ),
        ({"vital_statu": {"column": "person.SEX"}}, "did you mean vital_status"),
        ({"sex": {"constant": "female", "unit": "days"}}, "unit belongs to column or difference"),
        (
            {"tumor_size_mm": {"column": "person.DAYS", "at_least": 5, "at_most": 1}},
            "at_least is above at_most",
        ),
    ],
)
def test_a_unit_that_cannot_be_is_told(columns: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        staged_sql(small(**columns))


def test_problems_are_told_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(
        yaml.safe_dump(
            {**SMALL, "columns": {**SMALL["columns"], "sex": {"colum": "person.SEX"}}}, sort_keys=False
        )
    )
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "colum:" in text)
    with pytest.raises(InputError, match=rf"line {line}: columns\.sex\.colum"):
        load_mapping(path)


def test_a_staged_column_that_is_there_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    content = {**SMALL, "columns": {**SMALL["columns"], "sex": {"column": "person.SEX"}}}
    path.write_text(yaml.safe_dump(content, sort_keys=False) + "id: again\n")
    with pytest.raises(InputError, match=r"line \d+: id is there twice"):
        load_mapping(path)


def test_a_column_that_no_file_has_is_one_that_the_source_lacks() -> None:
    person = {**SMALL["tables"][0], "optional": ["GRADE"]}
    mapping = parse_mapping(
        {**SMALL, "tables": [person], "columns": {**SMALL["columns"], "grade": {"column": "person.GRADE"}}},
        where="toy.yaml",
    )
    assert "grade" not in without_absent(mapping, {"person": ["ID", "DAYS", "SEX"]}).columns
    assert "grade" in without_absent(mapping, {"person": ["id", "days", "sex", "Grade"]}).columns


def test_hints_for_a_draft_name_staged_columns() -> None:
    hints = pl.read_csv(Path(codebook.__file__).parent / "tables" / "mapping_hints.csv", infer_schema=False)
    assert set(hints["staged"]) <= set(staged_columns())
    assert hints["received"].is_unique().all()
