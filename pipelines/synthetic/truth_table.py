"""The truth beside an extract: one row per record, with all that an intervention in the simulator needs."""

import numpy as np
import polars as pl

from .draws import Coded
from .world import World

COURSE_COLUMNS = (
    "cancer_hazard",
    "other_hazard",
    "surgery_hr",
    "planned_surgery",
    "assigned_surgery",
    "end_of_observation",
    "death",
    "cancer_death",
)


def truth_of_world(world: World, source_file: str, first_record: int) -> pl.DataFrame:
    """The truth of a block of records.

    Parameters
    ----------
    world : World
    source_file : str
        Base name of the extract.
    first_record : int
        1-based number of the block's first record in it.

    Returns
    -------
    polars.DataFrame
        ``source_file``, ``source_record``; the course in months and hazards per month; ``months``, ``died``,
        ``arm`` as observed; year and age; every covariate as it is (``true_…``) and as recorded (``seen_…``).
    """
    rows, course = len(world.year), world.course
    arm = np.where(course.operated, "surgery", "no_surgery")
    columns: dict[str, object] = {
        "source_file": [source_file] * rows,
        "source_record": np.arange(first_record, first_record + rows),
        "stage_iv": world.stage_iv,
        "further_tumour": world.further_tumour,
        "upstaged": world.upstaged,
        "arm": arm,
        "whole_months": np.full(rows, world.release.registry == "seer"),
        "months": course.months,
        "died": course.died,
        "year": world.year,
        "age": world.age,
    }
    columns |= {name: getattr(course, name) for name in COURSE_COLUMNS}
    columns |= {f"true_{name}": _words(coded) for name, coded in world.latent.items()}
    columns |= {f"seen_{name}": _words(coded) for name, coded in world.recorded.items()}
    return pl.DataFrame(columns)


def _words(coded: Coded) -> pl.Series:
    return pl.Series(coded.levels).gather(coded.codes)
