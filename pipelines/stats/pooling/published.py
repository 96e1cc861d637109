"""Published estimates pooled: each turned to one orientation, its own level allowed for, checked."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from .._inputs import FloatArray
from ..errors import CodingError, ShapeError
from .overlap import find_overlaps
from .pool import Pooled, pool
from .study import StudyEstimate, check_study


def pool_studies(
    studies: Sequence[StudyEstimate],
    *,
    method: str = "reml",
    level: float = 0.95,
    orientation: str = "exposed_vs_unexposed",
    shared: Collection[tuple[str, str]] = (),
) -> Pooled:
    """Pool published estimates: each turned to one orientation, its own level allowed for, checked.

    Parameters
    ----------
    studies : sequence of StudyEstimate
        At least two, of one measure.
    method, level
        As in `pool`.
    orientation : {"exposed_vs_unexposed", "unexposed_vs_exposed"}
        Of the result.
    shared : collection of pairs of str
        As in `overlap.find_overlaps`.

    Returns
    -------
    Pooled
        With `checks` and `overlaps`; those that fail are in `notes` too, and nothing is dropped.

    Raises
    ------
    CodingError
        Studies of several measures.
    ShapeError
        Fewer than two studies, or one that comes twice (at two confidence levels, the message says so).
    """
    y, v, names, measure = log_effects(studies, orientation)
    overlaps = find_overlaps(studies, shared=shared)
    checks = tuple(check for study in studies for check in check_study(study))
    mixed = len({study.effect_type for study in studies}) > 1
    result = pool(
        y,
        v,
        method=method,
        level=level,
        measure=measure,
        labels=names,
        effect_type="conditional" if mixed else studies[0].effect_type,
    )
    notes = [*result.notes]
    notes += [f"Check failed, {c.label}, {c.check}: {c.finding}." for c in checks if c.passed is False]
    notes += [str(overlap) for overlap in overlaps]
    if mixed:
        notes.append("Conditional and marginal effects are pooled together.")
    if len({study.design for study in studies}) > 1:
        notes.append("Randomised and observational studies are pooled together.")
    counts = {}
    for field in ("n", "n_exposed", "events"):
        known = [getattr(study, field) for study in studies if getattr(study, field) is not None]
        counts[field] = sum(known)
        if len(known) < len(studies):
            notes.append(f"{field} is not known for {len(studies) - len(known)} of {len(studies)} studies.")
    return replace(result, **counts, notes=tuple(notes), checks=checks, overlaps=overlaps)


def log_effects(
    studies: Sequence[StudyEstimate], orientation: str = "exposed_vs_unexposed"
) -> tuple[FloatArray, FloatArray, tuple[str, ...], str]:
    """Log ratios (k,) in one orientation, their variances (k,), the labels and the common measure.

    What `leave_one_out`, `egger`, `trim_and_fill` and `meta_regression` take.

    Raises
    ------
    CodingError
        Studies of several measures, or an unknown orientation.
    ShapeError
        No study, or one that comes twice.
    """
    if not studies:
        raise ShapeError("There are no studies", field="studies", count=0, remedy="Give at least two.")
    _refuse_repeats(studies)
    measures = sorted({study.measure for study in studies})
    if len(measures) > 1:
        raise CodingError(
            f"Studies of several measures: {', '.join(measures)}",
            field="measure",
            count=len(measures),
            remedy="Pool each measure by itself.",
        )
    y = np.array([study.log_estimate(orientation) for study in studies])
    v = np.array([study.std_err**2 for study in studies])
    return y, v, tuple(study.label for study in studies), measures[0]


def _refuse_repeats(studies: Sequence[StudyEstimate]) -> None:
    by_label: dict[str, list[StudyEstimate]] = {}
    for study in studies:
        by_label.setdefault(study.label, []).append(study)
    repeated = {label: rows for label, rows in by_label.items() if len(rows) > 1}
    if not repeated:
        return
    conflicting = [label for label, rows in repeated.items() if len({row.ci_level for row in rows}) > 1]
    also = f"; at different confidence levels: {', '.join(conflicting)}" if conflicting else ""
    raise ShapeError(
        f"Studies that come more than once: {', '.join(repeated)}{also}",
        field="ci_level" if conflicting else "label",
        count=len(repeated),
        remedy="Keep one report of each study, with the level its interval is printed at.",
    )
