"""Great Expectations on DuckDB: the only module that imports it, and it takes 2.5 seconds to import.

Its stock SQL source closes the connection before it has fetched, which on DuckDB fails every expectation;
so the engine here keeps one connection. Its stock row-query expectation has no denominator and brings 200
rows into memory; so the expectation here uses two counts and no row leaves the database. An exception
inside Great Expectations looks like a failed expectation without a result; here it is an `Answer` with a
problem, and the gate treats it as an error.
"""

import logging
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import

import great_expectations as gx
import sqlalchemy as sa
from great_expectations.core import ExpectationValidationResult
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies

from pipelines.quality.problems import safe_problem

COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
ROUNDING = 1e-9
ROWS_OF_QUERY = "unexpected_rows_query.row_count"
ROWS_IN_SCOPE = "rows_in_scope.row_count"


@dataclass(frozen=True)
class Question:
    """One rule put to one relation.

    Attributes
    ----------
    check_id : str
    relation : str
        Table or view of the database.
    query : str
        Returns one row for each row of ``{batch}``, the relation, that breaks the rule.
    checked : str or None
        Returns one row for each row the rule is about; none where that is every row of the relation.
    threshold : float
        Share of those rows that may break it.
    """

    check_id: str
    relation: str
    query: str
    checked: str | None
    threshold: float


@dataclass(frozen=True)
class Answer:
    """What came of a question: two counts, or the problem that kept it from being answered."""

    n_checked: int | None
    n_failed: int | None
    within: bool
    problem: str | None = None


class OneConnectionEngine(SqlAlchemyExecutionEngine):
    """SQL engine that fetches over one connection, open until `close`."""

    @contextmanager
    def get_connection(self) -> Generator[sa.Connection, None, None]:
        """Yield the one connection; after an error roll back, so that the next rule can run."""
        if self._connection is None:
            self._connection = self.engine.connect()
        try:
            yield self._connection
        except Exception:
            self._connection.rollback()
            raise

    def close(self) -> None:
        """Close the connection and let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.engine.dispose()


EngineClass = type[SqlAlchemyExecutionEngine]  # named here, because the class below has a field called type


class DuckDBDatasource(SQLDatasource):
    """Great Expectations data source for a DuckDB file, reached as ``context.data_sources.add_duckdb``."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]  # Great Expectations narrows it the same way

    @property
    def execution_engine_type(self) -> EngineClass:
        """The engine that keeps its connection."""
        return OneConnectionEngine


class ExpectFewRowsToBreakRule(UnexpectedRowsExpectation):
    """At most a share ``1 - mostly`` of the rows is returned by the query; counts only, no rows.

    The denominator is every row of the relation, or the rows of ``checked_rows_query``: one relation then serves
    all its checks, where a relation for each scope would take three times as long.
    """

    mostly: float = 1.0
    checked_rows_query: str | None = None

    metric_dependencies: ClassVar[tuple[str, ...]] = (ROWS_OF_QUERY, "table.row_count")
    success_keys: ClassVar[tuple[str, ...]] = ("unexpected_rows_query", "checked_rows_query", "mostly")

    def get_validation_dependencies(
        self, execution_engine: Any = None, runtime_configuration: Any = None
    ) -> ValidationDependencies:
        """Ask for the count of the second query too, with the same metric."""
        dependencies = super().get_validation_dependencies(execution_engine, runtime_configuration)
        failed = dependencies.get_metric_configuration(ROWS_OF_QUERY)
        if self.checked_rows_query and failed:
            checked = MetricConfiguration(
                metric_name=ROWS_OF_QUERY,
                metric_domain_kwargs=failed.metric_domain_kwargs,
                metric_value_kwargs={"unexpected_rows_query": self.checked_rows_query},
            )
            dependencies.set_metric_configuration(ROWS_IN_SCOPE, checked)
        return dependencies

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        denominator = ROWS_IN_SCOPE if self.checked_rows_query else "table.row_count"
        n_checked, n_failed = int(metrics[denominator]), int(metrics[ROWS_OF_QUERY])
        return {
            "success": n_failed <= (1 - self.mostly) * n_checked + ROUNDING,
            "result": {"observed_value": n_failed, "element_count": n_checked},
        }


def ask(database: Path, questions: Sequence[Question]) -> dict[str, Answer]:
    """Put every question to a DuckDB file.

    Parameters
    ----------
    database : pathlib.Path
        Holds the relations the questions name.
    questions : sequence of Question

    Returns
    -------
    dict of str to Answer
        By check id, one for every question: what Great Expectations does not answer comes back as a problem.
    """
    answers: dict[str, Answer] = {}
    with _silence():
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]  # takes a plain dict
        source = context.data_sources.add_duckdb(name="submission", connection_string=f"duckdb:///{database}")
        try:
            ordered = sorted(questions, key=lambda question: question.relation)
            for relation, group in groupby(ordered, key=lambda question: question.relation):
                answers |= _ask_about(source, relation, list(group))
        finally:
            source.get_execution_engine().close()
    unanswered = Answer(None, None, within=False, problem="no result came back")
    return {question.check_id: answers.get(question.check_id, unanswered) for question in questions}


def _ask_about(source: Any, relation: str, questions: list[Question]) -> dict[str, Answer]:
    expectations = [
        ExpectFewRowsToBreakRule(
            unexpected_rows_query=question.query,
            checked_rows_query=question.checked,
            mostly=1 - question.threshold,
            meta={"check_id": question.check_id},
        )
        for question in questions
    ]
    try:
        asset = source.add_table_asset(relation, table_name=relation)
        batch = asset.add_batch_definition_whole_table(relation).get_batch()
        suite = gx.ExpectationSuite(name=relation, expectations=expectations)
        results = batch.validate(suite, result_format=COUNTS_ONLY).results
    except Exception as error:  # a relation that cannot be opened breaks its checks, not the gate
        problem = safe_problem([str(error), str(error.__cause__)])
        return {question.check_id: Answer(None, None, False, problem) for question in questions}
    return {result.expectation_config.meta["check_id"]: _answer(result) for result in results}


def _answer(result: ExpectationValidationResult) -> Answer:
    counts = result.result
    if "observed_value" in counts:
        return Answer(counts["element_count"], counts["observed_value"], within=bool(result.success))
    told = (info.get("exception_message") for info in _exceptions(result.exception_info or {}))
    return Answer(None, None, within=False, problem=safe_problem(str(text) for text in told))


def _exceptions(info: dict[str, Any]) -> list[dict[str, Any]]:
    """One exception lies flat in Great Expectations' result, several lie under the metrics they broke."""
    return [part for part in (info, *info.values()) if isinstance(part, dict)]


@contextmanager
def _silence() -> Generator[None, None, None]:
    """Great Expectations logs exceptions with their text, and such a text may hold a patient's value."""
    logger = logging.getLogger("great_expectations")
    handlers, propagate = list(logger.handlers), logger.propagate
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate
