"""A made-up registry for tests: every tumor column of the data dictionary, few rows, and its store."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines import store
from pipelines.store import FileFacts, Home, Manifest, Submission, Verdict

DICTIONARY = Path(__file__).resolve().parents[2] / "pipelines" / "registry" / "columns.csv"
TYPES = {
    "varchar": pl.String,
    "boolean": pl.Boolean,
    "double": pl.Float64,
    "bigint": pl.Int64,
    "integer": pl.Int32,
}
WOMAN: dict[str, Any] = {
    "sex": "female",
    "primary_site": "C504",
    "behavior": "invasive",
    "histology_icdo3": "8500",
    "class_of_case": "10",
    "year_of_diagnosis": 2011,
    "age_group": "50-59",
    "stage_iv": True,
    "stage_iv_adjusted_ajcc6": True,
    "her2_status": "positive",
    "vital_status": "dead",
    "died": True,
    "survival_months": 12.0,
    "operated": True,
    "withheld_follow_up": False,
}


def tumors(rows: list[dict[str, Any]], *, source: str = "ncdb") -> pl.DataFrame:
    """Rows as a tumor table; what a row does not say is that of an eligible operated woman, or null."""
    with DICTIONARY.open(encoding="utf-8", newline="") as stream:
        schema = {
            row["column"]: TYPES[row["type"]] for row in csv.DictReader(stream) if row["table"] == "tumor"
        }
    filled = [
        {
            "submission": "toy",
            "source": source,
            "source_file": "toy.dat",
            "source_record": number,
            "patient_id": f"p{number:05d}",
            "tumor_id": f"t{number:05d}",
            **WOMAN,
            **row,
        }
        for number, row in enumerate(rows, start=1)
    ]
    return pl.DataFrame(filled, schema=schema, orient="row")


def submission(
    root: Path,
    tumor: pl.DataFrame,
    *,
    source: str = "ncdb",
    covered: tuple[int, int] | None = (2004, 2016),
    statuses: dict[str, str] | None = None,
    passed: bool | None = True,
) -> Submission:
    """A published submission with this tumor table; every column is ``recorded`` unless ``statuses`` says else."""
    sub = Submission("toy", Home(root).submissions / "toy")
    store.write_parquet(tumor, sub.registry_table("tumor"))
    said = {name: "recorded" for name in tumor.columns} | (statuses or {})
    ascertainment = pl.DataFrame(
        {
            "source": [source] * len(said),
            "release": ["2016"] * len(said),
            "variable": list(said),
            "status": list(said.values()),
            "reason": [f"made-up reason for {name}" for name in said],
            "reference": ["toy"] * len(said),
        }
    )
    store.write_parquet(ascertainment, sub.registry_table("ascertainment"))
    facts = FileFacts(
        name="toy.dat",
        table="extract",
        bytes=1,
        sha256="0" * 64,
        records_read=tumor.height,
        kept=tumor.height,
        quarantined=0,
    )
    verdict = (
        None if passed is None else Verdict(passed=passed, checks=1, judged_at="2026-01-01T00:00:00+00:00")
    )
    sub.save_manifest(
        Manifest(
            submission="toy",
            source=source,
            format="toy",
            release="2016",
            covered_years=covered,
            files=(facts,),
            verdict=verdict,
        )
    )
    return sub


def world(n: int = 1500, *, seed: int = 20260101, log_hr: float = -0.35) -> list[dict[str, Any]]:
    """Women whose surgery depends on age, spread and payer, as their survival does; censored at 60 months."""
    draw = np.random.default_rng(seed)
    ages = np.array(["under_40", "40-49", "50-59", "60-69", "70-79", "80+"])
    age = draw.choice(6, n, p=[0.08, 0.17, 0.3, 0.25, 0.14, 0.06])
    visceral = draw.random(n) < 0.4
    private = draw.random(n) < 0.55
    black = draw.random(n) < 0.18
    logit = -0.3 - 0.25 * (age - 2) - 0.7 * visceral + 0.5 * private
    operated = draw.random(n) < 1 / (1 + np.exp(-logit))
    hazard = 0.02 * np.exp(0.25 * (age - 2) + 0.7 * visceral - 0.3 * private + log_hr * operated)
    death = draw.exponential(1 / hazard)
    months = np.floor(np.minimum(death, 60.0))
    breast = draw.random(n) < 0.85

    def pick(*values: str) -> list[str]:
        return [str(one) for one in draw.choice(values, n)]

    elsewhere = pick("bone_only", "bone_only", "nodal_only")
    others = {
        "income_quartile_2012": pick("q1", "q2", "q3", "q4"),
        "charlson_deyo": pick("0", "0", "0", "1", "2_or_more"),
        "grade": pick("well", "moderate", "poor", "unknown"),
        "clinical_t": pick("1", "2", "4d", "X"),
        "clinical_n": pick("0", "1", "2A", "X"),
        "er_status": pick("positive", "positive", "negative", "unknown"),
        "pr_status": pick("positive", "negative", "unknown"),
        "marital_status": pick("married", "single", "widowed", "unknown"),
        "chemotherapy_or_targeted": pick("yes", "yes", "yes", "no"),
        "hormone_therapy": pick("yes", "no"),
        "radiation": pick("yes", "no", "no"),
    }
    return [
        {
            **{name: values[i] for name, values in others.items()},
            "age_group": str(ages[age[i]]),
            "year_of_diagnosis": int(2010 + i % 3),
            "race_ethnicity": "non_hispanic_black" if black[i] else "non_hispanic_white",
            "primary_payer": "private" if private[i] else ("medicare" if i % 4 else "none"),
            "any_visceral": "yes" if visceral[i] else "no",
            "metastatic_pattern": "visceral" if visceral[i] else elsewhere[i],
            "operated": bool(operated[i]),
            "survival_months": float(months[i]),
            "died": bool(death[i] <= 60),
            "vital_status": "dead" if death[i] <= 60 else "alive",
            "cause_of_death_group": "alive"
            if death[i] > 60
            else ("breast_cancer" if breast[i] else "other_cause"),
            "died_of_breast_cancer": bool(death[i] <= 60 and breast[i]),
            "died_of_other_cause": bool(death[i] <= 60 and not breast[i]),
        }
        for i in range(n)
    ]
