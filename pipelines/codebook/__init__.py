"""Code schemes: one CSV per scheme, which field uses which, names by release, and what a source can give."""

from pipelines.codebook.schemes import (
    ascertainment_facts,
    canonical_fields,
    every_ascertainment,
    field_schemes,
    received_names,
    register,
    schemes,
)

__all__ = [
    "ascertainment_facts",
    "canonical_fields",
    "every_ascertainment",
    "field_schemes",
    "received_names",
    "register",
    "schemes",
]
