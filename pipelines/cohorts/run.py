"""Materialises a cohort of a submission: members, attrition, definition and SQL, written at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import yaml

from pipelines import store
from pipelines.cohorts.catalog import checked_cohort, cohort_in_use
from pipelines.cohorts.compile import attrition, compile_query, steps_of
from pipelines.cohorts.conditions import USE_COLUMNS, conditions_of, mistakes_in
from pipelines.cohorts.definition import KEYS, Arms, CohortDefinition
from pipelines.cohorts.needs import check_needs, check_years
from pipelines.cohorts.yaml_models import dump_yaml
from pipelines.disclosure import attrition_texts
from pipelines.errors import InputError, RefusedError
from pipelines.store import Submission
from pipelines.store.withheld import read_flow


@dataclass(frozen=True)
class CohortFacts:
    """What came of a cohort.

    Attributes
    ----------
    name, submission : str
    folder : Path
        ``<submission>/cohorts/<name>``.
    """

    name: str
    submission: str
    folder: Path


def materialise(sub: Submission, name: str, catalog_dir: Path) -> CohortFacts:
    """Write ``cohorts/<name>/{members.parquet, rule_outcomes.parquet, attrition.csv, definition.yaml, query.sql}``.

    Parameters
    ----------
    sub : Submission
        Built and passed by its quality gate.
    name : str
        A cohort of the catalog.
    catalog_dir : Path
        The catalog.

    Raises
    ------
    GateError
        The submission has no pass.
    RefusedError
        The source cannot give what the cohort needs, does not cover its years, or has recorded it of nobody.
    InputError
        Unknown or wrong definition; nobody is left, and the message says after which rule.
    """
    return write_cohort(sub, checked_cohort(name, catalog_dir))


def write_cohort(sub: Submission, definition: CohortDefinition) -> CohortFacts:
    """Write a cohort from its definition; what `materialise` does with one of the catalog.

    Raises
    ------
    GateError, RefusedError, InputError
        As `materialise`.
    """
    sub.require_pass()
    sub.require_people()
    name = definition.name
    asked_by = f"Cohort '{name}'"
    check_years(sub, definition.years, asked_by=asked_by)
    check_needs(sub, definition.all_needs, definition.years, asked_by=asked_by)
    judged = judge(sub, definition)
    lines = attrition(judged, definition)
    require_members(lines, definition, sub)
    members = members_of(judged, definition)
    with sub.write_dir(f"cohorts/{name}") as aside:
        store.write_parquet(members, aside / "members.parquet")
        store.write_parquet(rule_outcomes(judged, definition), aside / "rule_outcomes.parquet")
        lines.write_csv(aside / "attrition.csv")
        (aside / "definition.yaml").write_text(dump_yaml(definition), encoding="utf-8")
        (aside / "query.sql").write_text(compile_query(definition), encoding="utf-8")
    return CohortFacts(name=name, submission=sub.id, folder=sub.root / "cohorts" / name)


def made_by(folder: Path, settings: dict[str, Any] | None) -> bool:
    """Whether a cohort stands as a study that ran on it has recorded it, and was not made again otherwise since.

    Parameters
    ----------
    folder : Path
        ``<submission>/cohorts/<name>``.
    settings : dict, optional
        ``cohort_settings`` of the study's ``run.json``.
    """
    path = folder / "definition.yaml"
    return path.is_file() and yaml.safe_load(path.read_text(encoding="utf-8")) == settings


def judge(sub: Submission, definition: CohortDefinition) -> pl.DataFrame:
    """Run the compiled query on ``registry/tumor``.

    Raises
    ------
    InputError
        A rule names a column that is not there, or is not SQL; all such rules are named.
    """
    with store.sealed_duckdb({"tumor": sub.registry_table("tumor")}) as con:
        return judge_tumors(con, definition)


def judge_tumors(con: duckdb.DuckDBPyConnection, definition: CohortDefinition) -> pl.DataFrame:
    """Run the compiled query on the relation ``tumor`` of a connection; as `judge`."""
    require_sql(con, definition)
    try:
        require_one_arm(con, definition)
        return con.sql(compile_query(definition)).pl()
    except duckdb.Error:  # its words may hold a patient's value, and so are never told
        raise failed_on_data(con, definition) from None


def failed_on_data(con: duckdb.DuckDBPyConnection, definition: CohortDefinition) -> InputError:
    """Name the conditions that are SQL and yet fail on some record, such as a cast of a text to a number."""
    failed = []
    for one in conditions_of(definition):
        try:
            con.execute(f"select count({one.typed}) from tumor").fetchall()
        except duckdb.Error as error:
            failed.append(f"{one.name} ({type(error).__name__})")
    return InputError(
        f"Cohort '{definition.name}' has a condition that fails on some record: {', '.join(failed) or 'unknown'}",
        where=cohort_in_use(definition.name),
        remedy="Compare texts as texts, or use try_cast where a text may be no number.",
    )


def require_sql(con: duckdb.DuckDBPyConnection, definition: CohortDefinition) -> None:
    """Bind every expression of the definition by itself, so that all mistakes are told at once."""
    if mistakes := mistakes_in(con, conditions_of(definition)):
        raise InputError(
            f"Cohort '{definition.name}' has SQL that the registry model does not take: "
            f"{'; '.join(words for _, words in mistakes)}",
            where=cohort_in_use(definition.name),
            remedy=USE_COLUMNS,
        )


def require_one_arm(con: duckdb.DuckDBPyConnection, definition: CohortDefinition) -> None:
    """Refuse arms that hold for one and the same record: the order of the file would decide who is compared."""
    sums = " + ".join(
        f"coalesce(cast(({arm.when}) as boolean), false)::integer" for arm in definition.arms.by_role.values()
    )
    if con.execute(f"select 1 from tumor where {sums} > 1 limit 1").fetchone():
        raise InputError(
            f"Cohort '{definition.name}' has arms that hold for one and the same record: "
            f"{', '.join(definition.arms.labels)}",
            where=f"{cohort_in_use(definition.name)}, arms",
            remedy="Say in the conditions which arm such a record is in, or that it is in none.",
        )


def require_members(lines: pl.DataFrame, definition: CohortDefinition, sub: Submission) -> None:
    """Name the rule after which nobody was left.

    Raises
    ------
    RefusedError
        ``not_recorded``: of everybody left it is unknown whether the rule holds, so the source cannot answer.
    InputError
        Otherwise: an empty cohort is a mistake.
    """
    emptied = lines.filter(pl.col("n_after") == 0)
    if emptied.is_empty():
        return
    row = emptied.row(0, named=True)
    if row["n_excluded"] and row["n_excluded_unknown"] == row["n_excluded"]:
        raise RefusedError(
            f"Cohort '{definition.name}' has nobody on submission '{sub.id}': the source records of none of those "
            f"whom the other rules leave whether rule '{row['rule_id']}' holds ({row['rule']})",
            reason_code="not_recorded",
            where=cohort_in_use(definition.name),
            remedy="Use a source or a release that records it for such people.",
        )
    raise InputError(
        f"Cohort '{definition.name}' is empty on submission '{sub.id}': nobody is left after rule "
        f"'{row['rule_id']}' ({row['rule']})",
        where=cohort_in_use(definition.name),
        remedy="Look at the rule and at the column it reads in registry/tumor.",
    )


def members_of(judged: pl.DataFrame, definition: CohortDefinition) -> pl.DataFrame:
    """Members with the label of their arm, in the order of the extract."""
    return judged.filter(pl.col("left_at_step").is_null()).select(*KEYS, arm_label(definition))


def rule_outcomes(judged: pl.DataFrame, definition: CohortDefinition) -> pl.DataFrame:
    """What every rule says of every tumor of the submission, whether or not an earlier rule had left it out.

    Parameters
    ----------
    judged : pl.DataFrame
        Rows of the compiled query.
    definition : CohortDefinition

    Returns
    -------
    pl.DataFrame
        The keys of the tumor, a column for each rule (true: it stays, false: it goes, null: nobody can tell),
        ``left_at_step``, ``left_at_rule`` and ``left_because`` (null for members), and ``arm`` (null where unknown).
    """
    rules = {step.number: step.rule_id for step in steps_of(definition)}
    left_at = pl.col("left_at_step").cast(pl.Int32)
    return judged.select(
        *KEYS,
        *(rule.id for _, rule in definition.numbered_rules),
        left_at,
        left_at.replace_strict(rules, default=None, return_dtype=pl.String).alias("left_at_rule"),
        "left_because",
        arm_label(definition),
    )


def arm_label(definition: CohortDefinition) -> pl.Expr:
    """Label of the arm, null where the arm is unknown."""
    labels = {role: arm.label for role, arm in definition.arms.by_role.items()}
    return pl.col("arm_role").replace_strict(labels, default=None, return_dtype=pl.String).alias("arm")


def read_attrition(folder: Path, *, min_cell: int) -> list[dict[str, Any]]:
    """Attrition lines of a materialised cohort, by arm, with small counts hidden (null)."""
    return read_flow(folder, min_cell).to_dicts()


def attrition_lines(folder: Path, *, min_cell: int) -> list[dict[str, str]]:
    """Attrition as a reader may see it, everybody and each arm.

    Returns
    -------
    list of dict
        ``step, rule_id, rule, left, remained`` as text, and ``<label> remained`` for each arm.
        Everybody is shown at more lines than the arms: of them less has to be hidden.
    """
    lines = pl.read_csv(folder / "attrition.csv")
    shown = read_flow(folder, min_cell)
    texts = attrition_texts(lines["n_after"].to_list(), shown["n_after"].to_list(), min_cell)
    arms = Arms.model_validate(
        yaml.safe_load((folder / "definition.yaml").read_text(encoding="utf-8"))["arms"]
    )
    by_arm = shown.select(
        pl.col(f"n_after_{role}").alias(f"{arm.label} remained") for role, arm in arms.by_role.items()
    )
    return [
        {
            "step": str(row["step"]),
            "rule_id": row["rule_id"],
            "rule": row["rule"],
            "left": left,
            "remained": remained,
            **{name: "hidden" if n is None else f"{n:,}" for name, n in of_arms.items()},
        }
        for row, of_arms, (left, remained) in zip(
            lines.iter_rows(named=True), by_arm.iter_rows(named=True), texts, strict=True
        )
    ]


def arms_without_anybody(attrition: list[dict[str, str]]) -> list[str]:
    """Labels of the arms of which the last of the `attrition_lines` says that nobody remained."""
    ending = " remained"
    return [
        name.removesuffix(ending) for name, n in attrition[-1].items() if name.endswith(ending) and n == "0"
    ]
