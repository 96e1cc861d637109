"""The people of a study as arrays: members of its cohort, their outcome, their covariates."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.cohorts.catalog import study_in_use
from pipelines.cohorts.conditions import USE_COLUMNS, Expression, mistakes_in
from pipelines.cohorts.definition import CohortDefinition
from pipelines.cohorts.yaml_models import Place
from pipelines.errors import InputError
from pipelines.store import Submission, sealed_duckdb
from pipelines.studies.language import (
    ALL,
    MISSING_WORDS,
    Covariate,
    GroupSurvival,
    OtherOutcome,
    Outcome,
    StudyDefinition,
)
from pipelines.studies.results import Counts, Finding

MISSING_LEVEL = "unknown"
LIFE_TABLE_FACTORS = ("sex", "race")
"""What a life table of the general population may group people by: tumor columns."""
DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True)
class AnalysisSet:
    """Everybody whose outcome is known, one row per person.

    Attributes
    ----------
    frame : pl.DataFrame
        ``source_file, source_record, arm, exposed`` (bool); where the study has an outcome ``time, entry`` (months),
        ``event`` (bool), ``other_cause`` (bool or null), ``cut`` (months or null); ``start`` (of the exposure, as the
        registry counts it, null where never or unknown), ``year``, ``event_<binary outcome>``, ``sub_<subgroup>``,
        ``raw_<covariate>`` (as in the registry, text or number) and ``cov_<covariate>`` (level or number; null
        where missing). Sorted by tumor id, so that the order of the extract changes nothing.
    study : StudyDefinition
    exposed_label, reference_label : str
    other_labels : tuple of str
        Further arms of a study that has more than two; ``exposed`` is true in them too.
    findings : tuple of Finding
        Who was left out between cohort and analysis, and why.
    subgroup : str
        Label that every estimate and finding about these people carries.
    baseline_only : bool
        Whether models leave out what is known only after diagnosis.
    dropped : tuple of str
        Covariates that models leave out here, because everybody of the subgroup has the same value.
    life_table : Path, optional
        Of the general population, as the site supplies it (`life_table_of`).
    """

    frame: pl.DataFrame
    study: StudyDefinition
    exposed_label: str
    reference_label: str
    other_labels: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    subgroup: str = ALL
    baseline_only: bool = False
    dropped: tuple[str, ...] = ()
    life_table: Path | None = None

    @property
    def contrast(self) -> str:
        """The exposure's contrast in words: ``surgery vs no surgery``."""
        return f"{self.exposed_label} vs {self.reference_label}"

    @property
    def labels(self) -> tuple[str, ...]:
        """Every arm: exposed, others, reference."""
        return (self.exposed_label, *self.other_labels, self.reference_label)

    def terms(self, model: str) -> list[Covariate]:
        """Covariates of a model of the study (``cox``, ``propensity``, ``logistic``), as they hold for these people."""
        return self.covariates(getattr(self.study.models, model))

    def covariates(self, names: Iterable[str]) -> list[Covariate]:
        """Covariates by name, without what these people's models leave out."""
        found = self.study.terms(names, baseline_only=self.baseline_only)
        return [one for one in found if one.name not in self.dropped]

    @property
    def time(self) -> NDArray[np.float64]:
        """Months to the end of follow-up (n,)."""
        return self.frame["time"].to_numpy()

    @property
    def event(self) -> NDArray[np.bool_]:
        """Whether follow-up ended with the outcome (n,)."""
        return self.frame["event"].to_numpy()

    @property
    def start_months(self) -> NDArray[np.float64]:
        """Months from time zero to the exposure (n,); infinite in the reference arm, NaN where the date is unknown."""
        timing, outcome = self.study.timing, self.study.survives
        if timing is None:
            raise ValueError(f"study {self.study.id} has no timing")
        days = self.frame["start"].cast(pl.Float64).to_numpy()
        months = days / DAYS_PER_MONTH if timing.unit == "days" else days
        return np.where(self.exposed, months - outcome.start_months, np.inf)

    @property
    def entry(self) -> NDArray[np.float64] | None:
        """Months of entry (n,), None where everybody is seen from time zero on."""
        return None if self.study.survives.entry is None else self.frame["entry"].to_numpy()

    @property
    def exposed(self) -> NDArray[np.bool_]:
        """Whether in the exposed arm (n,)."""
        return self.frame["exposed"].to_numpy()

    def where(self, keep: NDArray[np.bool_]) -> "AnalysisSet":
        """The same study on some of its people."""
        return replace(self, frame=self.frame.filter(pl.Series(keep)))

    def taken(self, rows: NDArray[np.int64]) -> "AnalysisSet":
        """The people of some rows, in that order."""
        return replace(self, frame=self.frame[rows.tolist()])

    def counts(self) -> Counts:
        """People, exposed people and events, as estimates print them."""
        events = int(self.event.sum()) if self.study.outcome else None
        return Counts(self.frame.height, int(self.exposed.sum()), events)


