"""A mapping: how the columns and codes of any tabular source become staged columns. Written in YAML, checked here.

What a mapping may say is kept small on purpose, so that a registry analyst can read one aloud: a column, a column
with its codes, a constant, the difference of two columns, or the first case that holds. See ``catalog/mappings``.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipelines.errors import InputError, in_plain_words

DAYS_PER_MONTH = 30.4375


def _reference(text: str) -> str:
    table, _, column = text.partition(".")
    if not table or not column:
        raise ValueError("write it as table.column")
    return text


Reference = Annotated[str, AfterValidator(_reference)]
"""A received column as ``table.column``."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Take(_Strict):
    """Which row stands for a key that has several.

    Parameters
    ----------
    lowest : list of str
        Columns to order by, as numbers where they are numbers, else as text; empty values last. The first row stands.
    """

    lowest: list[str] = Field(min_length=1)


class Table(_Strict):
    """One received table and how its file is known.

    Parameters
    ----------
    name : str
        What the mapping calls it.
    columns : list of str
        A file is this table when its header holds all of them; every column that the mapping reads is among them.
    key : str
        Joins a side table to the main table; compared without padding.
    main : bool
        The table whose rows are the staged rows; exactly one table is.
    take : Take, optional
        Every side table needs it, so that no join can double a row.
    """

    name: Name
    columns: list[str] = Field(min_length=1)
    key: str
    main: bool = False
    take: Take | None = None


class Case(_Strict):
    """One case: every column in ``when`` has the given text, or one of the given texts."""

    when: dict[Reference, str | list[str]] = Field(min_length=1)
    then: str


class Column(_Strict):
    """Where one staged column comes from: exactly one of ``column``, ``constant``, ``difference``, ``first_of``.

    Parameters
    ----------
    column : str, optional
        ``table.column``, taken as it is, trimmed; empty text is the word ``blank``.
    values : dict of str to str, optional
        Received text to staged word, for ``column``. A text that is not listed becomes ``unmapped``.
    unmapped : str
        The word for a text that ``values`` does not list; ``unmapped`` (the default) is counted in the quality report.
    constant : str, optional
        The same word on every row.
    difference : pair of str, optional
        Numbers: the first column minus the second.
    unit : {"months", "days"}
        Of a number that becomes months; days are divided by the mapping's ``days_per_month``.
    first_of : list of Case, optional
        The first case that holds gives the word; ``otherwise`` if none does.
    note : str, optional
        For the reader.
    """

    column: Reference | None = None
    values: dict[str, str] | None = None
    unmapped: str = "unmapped"
    constant: str | None = None
    difference: list[Reference] | None = Field(default=None, min_length=2, max_length=2)
    unit: Literal["months", "days"] = "months"
    first_of: list[Case] | None = Field(default=None, min_length=1)
    otherwise: str = "unknown"
    note: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [x for x in ("column", "constant", "difference", "first_of") if getattr(self, x) is not None]
        if len(given) != 1:
            raise ValueError(
                f"needs exactly one of column, constant, difference, first_of, has {given or 'none'}"
            )
        if self.values is not None and self.column is None:
            raise ValueError("values belong to column")
        return self

    def references(self) -> list[str]:
        """List the received columns that are read, as ``table.column``."""
        cases = [reference for case in self.first_of or [] for reference in case.when]
        return [*([self.column] if self.column else []), *(self.difference or []), *cases]

    def words(self) -> list[str]:
        """List the staged words that the rule itself can write."""
        if self.first_of is not None:
            return [*(case.then for case in self.first_of), self.otherwise]
        if self.values is not None:
            return [*self.values.values(), self.unmapped]
        return [self.constant] if self.constant is not None else []


class Statement(_Strict):
    """What the source can say of some variables of the tumor table."""

    variables: list[str] = Field(min_length=1)
    status: str = Field(pattern=r"^(recorded|derived|withheld|not_released|not_collected_before_\d{4})$")
    reason: str


