"""The trial that a study emulates: its protocol as one table, its reports from the evidence of the catalog."""

from pathlib import Path

import polars as pl

from pipelines.errors import InputError
from pipelines.stats.immortal_time import Component, Strategy, TargetTrial
from pipelines.studies.evidence.tables import EvidenceRow, load_rows
from pipelines.studies.language import ANALYSES, Criterion, Emulation, StudyDefinition
from pipelines.studies.language.emulation import TrialResult

TABLES = ("trials", "trial_reports")
STATUS = {"mapped": "recorded", "proxied": "a proxy", "not_recorded": "not recorded"}
"""What stands in the registry for a component of the trial, for a reader."""


def with_results(study: StudyDefinition, catalog_dir: Path) -> StudyDefinition:
    """The study with what the reports of its trial print; any other study as it is.

    Raises
    ------
    InputError
        The evidence has no such report, or one without an estimate.
    """
    if study.emulation is None:
        return study
    rows = {row.row: row for table in TABLES for row in load_rows(table, catalog_dir)}
    named = (study.emulation.trial, *study.emulation.other_reports)
    usable = [name for name, row in rows.items() if row.usable]
    unknown = [name for name in named if name not in usable]
    if unknown:
        raise InputError(
            f"Study '{study.id}' names reports of a trial that the evidence has no estimate of: {', '.join(unknown)}",
            where=str(catalog_dir / "evidence"),
            remedy=f"There are: {', '.join(usable)}.",
        )
    results = tuple(printed(rows[name], study.confidence_level) for name in named)
    emulation = study.emulation.model_copy(update={"results": results})
    return study.model_copy(update={"emulation": emulation})


def printed(row: EvidenceRow, level: float) -> TrialResult:
    """A report's estimate in our orientation and at our level."""
    value, low, high = row.ratio(level)
    return TrialResult(
        report=row.row,
        name=row.name,
        hr=value,
        ci_low=low,
        ci_high=high,
        ci_level=level,
        verification=row.verification,
    )


def target_trial(study: StudyDefinition, emulation: Emulation) -> TargetTrial:
    """The protocol whose analysis is clone-censor-weight, as the statistics take it.

    Raises
    ------
    ValueError
        The study has no timing, which the language demands of every study with an emulation.
    """
    timing = study.timing
    if timing is None:
        raise ValueError(f"study {study.id} has no timing")
    window = timing.window_months
    return TargetTrial(
        eligibility=Component(
            "; ".join(one.trial for one in emulation.eligibility),
            "; ".join(one.registry for one in emulation.eligibility),
        ),
        strategies=(
            Strategy(emulation.strategy_exposed, True, window, timing.strategy),
            Strategy(emulation.strategy_reference, False, window),
        ),
        assignment=component(emulation.assignment),
        time_zero=component(emulation.time_zero),
        grace=window,
        follow_up=component(emulation.follow_up),
        outcome=component(emulation.outcome),
        estimand=component(emulation.estimand),
        analysis=Component(emulation.trial_analysis, ANALYSES["clone_censor_weight"].words),
    )


def component(one: Criterion) -> Component:
    """A line of the protocol without its status."""
    return Component(one.trial, one.registry)


def protocol_table(study: StudyDefinition) -> pl.DataFrame:
    """The trial's protocol beside its emulation: what a page and ``study show`` print.

    Returns
    -------
    pl.DataFrame
        ``component, target_trial, emulation, status, decides``: one row for each criterion of eligibility, then one
        for each other component; ``status`` is empty where the line is ours to choose. No row where the study
        emulates no trial.
    """
    emulation = study.emulation
    schema = {
        "component": pl.String,
        "target_trial": pl.String,
        "emulation": pl.String,
        "status": pl.String,
        "decides": pl.Boolean,
    }
    if emulation is None:
        return pl.DataFrame(schema=schema)
    rows: list[tuple[str, str, str, str, bool]] = []
    for line in target_trial(study, emulation).protocol_table().iter_rows(named=True):
        name, words = line["component"], line["target_trial"]
        if name == "treatment_strategies":
            words = emulation.trial_strategies
        if name == "grace_period":
            words = "None: the strategy begins at randomisation"
        if name == "eligibility":
            criteria = emulation.eligibility
        else:
            found = getattr(emulation, name, None)
            criteria = (found,) if isinstance(found, Criterion) else ()
        rows += [(name, one.trial, one.registry, one.status, one.decides) for one in criteria]
        if not criteria:
            rows.append((name, words, line["emulation"], "", False))
    return pl.DataFrame(rows, schema=schema, orient="row")
