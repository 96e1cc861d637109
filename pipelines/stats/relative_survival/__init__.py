"""Survival from the cancer alone, against a life table of the general population."""

from .curve import RelativeSurvival, RelativeSurvivalCurve
from .estimate import relative_survival
from .life_table import RelativeLifeTable, relative_life_table
from .population import PopulationTable, population_table, read_population_table
from .standardise import ICSS, age_classes, standardised_survival

__all__ = [
    "ICSS",
    "PopulationTable",
    "RelativeLifeTable",
    "RelativeSurvival",
    "RelativeSurvivalCurve",
    "age_classes",
    "population_table",
    "read_population_table",
    "relative_life_table",
    "relative_survival",
    "standardised_survival",
]
