"""Immortal time: the ways to compare operated with unoperated, from the naive one to an emulated trial."""

from ._initiation import STRATEGIES
from ._person_time import ExposureEffect
from .clone_censor_weight import CloneCensorWeight, clone_censor_weight
from .ever_never import ever_never, immortal_time_excluded
from .landmark import Landmark, LandmarkGrid, landmark, landmark_grid
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
    "Strategy",
    "SurgeryHazard",
    "TargetTrial",
    "clone_censor_weight",
    "ever_never",
    "fit_surgery_hazard",
    "immortal_time_excluded",
    "landmark",
    "landmark_grid",
    "time_varying",
]
