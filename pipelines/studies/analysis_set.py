"""The people of a study as arrays: members of its cohort, their outcome, their covariates."""

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.cohorts.definition import CohortDefinition
from pipelines.errors import InputError
from pipelines.store import Submission, sealed_duckdb
from pipelines.studies.definition import MISSING_WORDS, Covariate, Outcome, StudyDefinition
from pipelines.studies.results import ALL, Counts, Finding

MISSING_LEVEL = "unknown"


@dataclass(frozen=True)
class AnalysisSet:
    """Everybody whose outcome is known, one row per person.

    Attributes
    ----------
    frame : pl.DataFrame
        ``source_file, source_record, arm, exposed`` (bool), ``time, entry`` (months), ``event`` (bool),
        ``other_cause`` (bool or null), ``raw_<covariate>`` (as in the registry, text or number) and
        ``cov_<covariate>`` (level or number; null where missing). Sorted by tumor id, so that the order of
        the extract changes nothing.
    study : StudyDefinition
    exposed_label, reference_label : str
    findings : tuple of Finding
        Who was left out between cohort and analysis, and why.
    """

    frame: pl.DataFrame
    study: StudyDefinition
    exposed_label: str
    reference_label: str
    findings: tuple[Finding, ...] = ()

    @property
    def contrast(self) -> str:
        """The exposure's contrast in words: ``surgery vs no surgery``."""
        return f"{self.exposed_label} vs {self.reference_label}"

    @property
    def time(self) -> NDArray[np.float64]:
        """Months to the end of follow-up (n,)."""
        return self.frame["time"].to_numpy()

    @property
    def event(self) -> NDArray[np.bool_]:
        """Whether follow-up ended with the outcome (n,)."""
        return self.frame["event"].to_numpy()

    @property
    def entry(self) -> NDArray[np.float64] | None:
        """Months of entry (n,), None where everybody is seen from time zero on."""
        return None if self.study.outcome.entry is None else self.frame["entry"].to_numpy()

    @property
    def exposed(self) -> NDArray[np.bool_]:
        """Whether in the exposed arm (n,)."""
        return self.frame["exposed"].to_numpy()

    def where(self, keep: NDArray[np.bool_]) -> "AnalysisSet":
        """The same study on some of its people."""
        return AnalysisSet(
            self.frame.filter(pl.Series(keep)),
            self.study,
            self.exposed_label,
            self.reference_label,
            self.findings,
        )

    def counts(self) -> Counts:
        """People, exposed people and events, as estimates print them."""
        return Counts(self.frame.height, int(self.exposed.sum()), int(self.event.sum()))


def read_analysis_set(sub: Submission, study: StudyDefinition, cohort: CohortDefinition) -> AnalysisSet:
    """Join the members of the study's cohort to their tumor rows and apply the study's policies.

    Raises
    ------
    InputError
        A column or expression of the study is not in the registry model (all of them are named);
        nobody, or nobody in one arm, has a known outcome.
    """
    raw = read_members(sub, study)
    exposed_label, reference_label = cohort.arms.exposed.label, cohort.arms.reference.label
    frame = raw.with_columns(exposed=pl.col("arm") == exposed_label)
    frame, findings = apply_outcome(frame, study.outcome)
    for arm, exposed in ((exposed_label, True), (reference_label, False)):
        if frame.filter(pl.col("exposed") == exposed).is_empty():
            raise InputError(
                f"Study '{study.id}' has nobody in the arm '{arm}' on submission '{sub.id}'",
                where=f"cohort {study.cohort}",
                remedy="Look at the attrition of the cohort by arm.",
            )
    frame = frame.with_columns(coded(one) for one in study.covariates)
    return AnalysisSet(frame, study, exposed_label, reference_label, tuple(findings))


def read_members(sub: Submission, study: StudyDefinition) -> pl.DataFrame:
    """Members with the study's expressions, sorted by tumor id."""
    outcome = study.outcome
    expressions = {
        "outcome.time": (f"cast({outcome.time} as double)", "time"),
        "outcome.event": (f"cast(({outcome.event}) as boolean)", "event"),
        "outcome.entry": (f"cast({outcome.entry or 0} as double)", "entry"),
        "outcome.other_cause": (f"cast(({outcome.other_cause or 'null'}) as boolean)", "other_cause"),
    }
    for one in study.covariates:
        kind = "double" if one.kind == "continuous" else "varchar"
        expressions[f"covariates.{one.name}"] = (f"cast(({one.expression}) as {kind})", f"raw_{one.name}")
    tables = {
        "tumor": sub.registry_table("tumor"),
        "members": sub.root / "cohorts" / study.cohort / "members.parquet",
    }
    with sealed_duckdb(tables) as con:
        require_expressions(con, study, {name: sql for name, (sql, _) in expressions.items()})
        columns = ",\n    ".join(f"{sql} as {alias}" for sql, alias in expressions.values())
        query = f"""select
    members.source_file,
    members.source_record,
    members.arm,
    {columns}
from members
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
                where=f"catalog/studies/{study.id}/study.yaml",
                remedy="Compare texts as texts, or use try_cast where a text may be no number.",
            ) from None


def require_expressions(
    con: duckdb.DuckDBPyConnection, study: StudyDefinition, expressions: dict[str, str]
) -> None:
    """Bind every expression by itself, so that all mistakes are told at once."""
    mistakes = []
    for name, sql in expressions.items():
        try:
            con.execute(f"select {sql} from tumor limit 0")
        except duckdb.Error as error:
            mistakes.append(f"{name}: {str(error).splitlines()[0]}")
    if mistakes:
        raise InputError(
            f"Study '{study.id}' asks for what the registry model does not have: {'; '.join(mistakes)}",
            where=f"catalog/studies/{study.id}/study.yaml",
            remedy="Use the columns of pipelines/registry/columns.csv.",
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
