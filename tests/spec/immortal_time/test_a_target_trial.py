"""A target trial is written down before it is emulated, and the emulation does what is written."""

import numpy as np
import pytest

from pipelines.stats.errors import CodingError
from pipelines.stats.immortal_time import Component, Strategy, TargetTrial, clone_censor_weight


def trial(**changes: object) -> TargetTrial:
    protocol = {
        "eligibility": Component("De novo stage IV, primary in place", "The same, as recorded at diagnosis"),
        "strategies": (
            Strategy("surgery of the primary within 8 months", operate=True, by=8, timing="as_observed"),
            Strategy("no surgery of the primary within 8 months", operate=False, by=8),
        ),
        "assignment": Component("At random, open", "As if at random given age, sites and subtype"),
        "time_zero": Component("Randomisation", "Diagnosis"),
        "grace": 8.0,
        "follow_up": Component("To death or five years", "To death or last contact"),
        "outcome": Component("Death from any cause", "Vital status of the registry"),
        "estimand": Component("Per protocol", "Per protocol, marginal hazard ratio"),
        "analysis": Component("Weighted Cox model", "Clone, censor, weight"),
    }
    return TargetTrial(**(protocol | changes))


def test_the_protocol_stands_beside_its_emulation():
    table = trial().protocol_table()
    assert table["component"].to_list() == [
        "eligibility",
        "treatment_strategies",
        "assignment",
        "time_zero",
        "grace_period",
        "follow_up",
        "outcome",
        "estimand",
        "analysis",
    ]
    assert table.row(3) == ("time_zero", "Randomisation", "Diagnosis")
    assert table["emulation"][1].endswith("Timing of the operation: as observed.")
    assert table["target_trial"][4] == "8 months"


def test_the_emulation_runs_what_the_protocol_says():
    rng = np.random.default_rng(3)
    x = rng.normal(size=300)
    time, surgery = rng.exponential(20, 300) + 0.1, rng.exponential(12, 300)
    data = (time, rng.random(300) < 0.7, np.where(surgery < time, surgery, np.nan), x)
    protocol = trial(
        grace=6.0,
        strategies=(
            Strategy("no surgery within 6 months", operate=False, by=6),
            Strategy("surgery within 6 months", operate=True, by=6, timing="uniform"),
        ),
    )
    direct = clone_censor_weight(*data, grace=6, strategy="uniform", times=[12])
    assert protocol.emulate(*data, times=[12]).to_frame().equals(direct.to_frame())
    with pytest.raises(CodingError, match=r"An option that the protocol fixes .*grace"):
        protocol.emulate(*data, grace=12)


OPERATE, DO_NOT = trial().strategies


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grace": 6.0}, "do not end with the grace period .*by=6"),
        ({"strategies": (OPERATE, Strategy("none within 6", operate=False, by=6))}, "1 of them"),
        ({"strategies": (OPERATE, OPERATE)}, "Not one strategy to operate and one not to"),
        ({"strategies": (OPERATE,)}, "Not one strategy to operate and one not to"),
        ({"strategies": (Strategy("surgery", operate=True, by=8), DO_NOT)}, "timing"),
        ({"strategies": (OPERATE, Strategy("none", False, 8, "uniform"))}, "timing"),
        ({"strategies": (OPERATE, Strategy(" ", False, 8))}, "without a name"),
        ({"outcome": Component("Death", "")}, "without words .*outcome"),
        ({"grace": float("nan")}, "grace"),
    ],
)
def test_a_protocol_that_does_not_agree_with_itself_is_refused(changes: dict, said: str):
    with pytest.raises(CodingError, match=said):
        trial(**changes)
