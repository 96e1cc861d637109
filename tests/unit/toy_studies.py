"""A small catalog for tests: shipped cohorts, and studies cut down to what a test is about."""

import atexit
import csv
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from pipelines.settings import Settings
from pipelines.studies.compare import Target

SHIPPED = Settings().catalog_dir
COMMON = [
    "id", "title", "question", "tier", "references", "sources", "needs", "cohort", "exposure", "outcome",
    "covariates", "models", "design", "primary",
]  # fmt: skip
CUT = {
    "mudgway2020": (
        [
            "table_one", "exposed_share", "km", "logistic_exposure", "cox_unadjusted", "cox_adjusted",
            "matched_cox", "matched_km", "stratified_cox",
        ],
        ["sensitivity"],
    ),
    "vohra2018": (
        [
            "table_one", "exposed_share", "km", "cox_unadjusted", "cox_adjusted", "cox_other_cause",
            "matched_cox", "matched_km", "stratified_cox",
        ],
        [],
    ),
    "gnerlich2007": (
        [
            "table_one", "km", "vital_status_median", "cox_unadjusted", "cox_adjusted",
            "cox_propensity_covariate", "matched_cox", "stratified_cox",
        ],
        [],
    ),
    "dawood2010": (["table_one", "km", "cox_unadjusted", "cox_adjusted"], []),
}  # fmt: skip
"""Analyses, and blocks beyond the common ones, of the shipped studies that tests run whole."""


def read(name: str) -> dict[str, Any]:
    """The content of a shipped study."""
    text = (SHIPPED / "studies" / name / "study.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def cut(name: str, **changes: Any) -> dict[str, Any]:
    """A shipped study with the analyses of `CUT`, and with what a test changes; None takes a key out."""
    content = read(name)
    analyses, blocks = CUT[name]
    kept = {key: content[key] for key in (*COMMON, *blocks) if key in content} | {"analyses": analyses}
    return {key: value for key, value in (kept | changes).items() if value is not None}


def targets(name: str) -> list[dict[str, str]]:
    """Published numbers of a shipped study that its analyses of `CUT` give."""
    content, (analyses, blocks) = read(name), CUT[name]
    gone = [
        one["name"]
        for key in {"other_outcomes", "subgroups", "sensitivity"} - {*blocks}
        for one in content.get(key, [])
    ]
    with (SHIPPED / "studies" / name / "published.csv").open(encoding="utf-8", newline="") as stream:
        return [
            row
            for row in csv.DictReader(stream)
            if row["analysis"] in analyses and not row["subgroup"].startswith(tuple(gone) or "-")
        ]


def write_study(catalog: Path, content: dict[str, Any], rows: list[dict[str, str]] | None = None) -> None:
    """Write a study into a catalog."""
    folder = catalog / "studies" / content["id"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    with (folder / "published.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(Target.model_fields))
        writer.writeheader()
        writer.writerows(rows or [])


def catalog_at(folder: Path, *studies: dict[str, Any]) -> Path:
    """A catalog in a folder, with the shipped cohorts and some studies: all that a site's own has to hold."""
    catalog = folder / "catalog"
    shutil.copytree(SHIPPED / "cohorts", catalog / "cohorts")
    for content in studies:
        write_study(catalog, content)
    return catalog


def small_catalog() -> Path:
    """A catalog of the studies of `CUT` with their published numbers; it is gone when the tests are."""
    folder = Path(tempfile.mkdtemp(prefix="small_catalog_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    catalog = catalog_at(folder)
    for name in CUT:
        write_study(catalog, cut(name), targets(name))
    return catalog
