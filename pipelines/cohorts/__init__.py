"""A cohort definition becomes one SQL query, its members and an attrition line for every rule."""

from pipelines.cohorts.catalog import Listing, list_cohorts, load_cohort, show_cohort
from pipelines.cohorts.compile import compile_query
from pipelines.cohorts.definition import Arm, Arms, CohortDefinition, IndexTumor, Rule, Years
from pipelines.cohorts.run import (
    CohortFacts,
    arms_without_anybody,
    attrition_lines,
    made_by,
    materialise,
    read_attrition,
    write_cohort,
)

__all__ = [
    "Arm",
    "Arms",
    "CohortDefinition",
    "CohortFacts",
    "IndexTumor",
    "Listing",
    "Rule",
    "Years",
    "arms_without_anybody",
    "attrition_lines",
    "compile_query",
    "list_cohorts",
    "load_cohort",
    "made_by",
    "materialise",
    "read_attrition",
    "show_cohort",
    "write_cohort",
]
