"""The page of a study: what its tables may say of few people."""

import re

from pipelines.reporting.study_tables import estimates_table
from pipelines.studies.results import Counts, Estimate, estimates_frame

SAME = {"study": "s", "submission": "x", "cohort": "c", "ci_level": 0.95, "settings_hash": "0"}


def test_who_left_a_model_cannot_be_counted_by_subtraction() -> None:
    """1,175 women, and 1,167 of them in a model that leaves out a rare level: the level has 8."""
    rows = [
        Estimate(analysis, "all", "surgery", "a vs b", "hr", 0.8, counts=Counts(n))
        for analysis, n in (
            ("cox_unadjusted", 1175),
            ("cox_adjusted", 1167),
            ("matched_cox", 800),
            ("cox_few", 9),
        )
    ]
    html = estimates_table(estimates_frame(rows, SAME).with_columns(hidden=False))
    cells = [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", html, re.S)]
    assert {"1,175", "800", "hidden", "&lt;11"} <= set(cells)
    assert "1,167" not in html
