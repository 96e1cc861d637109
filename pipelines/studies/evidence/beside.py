"""The pools of published evidence that any study of the same exposure stands beside."""

import contextlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipelines.errors import CohortsError
from pipelines.studies.catalog import is_evidence, load_evidence, study_names
from pipelines.studies.evidence.pools import one_estimate, pool_set
from pipelines.studies.language.evidence import EvidenceDefinition


@dataclass(frozen=True)
class PoolBeside:
    """A pool as one line of another study's forest."""

    label: str
    estimate: float
    ci_low: float
    ci_high: float


@cache
def pools_beside(exposure: str, catalog_dir: Path) -> tuple[PoolBeside, ...]:
    """The observational and the randomised pool of an exposure, Hartung and Knapp's interval.

    Parameters
    ----------
    exposure : str
        Of the study whose forest is drawn.
    catalog_dir : Path
        The catalog; nothing where it holds no synthesis of that exposure.
    """
    found: list[PoolBeside] = []
    for name in study_names(catalog_dir):
        if is_evidence(name, catalog_dir):
            with contextlib.suppress(CohortsError):  # its own run tells; another study's page does without
                found += _pools_of(load_evidence(name, catalog_dir), exposure, catalog_dir)
    return tuple(found)


def _pools_of(definition: EvidenceDefinition, exposure: str, catalog_dir: Path) -> list[PoolBeside]:
    found = []
    for name in definition.shown if definition.exposure == exposure else ():
        chosen = pool_set(definition.pool(name), definition, catalog_dir)
        one = one_estimate(chosen, "hartung_knapp", definition)
        if one.estimate is not None and one.ci_low is not None and one.ci_high is not None:
            words = f"{chosen.pool.side}, {len(chosen.rows)} studies pooled"
            found.append(PoolBeside(words, one.estimate, one.ci_low, one.ci_high))
    return found
