"""The SQL of ``sql/registry`` against plain Python, and against its own data dictionary, on random patients."""

import csv
from pathlib import Path

import polars as pl
import pytest
from derivations_in_python import disease_presentation, metastatic_pattern, stage_iv, stage_iv_any_evidence
from hypothesis import given, settings
from hypothesis import strategies as st

import pipelines.registry
from pipelines.registry import derive

TABLES = Path(pipelines.registry.__file__).parent

GROUP = [None, "blank", "unmapped", "0", "1", "2", "3", "4", "occult", "not_applicable", "unknown"]
M = [None, "blank", "unmapped", "m0", "m0_itc", "m1", "mx", "not_applicable", "unknown"]
FLAG = [None, "blank", "unmapped", "yes", "no", "no", "no", "unknown", "not_applicable"]

PATIENT = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["ncdb", "seer"]),
        "year_of_diagnosis": st.integers(1985, 2022),
        **{
            name: st.sampled_from(GROUP)
            for name in (
                "analytic_stage_group",
                "clinical_stage_group",
                "pathologic_stage_group",
                "stage_ajcc6_adjusted",
                "stage_ajcc6_derived",
                "stage_ajcc7_derived",
                "stage_combined_2016",
                "stage_eod_2018",
            )
        },
        **{
            name: st.sampled_from(M)
            for name in (
                "clinical_m",
                "pathologic_m",
                "m_ajcc6_derived",
                "m_ajcc7_derived",
                "m_ajcc6_adjusted",
                "m_combined_2016",
                "m_eod_2018",
            )
        },
        **{
            f"mets_{organ}": st.sampled_from(FLAG)
            for organ in ("bone", "brain", "liver", "lung", "distant_ln")
        },
        "mets_other": st.sampled_from([*FLAG, "generalized"]),
        "cs_mets_at_dx": st.sampled_from(
            [None, "blank", "none", "itc", "distant_nodes", "distant", "distant_nodes_and_other", "unknown"]
        ),
        "eod_mets": st.sampled_from([None, "blank", "none", "itc", "distant", "death_certificate"]),
        "recurrence_type": st.sampled_from(
            [None, "blank", "none", "locoregional", "distant", "distant_after_in_situ", "never_disease_free"]
        ),
        "months_to_distant_recurrence": st.sampled_from([None, 12.0, -0.4, -7.0]),
    }
)
SILENT = {
    name: st.sampled_from(["blank", "unknown"])
    for name in (
        "clinical_stage_group",
        "pathologic_stage_group",
        "clinical_m",
        "pathologic_m",
        "cs_mets_at_dx",
        "eod_mets",
    )
}
"""Random patients nearly always have an M1 somewhere; these have little, so that false and null are tried too."""
QUIET_PATIENT = st.builds(
    lambda patient, silent, m: patient | silent | m,
    PATIENT,
    st.fixed_dictionaries(SILENT),
    st.fixed_dictionaries(
        {
            name: st.sampled_from(["blank", "mx"])
            for name in (
                "m_ajcc6_derived",
                "m_ajcc7_derived",
                "m_ajcc6_adjusted",
                "m_combined_2016",
                "m_eod_2018",
            )
        }
    ),
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.one_of(PATIENT, QUIET_PATIENT), min_size=1, max_size=80))
def test_sql_and_plain_python_agree(patients):
    derived = derive(pl.DataFrame(patients, schema_overrides=_text_columns(patients)))["tumor"]
    for name, reference in (
        ("stage_iv", stage_iv),
        ("stage_iv_any_evidence", stage_iv_any_evidence),
        ("metastatic_pattern", metastatic_pattern),
        ("disease_presentation", disease_presentation),
    ):
        assert derived[name].to_list() == [reference(patient) for patient in patients], name


@settings(max_examples=5, deadline=None, derandomize=True)
@given(st.lists(PATIENT, min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_row_order_never_matters(patients, random):
    numbered = [patient | {"source_record": number} for number, patient in enumerate(patients, start=1)]
    shuffled = random.sample(numbered, len(numbered))
    straight, mixed = (
        derive(pl.DataFrame(rows, schema_overrides=_text_columns(rows)))["tumor"]
        for rows in (numbered, shuffled)
    )
    assert straight.equals(mixed)


@pytest.mark.parametrize("source", ["ncdb", "seer", "mapped"])
def test_every_word_is_in_the_data_dictionary(source):
    """Whatever staging may say, in whatever year, the derivations answer in words of the dictionary."""
    staged = _every_staged_word(source)
    derived = derive(staged)
    for table in ("tumor", "treatment", "follow_up"):
        for column, vocabulary in _vocabularies("columns.csv", table).items():
            said = set(derived[table][column].drop_nulls().unique().to_list())
            assert said <= vocabulary, f"{table}.{column} also says {sorted(said - vocabulary)}"


def _text_columns(rows: list[dict[str, object]]) -> dict[str, type[pl.String] | type[pl.Float64]]:
    numbers = {"year_of_diagnosis", "source_record", "months_to_distant_recurrence"}
    return {name: pl.String for name in rows[0] if name not in numbers} | {
        "months_to_distant_recurrence": pl.Float64
    }


def _vocabularies(file: str, table: str | None = None) -> dict[str, set[str]]:
    with (TABLES / file).open(encoding="utf-8", newline="") as lines:
        return {
            row["column"]: set(row["vocabulary"].split("|"))
            for row in csv.DictReader(lines)
            if row["type"] == "varchar"
            and row["vocabulary"]
            and ".." not in row["vocabulary"]
            and row.get("table") == table
        }


def _every_staged_word(source: str) -> pl.DataFrame:
    """Make 4,000 patients, each column cycling through its staged words at a step of its own (no randomness)."""
    n = 4000
    columns = {
        "year_of_diagnosis": [1985 + (i * 7) % 38 for i in range(n)],
        "age_years": [i % 95 for i in range(n)],
    }
    for place, (name, words) in enumerate(sorted(_vocabularies("staged_columns.csv").items())):
        if name in ("source", "primary_surgery_word") and source != "mapped":
            continue
        cycle = [*sorted(words), None] if place % 3 else sorted(words)
        columns[name] = [cycle[(i * (2 * place + 1) + i // (place + 2)) % len(cycle)] for i in range(n)]
    codes = ["00", "19", "20", "42", "63", "76", "90", "99", "zz", "blank", "A400", "B600", None]
    columns["surgery_code_to_2022"] = [codes[(i * 5) % len(codes)] for i in range(n)]
    columns["source"] = [source] * n
    return pl.DataFrame(
        columns,
        schema_overrides={
            name: pl.String for name in columns if name not in ("year_of_diagnosis", "age_years")
        },
    )
