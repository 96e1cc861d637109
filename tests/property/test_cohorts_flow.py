"""Who leaves a cohort where, against a reading of the rules in plain Python; any people, any missing values."""

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cohorts.compile import attrition, compile_query
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.toys import outcomes_of, tumor_schema


def rule(name: str, kind: str, when: str) -> dict[str, str]:
    return {"id": name, "words": name, "reference": "a test", "kind": kind, "when": when}


DEFINITION = CohortDefinition.model_validate(
    {
        "name": "made_up",
        "title": "t",
        "words": "w",
        "rules": [rule("stage", "include", "stage_iv"), rule("withheld", "exclude", "withheld_follow_up")],
        "rules_after_index": [rule("followed", "include", "survival_months >= 1")],
        "arms": {
            "words": "Surgery",
            "needs": ["operated"],
            "exposed": {"label": "mastectomy", "when": "operated and primary_surgery = 'mastectomy'"},
            "others": [{"label": "other", "when": "operated and primary_surgery <> 'mastectomy'"}],
            "reference": {"label": "none", "when": "not operated"},
        },
    }
)
truth = st.sampled_from([True, False, None])
people = st.lists(
    st.fixed_dictionaries(
        {
            "patient_id": st.sampled_from(["a", "b", "c", None]),
            "year_of_diagnosis": st.sampled_from([2010, 2011, None]),
            "record_number": st.sampled_from([1, 2, None]),
            "stage_iv": truth,
            "withheld_follow_up": truth,
            "survival_months": st.sampled_from([0.0, 5.0, None]),
            "operated": truth,
            "primary_surgery": st.sampled_from(["mastectomy", "breast_conserving", None]),
        }
    ),
    max_size=12,
)


def says(row: dict[str, Any]) -> dict[str, bool | None]:
    """What each rule says: true stays, false goes, None nobody can tell."""
    months = row["survival_months"]
    return {
        "stage": row["stage_iv"],
        "withheld": None if row["withheld_follow_up"] is None else not row["withheld_follow_up"],
        "followed": None if months is None else months >= 1,
    }


def arm_of(row: dict[str, Any]) -> str | None:
    if row["operated"] is None or (row["operated"] and row["primary_surgery"] is None):
        return None
    if not row["operated"]:
        return "none"
    return "mastectomy" if row["primary_surgery"] == "mastectomy" else "other"


def left_at(rows: list[dict[str, Any]]) -> list[str | None]:
    """Where each tumor leaves, None for members."""
    first: list[str | None] = []
    for row in rows:
        failed = [name for name in ("stage", "withheld") if says(row)[name] is not True]
        first.append(failed[0] if failed else None)

    def order(number: int) -> tuple[int, ...]:
        """Earliest, unknown last; then the order of the extract."""
        row = rows[number]
        return (row["year_of_diagnosis"] or 9999, row["record_number"] or 9999, number)

    def person(number: int) -> str:
        return rows[number]["patient_id"] or f"alone {number}"

    index: dict[str, int] = {}
    for number in sorted((n for n, out in enumerate(first) if out is None), key=order):
        index.setdefault(person(number), number)
    result: list[str | None] = []
    for number, row in enumerate(rows):
        if first[number] is not None:
            result.append(first[number])
        elif index[person(number)] != number:
            result.append("index_tumor")
        elif says(row)["followed"] is not True:
            result.append("followed")
        else:
            result.append(None if arm_of(row) else "arm_known")
    return result


def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    filled = [
        {"source_file": "f", "source_record": number, "tumor_id": f"t{number}", **row}
        for number, row in enumerate(rows, start=1)
    ]
    return pl.DataFrame(filled, schema=tumor_schema(), orient="row")


@settings(max_examples=60, deadline=None)
@given(people)
def test_everybody_leaves_where_the_rules_say(rows: list[dict[str, Any]]) -> None:
    found = outcomes_of(DEFINITION, table(rows))
    assert found["left_at_rule"].to_list() == left_at(rows)
    assert found["arm"].to_list() == [arm_of(row) for row in rows]
    for name in ("stage", "withheld", "followed"):
        assert found[name].to_list() == [says(row)[name] for row in rows]


@settings(max_examples=60, deadline=None)
@given(people)
def test_the_lines_of_the_flow_add_up_by_arm(rows: list[dict[str, Any]]) -> None:
    found = outcomes_of(DEFINITION, table(rows))
    roles = {"mastectomy": "exposed", "other": "arm_2", "none": "reference"}
    judged = found.with_columns(
        pl.col("arm").replace_strict(roles, default="arm_unknown", return_dtype=pl.String).alias("arm_role")
    )
    lines = attrition(judged, DEFINITION)
    assert lines["n_before"][0] == len(rows)
    assert lines["n_after"].to_list()[-1] == left_at(rows).count(None)
    assert (lines["n_before"] - lines["n_excluded"]).to_list() == lines["n_after"].to_list()
    for count in ("n_before", "n_excluded", "n_after"):
        by_arm = [lines[f"{count}_{role}"] for role in (*roles.values(), "arm_unknown")]
        assert [sum(cells) for cells in zip(*by_arm, strict=True)] == lines[count].to_list()
    unknown = {name: 0 for name in lines["rule_id"]}
    for row, rule_id in zip(rows, left_at(rows), strict=True):
        if rule_id == "arm_known" or (rule_id in says(row) and says(row)[rule_id] is None):
            unknown[str(rule_id)] += 1
    assert lines["n_excluded_unknown"].to_list() == list(unknown.values())


def test_the_query_is_one_select_over_one_relation() -> None:
    query = compile_query(DEFINITION)
    assert query.count("from tumor") == 1
    assert query.count(";") == 0
