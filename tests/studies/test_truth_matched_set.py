"""The main statistical test: matched estimates find their own truth, naive ones do not, immortal time deceives both."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from pipelines.stats.cox import fit_cox
from pipelines.stats.matching import match_nearest
from pipelines.stats.propensity import fit_propensity
from pipelines.synthetic import WorldSettings, matched_set_truth, write_extract
from pipelines.synthetic.truth import recorded_months

ROWS = 14_000
IN_SE = 3.5
CONFOUNDERS = {
    "ncdb-2016": (
        "age_group",
        "race_ethnicity",
        "payer",
        "income_quartile",
        "charlson",
        "spread",
        "grade",
        "t",
        "n",
        "er",
        "her2",
    ),
    "seerstat-nov2018": ("age_group", "race_ethnicity", "marital_status", "grade", "er", "pr"),
}
VISCERAL = {name: "visceral" for name in ("lung_only", "liver_only", "brain_only", "multiple")}


@dataclass(frozen=True)
class Judged:
    """Estimates and their truths on the log hazard scale."""

    naive: float
    naive_se: float
    everyone_truth: float
    matched: float
    matched_se: float
    matched_truth: float
    truth_se: float


def design(people: pl.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """Indicators of every level but the commonest; columns that others determine are left out."""
    seen = people.with_columns(
        seen_spread=pl.col("seen_pattern").replace(VISCERAL).replace("other_only", "nodal_only")
    )
    columns = [(people["year"] - 2010).to_numpy() / 5.0]
    for name in names:
        levels = seen[f"seen_{name}"].value_counts(sort=True).filter(pl.col("count") >= 30)
        for level in levels[f"seen_{name}"][1:].sort():
            columns.append((seen[f"seen_{name}"] == level).to_numpy().astype(float))
    matrix = np.column_stack([np.ones(people.height), *columns])
    diagonal = np.abs(np.diag(np.linalg.qr(matrix)[1]))
    return matrix[:, 1:][:, diagonal[1:] > 1e-8 * diagonal[0]]


def judge(folder, format_name: str, settings: WorldSettings, seed: int, outcome: str = "all_cause") -> Judged:
    files = write_extract(settings, format_name, ROWS, seed, folder)
    truth = pl.read_parquet(files.truth)
    withheld = (pl.col("year") == 2016) & pl.lit(format_name.startswith("ncdb"))
    people = truth.filter("stage_iv", pl.col("seen_sex") == "female", ~withheld)
    assert 4_000 < people.height < 8_000
    operated = (people["arm"] == "surgery").to_numpy()
    time = recorded_months(people["months"].to_numpy(), people["whole_months"].to_numpy())
    died = people["died"].to_numpy() & (people["cancer_death"].to_numpy() | (outcome == "all_cause"))
    score = fit_propensity(design(people, CONFOUNDERS[format_name]), operated)
    found = match_nearest(
        score.logit, operated, caliper=0.2, caliper_sd="pooled", ids=people["source_record"].to_numpy()
    )
    rows = np.concatenate([found.treated_index, found.control_index])
    exposure = operated.astype(float)[:, None]
    naive = fit_cox(time, died, exposure)
    matched = fit_cox(time[rows], died[rows], exposure[rows], cluster=np.tile(found.pair_id, 2))
    keys = people.select("source_file", "source_record")
    own = matched_set_truth(truth, keys[rows], seed=seed, replicates=8, outcome=outcome)
    everyone = matched_set_truth(truth, keys, seed=seed, replicates=3, outcome=outcome)
    return Judged(
        naive=naive.coefficients[0],
        naive_se=naive.standard_errors[0],
        everyone_truth=everyone.log_hr,
        matched=matched.coefficients[0],
        matched_se=matched.standard_errors[0],
        matched_truth=own.log_hr,
        truth_se=own.std_error,
    )


@pytest.mark.parametrize(
    ("format_name", "surgery_hr", "outcome"),
    [
        ("ncdb-2016", 1.0, "all_cause"),
        ("ncdb-2016", 0.8, "all_cause"),
        ("seerstat-nov2018", 1.0, "all_cause"),
        ("seerstat-nov2018", 0.8, "disease_specific"),
    ],
)
def test_with_confounding_the_matched_estimate_finds_its_truth_and_the_naive_one_does_not(
    tmp_path, format_name, surgery_hr, outcome
):
    settings = WorldSettings(stage_iv_share=0.5, immortal_time=False, surgery_hr=surgery_hr)
    judged = judge(tmp_path, format_name, settings, seed=20, outcome=outcome)
    spread = np.hypot(judged.matched_se, judged.truth_se)
    assert abs(judged.matched - judged.matched_truth) < IN_SE * spread
    assert judged.naive - judged.everyone_truth < -IN_SE * judged.naive_se  # surgery looks better than it is


def test_without_confounding_the_naive_estimate_is_right_too(tmp_path):
    settings = WorldSettings(stage_iv_share=0.5, immortal_time=False, confounding=0.0)
    judged = judge(tmp_path, "ncdb-2016", settings, seed=21)
    assert abs(judged.naive - judged.everyone_truth) < IN_SE * judged.naive_se


def test_immortal_time_deceives_the_matched_estimate(tmp_path):
    judged = judge(tmp_path, "ncdb-2016", WorldSettings(stage_iv_share=0.5, immortal_time=True), seed=22)
    assert judged.matched_truth == pytest.approx(0, abs=1e-9)
    assert judged.matched < -IN_SE * judged.matched_se


def test_the_marginal_truth_lies_between_the_conditional_effect_and_none(tmp_path):
    settings = WorldSettings(stage_iv_share=0.5, immortal_time=False, surgery_hr=0.5)
    truth = pl.read_parquet(write_extract(settings, "ncdb-2016", 6_000, 1, tmp_path).truth)
    members = truth.filter("stage_iv").select("source_file", "source_record")
    effect = matched_set_truth(truth, members, seed=1, replicates=6)
    assert np.log(0.5) < effect.log_hr < np.log(0.75)  # a mixture of people: nearer to one than each of them
    assert 0 < effect.std_error < 0.02
    again = matched_set_truth(truth, members.sample(fraction=1.0, shuffle=True, seed=3), seed=1, replicates=6)
    assert again == effect  # the order of the members changes nothing


def test_members_of_another_extract_are_refused(tmp_path):
    truth = pl.read_parquet(write_extract(WorldSettings(), "ncdb-2016", 50, 1, tmp_path).truth)
    stranger = pl.DataFrame({"source_file": ["other.dat"], "source_record": [1]})
    with pytest.raises(ValueError, match="truth of the same extract"):
        matched_set_truth(truth, stranger)
