"""The shipped studies, from the registry's bytes to the matched estimate, judged against the truth behind the file."""

from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from pipelines import steps
from pipelines.store import Home
from pipelines.synthetic import WorldSettings, matched_set_truth, write_extract

IN_SE = 3.5
SHIPPED = [
    ("mudgway2020", "ncdb-2016", (2010, 2012), "all_cause"),
    ("vohra2018", "seerstat-nov2018", (1988, 2011), "disease_specific"),
]


def log_hr(estimates: pl.DataFrame, analysis: str) -> tuple[float, float]:
    """Log hazard ratio of the exposure (the term of the unadjusted model) and its standard error."""
    exposure = estimates.filter(pl.col("analysis") == "cox_unadjusted")["term"][0]
    row = estimates.filter(
        pl.col("analysis") == analysis,
        pl.col("measure") == "hr",
        pl.col("term") == exposure,
        pl.col("subgroup") == "all",
    ).row(0, named=True)
    width = NormalDist().inv_cdf(0.5 + row["ci_level"] / 2)
    return np.log(row["estimate"]), (np.log(row["ci_high"]) - np.log(row["ci_low"])) / (2 * width)


@pytest.mark.slow
@pytest.mark.parametrize(("study", "format_name", "years", "outcome"), SHIPPED)
def test_a_shipped_study_finds_its_truth_by_matching_and_misses_it_without(
    tmp_path, study, format_name, years, outcome
):
    settings = WorldSettings(stage_iv_share=0.95, immortal_time=False, surgery_hr=1.0, years=years)
    files = write_extract(
        settings, format_name, 14_000 if study == "mudgway2020" else 8_000, 31, tmp_path / "in"
    )
    home = Home(tmp_path / "home")
    steps.load(home, files.extracts, "synthetic")
    steps.build(home, "synthetic")
    steps.validate(home, "synthetic")
    folder = steps.run_study(home, "synthetic", study).folder

    estimates = pl.read_csv(folder / "estimates.csv", infer_schema_length=None)
    naive, naive_se = log_hr(estimates, "cox_unadjusted")
    matched, matched_se = log_hr(estimates, "matched_cox")
    pairs = pl.read_parquet(folder / "matched_pairs.parquet")
    truth = matched_set_truth(pl.read_parquet(files.truth), pairs, seed=1, replicates=5, outcome=outcome)

    assert truth.log_hr == pytest.approx(0, abs=1e-9)  # nobody gains or loses by surgery in this world
    assert abs(matched - truth.log_hr) < IN_SE * matched_se
    assert naive < -IN_SE * naive_se
