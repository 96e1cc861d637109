"""People with a known truth: who they are, what the registry records, when they are operated on and die.

One rule keeps the truth identifiable: **the decision to operate looks only at what the registry records**
(age, payer, metastatic pattern …, "unknown" being a value of its own), while death depends on what is true.
So there is no unmeasured confounding: given the recorded columns, surgery is as good as random.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from .draws import BoolArray, Coded, Draws, FloatArray, IntArray, Variable, effect, record, sample, variables
from .outcomes import Course, live, with_relapse
from .settings import WorldSettings

REFERENCE_ROWS = 20_000
REFERENCE_YEAR = 2010
YEARLY_DEATH = -0.012  # log hazard of cancer death per diagnosis year: survival has improved
YEARLY_SURGERY = -0.03  # log hazard of surgery per diagnosis year: it has become rarer
STAGE_IV_MONTHLY = {
    "ncdb": 0.0155,
    "seer": 0.0250,
}  # 3-year survival 52.5 % (NCDB 2010-13); SEER median 20-26 months
RELAPSE_MONTHLY = {"1": 0.0010, "2": 0.0030, "3": 0.0080, "unknown_stage": 0.0050}
"""Hazard of a first distant recurrence by stage at diagnosis, where the registry records recurrence."""
SECOND_TUMOURS = {"seer": 0.015, "naaccr": 0.06}
"""Share of records that are a further tumour of the person in the row before."""
OPERATED_EARLY = {"0": 0.97, "1": 0.96, "2": 0.95, "3": 0.90, "unknown_stage": 0.60}
OTHER_DEATH_AT_50 = 0.003 / 12  # per month, women
OTHER_DEATH_PER_YEAR_OF_AGE = 0.09


@dataclass(frozen=True)
class Release:
    """Which registry a file comes from and which diagnosis years it holds.

    Attributes
    ----------
    registry : {"ncdb", "seer", "naaccr"}
        ``naaccr`` is the full record of a central registry: the people behave as in SEER, and recurrence is known.
    first_year, last_year : int
    end_of_follow_up : float
        Calendar time at which everyone left is censored (years).
    """

    registry: str
    first_year: int
    last_year: int
    end_of_follow_up: float

    @property
    def effects(self) -> str:
        """Whose effects on surgery and death hold: a central registry's patients are SEER's."""
        return "ncdb" if self.registry == "ncdb" else "seer"


@dataclass(frozen=True)
class World:
    """A synthetic population, one element per record.

    Attributes
    ----------
    latent, recorded : dict of str to Coded
        What is true, and what the registry holds.
    year, age : ndarray of shape (n,)
        Of diagnosis; completed years.
    person : ndarray of shape (n,)
        Row that carries the person: its own, or the row before where the record is a further tumour (SEER).
    course : Course
        Hazards, operation, death and censoring.
    clinical_stage : Coded
        Stage as recorded before any operation; that of ``recorded`` knows what the operation led to.
    """

    settings: WorldSettings
    release: Release
    draws: Draws
    latent: dict[str, Coded]
    recorded: dict[str, Coded]
    year: IntArray
    age: IntArray
    person: IntArray
    course: Course
    clinical_stage: Coded

    @property
    def stage_iv(self) -> BoolArray:
        """True where the person has metastases at diagnosis (n,)."""
        return self.latent["stage"].is_("4") & ~self.further_tumour

    @property
    def upstaged(self) -> BoolArray:
        """True where the stage became IV after the operation, the clinical stage being another (n,)."""
        return self.recorded["stage"].is_("4") & ~self.clinical_stage.is_("4")

    @property
    def further_tumour(self) -> BoolArray:
        """True where the record is a second tumour of the person in the row before (n,)."""
        return np.not_equal(self.person, np.arange(len(self.person)))


@dataclass(frozen=True)
class _People:
    latent: dict[str, Coded]
    recorded: dict[str, Coded]
    year: IntArray
    moment: FloatArray
    age: IntArray


def make_world(settings: WorldSettings, release: Release, rows: int, seed: int, block: int = 0) -> World:
    """Simulate a population.

    Parameters
    ----------
    settings : WorldSettings
    release : Release
    rows : int
        Records; the first k of them are the same for every number of rows.
    seed : int
    block : int
        Which block of the file this is, from 0.

    Returns
    -------
    World
    """
    draws = Draws(seed, rows, block)
    people = _people(settings, release, draws)
    stage_iv = people.latent["stage"].is_("4")
    hazard = _surgery_base(settings, release) * np.exp(_surgery_score(settings, release, people))
    course = live(
        settings=settings,
        draws=draws,
        stage_iv=stage_iv,
        cancer_hazard=_cancer_hazard(settings, release, people),
        other_hazard=_other_hazard(people),
        surgery_hazard=hazard,
        early_operated=people.latent["stage"].lookup(OPERATED_EARLY),
        end_of_observation=12 * (release.end_of_follow_up - people.year - people.moment),
    )
    if release.registry == "naaccr":
        course = _with_relapse(settings, release, people, draws, course)
    person = _further_tumours(release, draws)
    world = World(
        settings,
        release,
        draws,
        people.latent,
        people.recorded,
        people.year,
        people.age,
        person,
        course,
        people.recorded["stage"],
    )
    return _migrate(_share_the_person(world))


def _migrate(world: World) -> World:
    """Tell the metastases of some who were operated on in stage III: their stage group becomes IV, where is unknown."""
    share = world.settings.stage_migration
    if share == 0:
        return replace(world, clinical_stage=world.recorded["stage"])
    told = (
        world.recorded["stage"].is_("3")
        & world.latent["stage"].is_("3")
        & world.course.operated
        & (world.draws.uniform("stage migration") < share)
    )
    recorded = {
        **world.recorded,
        "stage": world.recorded["stage"].masked(told, "4"),
        "pattern": world.recorded["pattern"].masked(told, "unknown"),
    }
    return replace(world, recorded=recorded, clinical_stage=world.recorded["stage"])


def _people(settings: WorldSettings, release: Release, draws: Draws) -> _People:
    table = dict(variables())
    table["stage"] = _stage_variable(table["stage"], settings.stage_iv_share)
    latent: dict[str, Coded] = {}
    for name, variable in table.items():
        latent[name] = sample(variable, draws, latent)
    not_metastatic = ~latent["stage"].is_("4")
    latent["pattern"] = latent["pattern"].masked(not_metastatic, "none")
    year = _diagnosis_year(settings, release, draws)
    age = _age(latent["age_group"], draws)
    recorded = {name: record(variable, latent[name], draws) for name, variable in table.items()}
    recorded["pattern"] = recorded["pattern"].masked(not_metastatic, "none")
    _apply_eras(recorded, release, year, age)
    if release.registry == "ncdb":
        _lose_early_clinical_stage(recorded, year, draws)
    return _People(latent, recorded, year, draws.uniform("moment of the year"), age)


def _stage_variable(stage: Variable, share_of_iv: float) -> Variable:
    shares = stage.shares[""]
    others = 1 - shares["4"]
    scaled = {level: share * (1 - share_of_iv) / others for level, share in shares.items()}
    return replace(stage, shares={"": {**scaled, "4": share_of_iv}})


def _diagnosis_year(settings: WorldSettings, release: Release, draws: Draws) -> IntArray:
    first, last = settings.years or (release.first_year, release.last_year)
    growth = 1 + 0.01 * np.arange(last - first + 1)
    index = np.searchsorted(np.cumsum(growth) / growth.sum(), draws.uniform("year"), side="right")
    return first + index.clip(max=last - first)


def _age(group: Coded, draws: Draws) -> IntArray:
    low = group.lookup({"18-39": 24, "40-49": 40, "50-59": 50, "60-69": 60, "70-79": 70, "80+": 80})
    years = group.lookup({"18-39": 16, "80+": 16}, default=10)
    return (low + years * draws.uniform("age")).astype(np.int64)


def _apply_eras(recorded: dict[str, Coded], release: Release, year: IntArray, age: IntArray) -> None:
    """Replace what a registry did not collect, or withholds, in that year."""
    early = year < 2010
    recorded["her2"] = recorded["her2"].masked(early, "not_collected")
    recorded["pattern"] = recorded["pattern"].masked(
        early & ~recorded["pattern"].is_("none"), "not_collected"
    )
    if release.registry == "ncdb":
        recorded["facility_type"] = recorded["facility_type"].masked(age < 40, "withheld")
    else:
        for name in ("er", "pr"):
            recorded[name] = recorded[name].masked(year < 1990, "not_collected")


def _lose_early_clinical_stage(recorded: dict[str, Coded], year: IntArray, draws: Draws) -> None:
    """Clinical T, N and M are blank in half of the NCDB records of 2004-2007 (Hoskin 2019: 56 %)."""
    blank = (year <= 2007) & (draws.uniform("clinical stage recorded") < 0.5)
    for name in ("t", "n"):
        recorded[name] = recorded[name].masked(blank, "blank")


def _surgery_score(settings: WorldSettings, release: Release, people: _People) -> FloatArray:
    effects = [
        (people.recorded[name], variable.surgery[release.effects]) for name, variable in variables().items()
    ]
    score = effect(effects, len(people.year)) + YEARLY_SURGERY * (people.year - REFERENCE_YEAR)
    return settings.confounding * score


@cache
def _surgery_base(settings: WorldSettings, release: Release) -> float:
    """Baseline surgery hazard at which the planned share is operated on, in a reference population."""
    all_metastatic = settings.model_copy(update={"stage_iv_share": 1.0})
    people = _people(all_metastatic, release, Draws(0, REFERENCE_ROWS))
    relative = np.exp(_surgery_score(settings, release, people))
    low, high = 1e-6, 10.0
    for _ in range(60):
        middle = np.sqrt(low * high)
        share = np.mean(1 - np.exp(-middle * relative * settings.surgery_window_months))
        low, high = (middle, high) if share < settings.operated_share else (low, middle)
    return float(low)


def _cancer_hazard(settings: WorldSettings, release: Release, people: _People) -> FloatArray:
    effects = [(people.latent[name], variable.death) for name, variable in variables().items()]
    score = effect(effects, len(people.year)) + YEARLY_DEATH * (people.year - REFERENCE_YEAR)
    stage_iv = people.latent["stage"].is_("4")
    return (
        STAGE_IV_MONTHLY[release.effects] * np.exp(score) * np.where(stage_iv, settings.survival_scale, 1.0)
    )


def _with_relapse(
    settings: WorldSettings, release: Release, people: _People, draws: Draws, course: Course
) -> Course:
    """Recurrences, and the deaths that follow them at the hazard of stage IV times ``metachronous_hr``."""
    stage = people.latent["stage"]
    effects = [
        (people.latent[name], variable.death) for name, variable in variables().items() if name != "stage"
    ]
    score = effect(effects, len(people.year)) + YEARLY_DEATH * (people.year - REFERENCE_YEAR)
    after = STAGE_IV_MONTHLY[release.effects] * settings.metachronous_hr * np.exp(score)
    return with_relapse(
        course,
        draws=draws,
        curable=~stage.is_("4", "0"),
        relapse_hazard=np.maximum(stage.lookup(RELAPSE_MONTHLY), 1e-9),
        hazard_after=after * settings.survival_scale,
    )


def _other_hazard(people: _People) -> FloatArray:
    comorbidity = people.latent["charlson"].lookup({"1": 0.35, "2": 0.7, "3": 0.7})
    return OTHER_DEATH_AT_50 * np.exp(OTHER_DEATH_PER_YEAR_OF_AGE * (people.age - 50) + comorbidity)


def _further_tumours(release: Release, draws: Draws) -> IntArray:
    """Give some records to the person in the row before, where a registry follows people and not cases."""
    own = np.arange(draws.rows, dtype=np.int64)
    further = draws.uniform("further tumour") < SECOND_TUMOURS.get(release.registry, 0.0)
    previous = np.concatenate([[True], further[:-1]])
    return np.where(further & ~previous, own - 1, own)


FURTHER_TUMOUR = {"stage": "1", "t": "t1", "n": "n0", "pattern": "none", "reporting_source": "hospital"}
PERSON_LEVEL = ("age_group", "sex", "race_ethnicity", "payer", "marital_status", "charlson")


def _share_the_person(world: World) -> World:
    rows = world.person
    if not world.further_tumour.any():
        return world
    shared: Mapping[str, Coded] = {name: world.latent[name].take(rows) for name in PERSON_LEVEL}
    seen: Mapping[str, Coded] = {name: world.recorded[name].take(rows) for name in PERSON_LEVEL}
    second = {
        name: world.latent[name].masked(world.further_tumour, word) for name, word in FURTHER_TUMOUR.items()
    }
    second_seen = {
        name: world.recorded[name].masked(world.further_tumour, word) for name, word in FURTHER_TUMOUR.items()
    }
    return replace(
        world,
        latent={**world.latent, **shared, **second},
        recorded={**world.recorded, **seen, **second_seen},
        year=world.year[rows],
        age=world.age[rows],
        course=world.course.take(rows),
    )