def read_analysis_set(sub: Submission, study: StudyDefinition, cohort: CohortDefinition) -> AnalysisSet:
    """Join the members of the study's cohort to their tumor rows and apply the study's policies.

    Raises
    ------
    InputError
        A column or expression of the study is not in the registry model (all of them are named);
        nobody, or nobody in one arm, has a known outcome.
    """
    people = settle(read_members(sub, study), study, cohort, sub.id)
    return replace(people, life_table=life_table_of(sub))


def life_table_of(sub: Submission) -> Path | None:
    """The site's life table: ``<home>/life_tables/<submission>.csv``, ``<source>.csv``, or the only file there."""
    folder = sub.root.parent.parent / "life_tables"
    named = [folder / f"{name}.csv" for name in (sub.id, sub.manifest.source)]
    files = sorted(folder.glob("*.csv"))
    return next((path for path in named if path.is_file()), files[0] if len(files) == 1 else None)


def settle(
    members: pl.DataFrame, study: StudyDefinition, cohort: CohortDefinition, submission: str
) -> AnalysisSet:
    """Members as `read_members` gives them, under the policies of the study and of its outcome.

    Raises
    ------
    InputError
        Nobody, or nobody in one arm, has a known outcome.
    """
    arms, outcome = cohort.arms, study.outcome
    exposed_label, *other_labels, reference_label = arms.labels
    frame = members.with_columns(exposed=pl.col("arm") != reference_label)
    findings: list[Finding] = []
    if outcome is not None:
        columns = outcome_expressions(outcome)
        frame, findings = apply_outcome(
            frame.with_columns(pl.col(prefix_of(outcome) + name).alias(name) for name in columns), outcome
        )
    present = set(frame["arm"])
    empty = [arm for arm in arms.labels if arm not in present]
    if empty:
        raise InputError(
            f"Study '{study.id}' has nobody in the arm '{empty[0]}' on submission '{submission}'",
            where=f"cohort {cohort.name}",
            remedy="Look at the attrition of the cohort by arm.",
        )
    frame = frame.with_columns(coded(one) for one in study.covariates)
    return AnalysisSet(frame, study, exposed_label, reference_label, tuple(other_labels), tuple(findings))


def prefix_of(outcome: Outcome) -> str:
    """What the columns of another outcome than the study's own are called by, before they are its own."""
    return f"{outcome.name}_" if isinstance(outcome, OtherOutcome) else ""


def outcome_expressions(outcome: Outcome) -> dict[str, tuple[str, str]]:
    """Column of the analysis set to SQL over tumor columns, and the type it is read as."""
    return {
        "time": (outcome.time, "double"),
        "event": (outcome.event, "boolean"),
        "entry": (outcome.entry or "0", "double"),
        "other_cause": (outcome.other_cause or "null", "boolean"),
        "cut": (outcome.cut_months or "null", "double"),
    }


