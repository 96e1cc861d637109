"""Of few people nothing is shown that tells when single ones died."""

import json
from pathlib import Path

from pipelines.store.withheld import read_estimates
from pipelines.studies.results import Counts, Estimate, estimates_frame

SAME = {"study": "s", "submission": "x", "cohort": "c", "ci_level": 0.95, "settings_hash": "0"}


def followed(arm: str, measure: str, people: int) -> Estimate:
    return Estimate("km", arm, "surgery", "", measure, 32.6, 23.1, 47.1, counts=Counts(people))


def test_times_of_few_people_are_withheld_and_ratios_are_not(tmp_path: Path) -> None:
    """A median of three people, and its interval, are three people's own months."""
    folder = tmp_path / "studies" / "s"
    folder.mkdir(parents=True)
    rows = [followed("few", "median_months", 3), followed("many", "median_months", 30)]
    rows += [followed("few", "survival_probability", 3), followed("few", "hr", 3)]
    estimates_frame(rows, SAME).write_csv(folder / "estimates.csv")
    run = {
        "study": "s",
        "cohort": "c",
        "settings_hash": "0",
        "gate": "off",
        "arms": {"exposed": "few", "others": [], "reference": "many"},
        "settings": {},
    }
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    shown = {(row["subgroup"], row["measure"]): row for row in read_estimates(folder).to_dicts()}
    for measure in ("median_months", "survival_probability"):
        assert shown["few", measure]["small"]
        assert [shown["few", measure][name] for name in ("estimate", "ci_low", "ci_high")] == [None] * 3
    assert shown["many", "median_months"]["estimate"] == 32.6
    assert shown["few", "hr"]["estimate"] == 32.6
