"""Survival from the cancer alone, against a life table of the general population."""

from .curve import RelativeSurvival, RelativeSurvivalCurve
from .estimate import relative_survival
from .population import PopulationTable, population_table, read_population_table

__all__ = [
    "PopulationTable",
    "RelativeSurvival",
    "RelativeSurvivalCurve",
    "population_table",
    "read_population_table",
    "relative_survival",
]
