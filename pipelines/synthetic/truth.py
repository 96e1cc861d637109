"""What an estimate should have found: effects by intervening in the simulator.

Two copies of the same people live through the same random numbers: in one everybody is operated on by their own
timing rule, in the other nobody is. The contrast between the copies is the marginal effect in that set of people,
with the same censoring as the data.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.stats.cox import fit_cox

from .draws import BoolArray, FloatArray
from .formats import WORLD_FORMATS
from .msk import presentation_log_hr
from .outcomes import NEVER, time_of_death
from .settings import WorldSettings
from .world import World, make_world

OUTCOMES = ("all_cause", "disease_specific")


@dataclass(frozen=True)
class TruthEffect:
    """A true effect found by simulation.

    Attributes
    ----------
    log_hr : float
        Marginal log hazard ratio, first-named against second-named state.
    std_error : float
        Monte Carlo standard error of it.
    replicates : int
    """

    log_hr: float
    std_error: float
    replicates: int

    @property
    def hr(self) -> float:
        """Marginal hazard ratio."""
        return float(np.exp(self.log_hr))


def matched_set_truth(
    truth: pl.DataFrame,
    members: pl.DataFrame,
    *,
    seed: int = 1,
    replicates: int = 20,
    outcome: str = "all_cause",
) -> TruthEffect:
    """Marginal effect of surgery against none in a set of people.

    Parameters
    ----------
    truth : polars.DataFrame
        ``truth.parquet`` of the extract.
    members : polars.DataFrame
        ``source_file, source_record`` of the people in the set; a person in it twice counts twice.
    seed : int
    replicates : int
        Lives simulated per person and copy.
    outcome : {"all_cause", "disease_specific"}
        Deaths from anything, or from the cancer with other deaths censored.

    Returns
    -------
    TruthEffect

    Raises
    ------
    ValueError
        The set is empty, a member is not in the truth, or there is no such outcome.

    Notes
    -----
    Everyone's operation comes at the time of their own rule: at diagnosis where the world has no immortal time,
    else after their delay and only if they are alive then.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}, not {outcome!r}")
    people = _people_of(truth, members)
    rng = np.random.default_rng(seed)
    estimates = np.array([_contrast(people, rng, outcome) for _ in range(replicates)])
    return _effect(estimates)


def presentation_truth(
    settings: WorldSettings,
    *,
    format: str = "mapped-msk",
    seed: int = 1,
    replicates: int = 8,
    rows: int = 40_000,
) -> TruthEffect:
    """Hazard of death after a metastatic recurrence against de novo metastasis, in the limit of many people.

    Parameters
    ----------
    settings : WorldSettings
        Of the extract; its ``metachronous_hr`` is the effect conditional on everything else that matters.
    format : str
        ``mapped-msk`` or a NAACCR format: the ones that record recurrence.
    seed : int
    replicates : int
        Independent cohorts, none of them the one that was written.
    rows : int
        People per cohort.

    Returns
    -------
    TruthEffect
        Unadjusted, time from the first metastasis, entry at sequencing respected.
    """
    seeds = np.random.SeedSequence([seed, 20_100]).generate_state(replicates)
    if format == "mapped-msk":
        estimates = [presentation_log_hr(settings, rows, int(state)) for state in seeds]
    else:
        release = WORLD_FORMATS[format]().release
        estimates = [_log_hr_of_relapse(make_world(settings, release, rows, int(state))) for state in seeds]
    return _effect(np.array(estimates))


def _log_hr_of_relapse(world: World) -> float:
    """Log hazard ratio of death from the first metastasis, after a recurrence against at diagnosis."""
    course = world.course
    late = (course.relapse < course.months) & ~world.further_tumour
    metastatic = late | world.stage_iv
    time = course.months - np.where(late, course.relapse, 0.0)
    exposed = late[metastatic, None].astype(float)
    return float(fit_cox(time[metastatic], course.died[metastatic], exposed).coefficients[0])


def _effect(estimates: FloatArray) -> TruthEffect:
    spread = float(estimates.std(ddof=1)) if len(estimates) > 1 else float("nan")
    return TruthEffect(float(estimates.mean()), float(spread / np.sqrt(len(estimates))), len(estimates))


def _people_of(truth: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    keys = ["source_file", "source_record"]
    wanted = members.select(pl.col(keys[0]).cast(pl.String), pl.col(keys[1]).cast(pl.Int64))
    people = wanted.join(truth, on=keys, how="inner", maintain_order="left").sort(keys)
    if not wanted.height or people.height != wanted.height:
        raise ValueError(
            f"the set has {wanted.height} members, {people.height} of them in the truth: "
            "it must be the truth of the same extract"
        )
    return people


def _contrast(people: pl.DataFrame, rng: np.random.Generator, outcome: str) -> float:
    """Unadjusted log hazard ratio between the two copies in one draw of their lives."""
    rows = people.height
    cancer, other, hr, end, assigned = (
        people[name].cast(pl.Float64).to_numpy()
        for name in ("cancer_hazard", "other_hazard", "surgery_hr", "end_of_observation", "assigned_surgery")
    )
    unit, cause = rng.exponential(size=rows), rng.uniform(size=rows)
    times, events = [], []
    for surgery in (assigned, np.full(rows, NEVER)):
        death = time_of_death(unit, cancer, other, hr, surgery)
        hazard_then = cancer * np.where(surgery <= death, hr, 1.0)
        counts = (cause < hazard_then / (hazard_then + other)) | (outcome == "all_cause")
        times.append(np.minimum(death, end))
        events.append((death <= end) & counts)
    time = recorded_months(np.concatenate(times), np.tile(people["whole_months"].to_numpy(), 2))
    operated = np.repeat([1.0, 0.0], rows)[:, None]
    return float(fit_cox(time, np.concatenate(events), operated).coefficients[0])


def recorded_months(months: FloatArray, whole: BoolArray) -> FloatArray:
    """Months as the registry records them: completed months (0 kept as half a month), else two decimals."""
    completed = np.floor(months)
    fine = np.maximum(np.rint(months * 100) / 100, 0.005)
    return np.where(whole, np.where(completed == 0, 0.5, completed), fine)