class Mapping(_Strict):
    """A mapped source.

    Parameters
    ----------
    id, title, citation, licence : str
    tables : list of Table
    columns : dict of str to Column
        By staged column; ``patient_key`` is needed. A staged column that is not here is one the source lacks.
    ascertainment : list of Statement
    days_per_month : float
        The length of a month where the source gives days (days).
    """

    id: Name
    title: str
    citation: str
    licence: str
    tables: list[Table] = Field(min_length=1)
    columns: dict[Name, Column]
    ascertainment: list[Statement] = []
    days_per_month: float = Field(default=DAYS_PER_MONTH, gt=28, lt=32)
    notes: str | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problems = [*self._table_problems(), *self._column_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _table_problems(self) -> list[str]:
        names = [table.name for table in self.tables]
        mains = [table.name for table in self.tables if table.main]
        problems = [
            f"tables has {name} twice" for name in sorted({name for name in names if names.count(name) > 1})
        ]
        if len(mains) != 1:
            problems.append(f"exactly one table has main: true, here {', '.join(mains) or 'none'}")
        for table in self.tables:
            if not table.main and table.take is None:
                problems.append(
                    f"table {table.name} is joined by its key and needs take: which row stands for a key"
                )
            own = [table.key, *(table.take.lowest if table.take else [])]
            problems += [
                f"table {table.name} lacks {c} among its columns" for c in own if c not in table.columns
            ]
        return problems

    def _column_problems(self) -> list[str]:
        listed = {f"{table.name}.{column}" for table in self.tables for column in table.columns}
        key = self.columns.get("patient_key")
        problems = [] if key and key.column else ["columns.patient_key is needed, and from a column"]
        for name, column in self.columns.items():
            absent = sorted({*column.references()} - listed)
            problems += [
                f"columns.{name} reads {reference}, which tables do not list" for reference in absent
            ]
        stated = [variable for statement in self.ascertainment for variable in statement.variables]
        repeated = sorted({variable for variable in stated if stated.count(variable) > 1})
        return problems + [f"ascertainment states {variable} twice" for variable in repeated]

    @property
    def main_table(self) -> Table:
        """The table whose rows are the staged rows."""
        return next(table for table in self.tables if table.main)

    @property
    def side_tables(self) -> list[Table]:
        """The tables that are joined to it."""
        return [table for table in self.tables if not table.main]


def parse_mapping(content: Any, *, where: str) -> Mapping:
    """Check the content of a mapping.

    Parameters
    ----------
    content : Any
        As YAML or JSON gives it.
    where : str
        The file, for the message.

    Returns
    -------
    Mapping

    Raises
    ------
    InputError
        With every problem at once, each with its path in the file.
    """
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problem(dict(item)) for item in error.errors())
        raise InputError(
            f"The mapping has {error.error_count()} problem(s): {problems}",
            where=where,
            remedy="Correct them all and load again; catalog/mappings/README.md says what a mapping may say.",
        ) from None


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file.

    Raises
    ------
    InputError
        There is no such file, it is no YAML, or it does not keep to the schema.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The mapping cannot be read", where=str(path), remedy="Give the path of a YAML file."
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(
            "The mapping is not YAML", where=f"{path}{line}", remedy="Correct the file."
        ) from None
    return parse_mapping(content, where=str(path))


def _problem(error: dict[str, Any]) -> str:
    at = list(error["loc"])
    if at[-1:] == ["[key]"]:  # the name itself is wrong: show it as it was written
        at[-2:] = [error["input"]]
    message = in_plain_words(error["type"], str(error["msg"]))
    unquoted = error["type"] == "string_type" and isinstance(error["input"], bool | int | float)
    hint = " (quote it: YAML reads Yes, No and numbers as something else)" if unquoted else ""
    return ": ".join(filter(None, [".".join(map(str, at)), message + hint]))