def expressions_of(study: StudyDefinition) -> dict[str, Expression]:
    """What is read of each person, by the column it becomes."""
    found = {"year": Expression("year_of_diagnosis", (), "year_of_diagnosis")}
    numbered = {one.name: number for number, one in enumerate(study.other_outcomes)}
    for outcome in (study.outcome, *study.other_outcomes):
        if outcome is None:
            continue
        prefix = prefix_of(outcome)
        place: Place = ("other_outcomes", numbered[prefix[:-1]]) if prefix else ("outcome",)
        block = f"other_outcomes.{prefix[:-1]}" if prefix else "outcome"
        for name, (sql, kind) in outcome_expressions(outcome).items():
            key = "cut_months" if name == "cut" else name
            found[prefix + name] = Expression(f"{block}.{key}", (*place, key), sql, kind)
    if study.timing is not None:
        found["start"] = Expression("timing.start", ("timing", "start"), study.timing.start, "double")
    for number, one in enumerate(study.binary_outcomes):
        place = ("binary_outcomes", number, "event")
        found[f"event_{one.name}"] = Expression(f"binary_outcomes.{one.name}", place, one.event, "boolean")
    for number, group in enumerate(study.subgroups):
        place = ("subgroups", number, "column" if group.sql is None else "sql")
        found[f"sub_{group.name}"] = Expression(f"subgroups.{group.name}", place, group.expression, "varchar")
    found |= described_groups(study.group_survival)
    for number, covariate in enumerate(study.covariates):
        kind = "double" if covariate.kind == "continuous" else "varchar"
        place = ("covariates", number, "column" if covariate.sql is None else "sql")
        name = f"covariates.{covariate.name}"
        found[f"raw_{covariate.name}"] = Expression(name, place, covariate.expression, kind)
    return found


def described_groups(asked: GroupSurvival | None) -> dict[str, Expression]:
    """What the survival of groups reads of each person, the columns of a life table among it."""
    found: dict[str, Expression] = {}
    if asked is not None and asked.among is not None:
        place: Place = ("group_survival", "among")
        found["described"] = Expression("group_survival.among", place, asked.among, "boolean")
    if asked is not None and asked.relative:
        place = ("group_survival", "relative")
        read = {
            "life_age": ("age_at_diagnosis_years", "double"),
            "life_age_top_coded": ("age_top_coded", "boolean"),
        }
        read |= {f"life_{one}": (one, "varchar") for one in LIFE_TABLE_FACTORS}
        for name, (sql, kind) in read.items():
            found[name] = Expression(f"life table, {sql}", place, sql, kind)
    return found


def read_members(sub: Submission, study: StudyDefinition) -> pl.DataFrame:
    """Members with the study's expressions, sorted by tumor id."""
    expressions = expressions_of(study)
    tables = {
        "tumor": sub.registry_table("tumor"),
        "members": sub.root / "cohorts" / study.cohort / "members.parquet",
    }
    with sealed_duckdb(tables) as con:
        require_expressions(con, study, expressions.values())
        columns = ",\n    ".join(f"{one.typed} as {alias}" for alias, one in expressions.items())
        query = f"""select
    members.source_file,
    members.source_record,
    members.arm,
    {columns}
from (select source_file, source_record, arm from members) as members
inner join tumor using (source_file, source_record)
order by
    tumor.tumor_id,
    source_file,
    source_record"""
        try:
            return con.sql(query).pl()
        except duckdb.Error as error:  # its words may hold a patient's value, and so are never told
            raise InputError(
                f"Study '{study.id}' has an expression that fails on some record ({type(error).__name__})",
                where=study_in_use(study.id),
                remedy="Compare texts as texts, or use try_cast where a text may be no number.",
            ) from None


