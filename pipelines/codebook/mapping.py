"""A mapping: how the columns and codes of any tabular source become staged columns. Written in YAML, checked here.

What a mapping may say is kept small on purpose, so that a registry analyst can read one aloud: a column, a column
with its codes, a constant, the difference of two numbers or dates, or the first case that holds. See
``catalog/mappings``.
"""

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from pipelines.codebook.mapping_columns import Column, DateFormat, Name, Strict
from pipelines.codebook.yaml_lines import line_of, repeated_keys
from pipelines.errors import InputError, in_plain_words

DAYS_PER_MONTH = 30.4375
ISO_DATE = "%Y-%m-%d"


class Take(Strict):
    """Which row stands for a key that has several.

    Parameters
    ----------
    lowest : list of str
        Columns to order by, as numbers where they are numbers, else as text; empty values last. The first row stands.
    """

    lowest: list[str] = Field(min_length=1)


class Table(Strict):
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
    relation : str, optional
        In the file ``from``: the table of a database, as ``table`` or ``schema.table``. Without it the table is known
        by its columns, as files are.
    optional : list of str
        Columns that are read too and that a file may lack; they are blank there.
    several_files : bool
        Whether the table may come in several files, such as one for each year.
    """

    name: Name
    columns: list[str] = Field(min_length=1)
    key: str
    main: bool = False
    take: Take | None = None
    relation: str | None = Field(default=None, alias="from", min_length=1)
    optional: list[str] = []
    several_files: bool = False

    @property
    def all_columns(self) -> list[str]:
        """Every column that the mapping may read."""
        return [*self.columns, *self.optional]


class Statement(Strict):
    """What the source can say of some variables of the tumor table."""

    variables: list[str] = Field(min_length=1)
    status: str = Field(pattern=r"^(recorded|derived|withheld|not_released|not_collected_before_\d{4})$")
    reason: str


class Mapping(Strict):
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
    date_formats : list of str
        How dates are written, in the letters of strptime; the first that fits is taken.
    database : str, optional
        Address of a PostgreSQL database that holds the tables, ``postgresql://host/name``; never with a password.
    """

    id: Name
    title: str
    citation: str
    licence: str
    tables: list[Table] = Field(min_length=1)
    columns: dict[Name, Column]
    ascertainment: list[Statement] = []
    days_per_month: float = Field(default=DAYS_PER_MONTH, gt=28, lt=32)
    date_formats: list[DateFormat] = Field(default=[ISO_DATE], min_length=1)
    database: str | None = Field(default=None, pattern=r"^postgres(ql)?://")
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
            lower = [column.lower() for column in table.all_columns]
            problems += [
                f"table {table.name} lists {c} twice"
                for c in sorted({c for c in lower if lower.count(c) > 1})
            ]
        return problems

    def _column_problems(self) -> list[str]:
        listed = {f"{table.name}.{column}" for table in self.tables for column in table.all_columns}
        key = self.columns.get("patient_key")
        simple = key is not None and len(key.columns) == 1 and key.values is None
        problems = [] if simple else ["columns.patient_key is needed, and from one column as it is"]
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


def parse_mapping(content: Any, *, where: str, root: yaml.Node | None = None) -> Mapping:
    """Check the content of a mapping.

    Parameters
    ----------
    content : Any
        As YAML or JSON gives it.
    where : str
        The file, for the message.
    root : yaml.Node, optional
        The file as ``yaml.compose`` gives it: each problem is then told with its line.

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
        problems = "; ".join(_problem(dict(item), root) for item in error.errors())
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
        text = path.read_text(encoding="utf-8")
        content, root = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
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
    if twice := list(repeated_keys(root)):
        raise InputError(
            f"The mapping says something twice: {'; '.join(twice)}",
            where=str(path),
            remedy="Keep one of the two: YAML would take the last and not say so.",
        )
    return parse_mapping(content, where=str(path), root=root)


def _problem(error: dict[str, Any], root: yaml.Node | None) -> str:
    at = list(error["loc"])
    line = f"line {line_of(root, error['loc'])}: " if root is not None else ""
    if at[-1:] == ["[key]"]:  # the name itself is wrong: show it as it was written
        at[-2:] = [error["input"]]
    message = in_plain_words(error)
    unquoted = error["type"] == "string_type" and isinstance(error["input"], bool | int | float)
    hint = " (quote it: YAML reads Yes, No and numbers as something else)" if unquoted else ""
    return line + ": ".join(filter(None, [".".join(map(str, at)), message + hint]))
