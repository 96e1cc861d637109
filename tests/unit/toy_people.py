"""Toy people of a study as an `AnalysisSet`, without a registry: what they are, who is exposed, when they die."""

from typing import Any

import numpy as np
import polars as pl

from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.language import StudyDefinition

SURGERY, NO_SURGERY = "surgery", "no surgery"
COVARIATES: tuple[dict[str, Any], ...] = (
    {
        "name": "age",
        "words": "Age",
        "column": "age_group",
        "reference": "young",
        "levels": ["young", "old"],
    },
    {
        "name": "spread",
        "words": "Spread",
        "column": "metastatic_pattern",
        "reference": "bone",
        "levels": ["bone", "visceral"],
        "strong": True,
    },
    {
        "name": "size",
        "words": "Size",
        "column": "tumor_size_mm",
        "kind": "continuous",
        "missing": "complete_case",
    },
    {
        "name": "year",
        "words": "Year",
        "column": "year_of_diagnosis",
        "reference": "2010",
        "levels": ["2010", "2011", "2012"],
    },
)


def study(**changes: Any) -> StudyDefinition:
    """A study with all that an analysis could need; ``changes`` replace blocks of it."""
    content: dict[str, Any] = {
        "id": "toy",
        "title": "Toy",
        "question": "Does it?",
        "sources": ["ncdb"],
        "cohort": "toy",
        "exposure": "surgery",
        "outcome": {"kind": "disease_specific", "words": "Death of cancer", "other_cause": "true"},
        "covariates": COVARIATES,
        "models": {
            "cox": ["age", "spread", "size"],
            "propensity": ["age", "spread", "size"],
            "logistic": ["age", "spread", "size"],
        },
        "analyses": ["cox_unadjusted", "cox_adjusted"],
        "primary": "cox_adjusted",
        "horizons": {"survival_months": [12, 36], "rmst_months": 48, "split_months": [6, 12]},
        "effect_by": ["year"],
    }
    return StudyDefinition.model_validate({**content, **changes})


def people(
    n: int = 1200,
    *,
    seed: int = 20261122,
    log_hr: float = 0.0,
    other_arms: tuple[str, ...] = (),
    confounded: float = 0.9,
    definition: StudyDefinition | None = None,
) -> AnalysisSet:
    """People whose age, spread and size decide surgery and death alike; the effect of surgery itself is ``log_hr``.

    Each of ``other_arms`` has the effect of surgery too; about one death in four is of another cause, whose
    hazard surgery and spread leave alone.
    """
    draw = np.random.default_rng(seed)
    old, visceral = draw.random(n) < 0.5, draw.random(n) < 0.5
    size = np.round(draw.normal(0, 1, n), 2)
    logit = 0.4 - confounded * (old + visceral + 0.3 * size)
    operated = draw.random(n) < 1 / (1 + np.exp(-logit))
    labels = np.array([SURGERY, *other_arms])
    arm = np.where(operated, labels[draw.integers(0, len(labels), n)], NO_SURGERY)
    rate = 0.015 * np.exp(confounded * (old + visceral + 0.3 * size) + log_hr * operated)
    cancer, other = draw.exponential(1 / rate), draw.exponential(1 / (0.006 * np.exp(0.5 * old)))
    seen = draw.uniform(50, 90, n)
    time = np.minimum.reduce([cancer, other, seen])
    year = np.array(["2010", "2011", "2012"])[draw.integers(0, 3, n)]
    frame = pl.DataFrame(
        {
            "source_file": ["toy"] * n,
            "source_record": np.arange(n),
            "arm": arm,
            "exposed": arm != NO_SURGERY,
            "time": np.maximum(np.round(time, 1), 0.1),
            "entry": np.zeros(n),
            "event": (cancer <= other) & (cancer <= seen),
            "other_cause": (other < cancer) & (other <= seen),
            "cut": pl.Series([None] * n, dtype=pl.Float64),
            "start": pl.Series([None] * n, dtype=pl.Float64),
            "year": np.array([int(one) for one in year]),
            "cov_age": np.where(old, "old", "young"),
            "cov_spread": np.where(visceral, "visceral", "bone"),
            "cov_size": size,
            "cov_year": year,
        }
    )
    frame = frame.with_columns(
        pl.col(f"cov_{name}").alias(f"raw_{name}") for name in ("age", "spread", "size", "year")
    )
    return AnalysisSet(frame, definition or study(), SURGERY, NO_SURGERY, other_arms)
