"""The checks as rows: ``expectations/<layer>_<registry>.csv``, read, validated and expanded.

One row says what must hold, for which rows, how many may break it, and what happens then. The file's name
says which registry it is for (``registry_ncdb.csv``; ``all`` for every one). A row whose column is ``*``
stands for one check per coded column of its table: the vocabularies live in the data dictionary,
``pipelines/registry/columns.csv``, and nowhere else.
"""

import csv
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipelines.errors import InputError
from pipelines.registry.dictionary import DictionaryColumn, read_dictionary
from pipelines.settings import Settings

Rule = Literal[
    "not_empty",
    "not_null",
    "known",
    "in_vocabulary",
    "unique",
    "row_condition",
    "referential",
    "count_equal",
]
Registry = Literal["all", "ncdb", "seer", "seer_ascii", "seer_survival", "naaccr", "mapped"]
"""A source, or one dialect of a source that has several."""

Severity = Literal["blocking", "warning"]
LAYERS = ("extract", "registry")
REGISTRIES: tuple[Registry, ...] = get_args(Registry)
EVERY_CODED_COLUMN = "*"
NEEDS_COLUMN: frozenset[str] = frozenset({"not_null", "known", "in_vocabulary", "unique", "referential"})
NEEDS_ARGUMENT: frozenset[str] = frozenset({"row_condition", "referential", "count_equal"})


class Check(BaseModel):
    """One check, as Dagster declares it and as the gate runs it.

    Attributes
    ----------
    check_id : str
        Lower-case letters, digits and underscores; unique over all files.
    layer, registry : str
        From the file's name.
    table, column : str
        Relation that is judged (listed in `pipelines.quality.relations`), and the column it is about, if one.
    rule : str
        Kind of rule; `pipelines.quality.rules` says what each asks.
    argument : str
        The SQL condition that must hold, the other table, or the words, by rule.
    scope : str
        SQL condition choosing the rows the check is about; empty for all. They are its denominator.
    severity : {"blocking", "warning"}
        What breaking it does.
    threshold : float
        Share of the rows in scope that may break it (0 to 1).
    source, owner, note : str
        Where the rule comes from, who looks after it, what it means in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    check_id: str = Field(pattern=r"^[a-z0-9_]+$", max_length=90)
    layer: Literal["extract", "registry"]
    registry: Registry
    table: str = Field(pattern=r"^[a-z_]+$")
    column: str = ""
    rule: Rule
    argument: str = ""
    scope: str = ""
    severity: Severity
    threshold: float = Field(ge=0, lt=1)
    source: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    note: str = Field(min_length=1)

    @model_validator(mode="after")
    def says_what_its_rule_needs(self) -> Self:
        """A rule without its column or its argument would be a check that cannot fail."""
        if self.rule in NEEDS_COLUMN and not self.column:
            raise ValueError(f"rule {self.rule} needs a column")
        if self.rule in NEEDS_ARGUMENT and not self.argument:
            raise ValueError(f"rule {self.rule} needs an argument")
        if self.argument and self.rule not in NEEDS_ARGUMENT | {"in_vocabulary"}:
            raise ValueError(f"rule {self.rule} takes no argument")
        if self.column == EVERY_CODED_COLUMN and (self.rule != "in_vocabulary" or self.argument):
            raise ValueError("column * is for in_vocabulary with the words of the data dictionary")
        return self

    def applies_to(self, kinds: Collection[str]) -> bool:
        """Whether the check is for a submission of this source and dialect."""
        return self.registry == "all" or self.registry in kinds


def checks(
    expectations_dir: Path | None = None, *, source: str | None = None, dictionary: Path | None = None
) -> list[Check]:
    """Every check, or those for one registry source, in the order of their ids.

    Parameters
    ----------
    expectations_dir : pathlib.Path, optional
        Folder of ``<layer>_<registry>.csv``; the project's own by default.
    source : {"ncdb", "seer", "mapped"}, optional
        Only the checks for one registry source; all of them by default, as Dagster declares them.
    dictionary : pathlib.Path, optional
        Data dictionary whose vocabularies ``*`` stands for; the project's own by default.

    Returns
    -------
    list of Check

    Raises
    ------
    InputError
        No file, a row that is not a check, or one id twice; with file and line.
    """
    folder = expectations_dir or Settings().expectations_dir
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise InputError(
            "There are no expectations", where=str(folder), remedy="A gate without checks is open."
        )
    columns = read_dictionary(dictionary)
    found: dict[str, Check] = {}
    for path in paths:
        for check in _read(path, columns):
            if check.check_id in found:
                raise InputError(f"Check '{check.check_id}' is there twice", where=str(path))
            found[check.check_id] = check
    return [found[name] for name in sorted(found) if source is None or found[name].applies_to({source})]


def _read(path: Path, columns: tuple[DictionaryColumn, ...]) -> Iterator[Check]:
    layer, _, registry = path.stem.partition("_")
    if layer not in LAYERS or registry not in REGISTRIES:
        raise InputError(
            f"'{path.name}' does not say which layer and registry its checks are for",
            where=str(path),
            remedy=f"Name it <layer>_<registry>.csv with {' | '.join(LAYERS)} and {' | '.join(REGISTRIES)}.",
        )
    for line, row in _rows(path):
        try:
            check = Check.model_validate({**row, "layer": layer, "registry": registry})
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'row'}: {e['msg']}" for e in error.errors())
            raise InputError("A row is not a check", where=f"{path}, line {line}", remedy=said) from None
        yield from _with_vocabulary(check, columns, where=f"{path}, line {line}")


def _with_vocabulary(check: Check, columns: tuple[DictionaryColumn, ...], *, where: str) -> Iterator[Check]:
    """Fill in the words of the data dictionary; ``*`` becomes one check per coded column."""
    if check.rule != "in_vocabulary" or check.argument:
        yield check
    elif check.column == EVERY_CODED_COLUMN:
        for column in columns:
            if column.table == check.table and column.coded:
                name = f"{check.check_id}_{column.column}"
                note = f"{column.column}: {check.note}"
                words = {
                    "check_id": name,
                    "column": column.column,
                    "argument": column.vocabulary,
                    "note": note,
                }
                yield check.model_copy(update=words)
    else:
        vocabulary = {(column.table, column.column): column.vocabulary for column in columns}
        words_or_range = vocabulary.get((check.table, check.column))
        if not words_or_range:
            raise InputError(
                f"The data dictionary has no vocabulary for {check.table}.{check.column}", where=where
            )
        yield check.model_copy(update={"argument": words_or_range})


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, restval="")
        for row in reader:
            yield reader.line_num, row
