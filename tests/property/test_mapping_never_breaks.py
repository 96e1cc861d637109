"""Whatever a table holds, a mapping stages every row, breaks on none, and accounts for every value."""

from typing import Any

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.codebook.mapping import parse_mapping
from pipelines.registry.mapped import staged_sql, unmapped_sql
from pipelines.registry.staging import register_staged

MAPPING = parse_mapping(
    {
        "id": "toy",
        "title": "Toy",
        "citation": "nobody",
        "licence": "none",
        "date_formats": ["%Y-%m-%d", "%d.%m.%Y"],
        "tables": [{"name": "t", "main": True, "key": "K", "columns": ["K", "A", "B"]}],
        "columns": {
            "patient_key": {"column": "t.K"},
            "survival_months": {"column": "t.A", "unit": "years", "at_least": 0, "at_most": 100},
            "entry_months": {"difference": ["t.A", "t.B"], "unit": "weeks"},
            "days_to_surgery": {"interval": {"from": "t.A", "to": "t.B"}},
            "age_years": {"interval": {"from": "t.B", "to": "t.A"}},
            "year_of_diagnosis": {"year_of": "t.A"},
            "nodes_examined": {"column": ["t.A", "t.B"], "values": {"many": "90"}, "missing": ["-99"]},
            "body_mass_index": {
                "body_mass_index": {
                    "height": "t.A",
                    "height_unit": "cm",
                    "weight": "t.B",
                    "weight_unit": "lb",
                }
            },
            "sex": {"column": "t.A", "values": {"F": "female", "it's": "male"}},
            "behavior": {"column": "t.B", "match": "beginning", "values": {"C5": "invasive"}},
            "age_top_coded": {"column": "t.A", "values": {"90+": "true"}, "unmapped": "false"},
            "grade": {"first_of": [{"when": {"t.A": ["F", "blank"]}, "then": "well"}]},
        },
    },
    where="toy",
)
NUMBERS = st.floats().map(str) | st.integers(-(10**30), 10**30).map(str)
DATES = st.dates().map(str) | st.sampled_from(
    ["0000-00-00", "31.12.9999", "9999-12-31", "0001-01-01 00:00:00", "infinity"]
)
TEXTS = (
    st.none()
    | st.text(max_size=8)
    | NUMBERS
    | DATES
    | st.sampled_from(["-99", "F", "it's", "C50.9", "1e308", "many"])
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=6))
def test_every_row_is_staged_and_every_text_is_a_value_blank_or_counted(rows: list[tuple[Any, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("K", "A", "B"), pl.String), orient="row").with_columns(
        source_file=pl.lit("t"), source_record=pl.int_range(1, len(rows) + 1)
    )
    with duckdb.connect() as con:
        con.register("extract_t", frame.to_arrow())
        register_staged(con, staged_sql(MAPPING))
        staged = con.execute("select * from staged").pl()
        unmapped = dict(
            con.execute(
                f"select field, sum(n)::bigint from ({unmapped_sql(MAPPING)}) group by field"
            ).fetchall()
        )
    assert staged.height == len(rows)
    assert staged["sex"].to_list().count("unmapped") == unmapped.get("sex", 0)
    assert staged["behavior"].to_list().count("unmapped") == unmapped.get("behavior", 0)
    for number in ("survival_months", "nodes_examined"):
        states = staged[f"{number}_status"].to_list()
        assert states.count("unknown") == unmapped.get(number, 0)
        assert staged[number].is_null().sum() == states.count("unknown") + states.count("blank")