def require_expressions(
    con: duckdb.DuckDBPyConnection, study: StudyDefinition, expressions: Iterable[Expression]
) -> None:
    """Bind every expression by itself, so that all mistakes are told at once."""
    if mistakes := mistakes_in(con, expressions):
        raise InputError(
            f"Study '{study.id}' asks for what the registry model does not have: "
            f"{'; '.join(words for _, words in mistakes)}",
            where=study_in_use(study.id),
            remedy=USE_COLUMNS,
        )


def apply_outcome(frame: pl.DataFrame, outcome: Outcome) -> tuple[pl.DataFrame, list[Finding]]:
    """Leave out who has no outcome, settle survivals of zero months, and count both."""
    findings = []

    def leave_out(rows: pl.DataFrame, keep: pl.Expr, check: str, words: str) -> pl.DataFrame:
        kept = rows.filter(keep.fill_null(False))
        gone = rows.height - kept.height
        if gone:
            findings.append(Finding("analysis_set", ALL, check, "info", words, float(gone), unit="people"))
        return kept

    frame = frame.with_columns(entry=pl.col("entry").clip(lower_bound=0.0))
    if outcome.cut_months is not None:
        words = "left out: the month at which follow-up is cut is unknown"
        frame = leave_out(frame, pl.col("cut").is_not_null(), "cut_unknown", words)
        late = pl.col("time") > pl.col("cut")
        frame = frame.with_columns(
            event=pl.col("event") & ~late,
            other_cause=pl.col("other_cause") & ~late,
            time=pl.when(late).then(pl.col("cut")).otherwise(pl.col("time")),
        )
    known = pl.col("time").is_not_null() & pl.col("event").is_not_null()
    frame = leave_out(frame, known, "outcome_unknown", "left out: outcome or follow-up unknown")
    # Entry at 0 instead would give them months at risk in which nobody watched them.
    entered = pl.col("entry").is_not_null()
    frame = leave_out(frame, entered, "entry_unknown", "left out: entry into observation unknown")
    at_zero = (pl.col("time") == 0) & (pl.col("entry") == 0)
    n_zero = frame.filter(at_zero).height
    findings.append(
        Finding(
            "analysis_set",
            ALL,
            "zero_months",
            "info",
            f"survival of 0 months: {outcome.zero_months}",
            float(n_zero),
            unit="people",
        )
    )
    if outcome.zero_months == "drop":
        frame = leave_out(frame, ~at_zero, "zero_months_dropped", "left out: survival of 0 months")
    if outcome.zero_months == "keep_as_half_month":
        frame = frame.with_columns(time=pl.when(at_zero).then(0.5).otherwise(pl.col("time")))
    if outcome.start_months:
        still_there = pl.col("time") > outcome.start_months
        words = f"left out: follow-up ended within the {outcome.start_months:g} months before time zero"
        frame = leave_out(frame, still_there, "ended_before_time_zero", words)
        frame = frame.with_columns(
            time=pl.col("time") - outcome.start_months,
            entry=(pl.col("entry") - outcome.start_months).clip(lower_bound=0.0),
        )
    seen = (pl.col("time") > pl.col("entry")) | (at_zero & (outcome.zero_months == "keep"))
    frame = leave_out(
        frame, seen, "never_at_risk", "left out: follow-up ended before or at the entry into observation"
    )
    return frame, findings


def coded(covariate: Covariate) -> pl.Expr:
    """A covariate's level or number; null where it is missing and the policy is complete case."""
    raw, name = pl.col(f"raw_{covariate.name}"), f"cov_{covariate.name}"
    if covariate.kind == "continuous":
        return (raw / covariate.per).alias(name)
    known = pl.when(~raw.is_in(MISSING_WORDS)).then(raw)
    level = known.replace(covariate.groups) if covariate.groups else known
    known_level = pl.when(~level.is_in(MISSING_WORDS)).then(level)
    return (known_level.fill_null(MISSING_LEVEL) if covariate.missing == "category" else known_level).alias(
        name
    )
