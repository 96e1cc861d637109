"""Immortal time: the ways to compare operated with unoperated, from the naive one to an emulated trial.

All take `time` (time zero to death or last contact), `event` and `surgery_time` (time zero to the first
operation), in one unit. Rules for the time of the operation, the same in every method:

- NaN is "never operated". An infinite time is refused: it would hide a missing date.
- Below zero is refused with the count: an operation before time zero makes somebody operated at time zero
  or not eligible, which only the cohort's definition can say.
- At zero: operated for the whole of follow-up, no unoperated time.
- After the end of follow-up is refused with the count: nobody is operated after death, and what happens
  after the last contact is not observed.
- At the very end of follow-up: the operation came just before the death or the last contact, so a death on
  the day of the operation is a death of an operated person. How many there were stands in the notes.
- At the time of another person's death: the operation counts from just after it, as in R's (start, stop].
"""

from ._initiation import STRATEGIES
from ._person_time import ExposureEffect
from .clone_censor_weight import CloneCensorWeight, clone_censor_weight
from .ever_never import ever_never, immortal_time_excluded
from .landmark import Landmark, LandmarkGrid, landmark, landmark_grid
from .plasmode import PlasmodeModel, PlasmodeResult, SimulatedPeople, fit_plasmode, simulate
from .surgery_hazard import SurgeryHazard, fit_surgery_hazard
from .target_trial import Component, Strategy, TargetTrial
from .time_varying import time_varying

__all__ = [
    "STRATEGIES",
    "CloneCensorWeight",
    "Component",
    "ExposureEffect",
    "Landmark",
    "LandmarkGrid",
    "PlasmodeModel",
    "PlasmodeResult",
    "SimulatedPeople",
    "Strategy",
    "SurgeryHazard",
    "TargetTrial",
    "clone_censor_weight",
    "ever_never",
    "fit_plasmode",
    "fit_surgery_hazard",
    "immortal_time_excluded",
    "landmark",
    "landmark_grid",
    "simulate",
    "time_varying",
]
