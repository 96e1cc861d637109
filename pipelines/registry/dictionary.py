"""The data dictionary of the registry tables, ``columns.csv``: names, types, words."""

import csv
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipelines.errors import InputError


class DictionaryColumn(BaseModel):
    """One line of the data dictionary: a registry column with its type and words."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    table: str
    column: str
    type: str
    vocabulary: str = ""

    @property
    def coded(self) -> bool:
        """Whether the column has a closed list of words, unlike a range (``00..99``) or a pattern."""
        return self.type == "varchar" and bool(self.vocabulary) and not set("<.") & set(self.vocabulary)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a coded column."""
        return tuple(self.vocabulary.split("|")) if self.coded else ()


def dictionary_path() -> Path:
    """The registry's data dictionary."""
    return Path(__file__).parent / "columns.csv"


def read_dictionary(path: Path | None = None) -> tuple[DictionaryColumn, ...]:
    """Read the data dictionary of the registry tables.

    Raises
    ------
    InputError
        It is not there.
    """
    path = path or dictionary_path()
    if not path.is_file():
        raise InputError("The data dictionary of the registry is missing", where=str(path))
    with path.open(encoding="utf-8", newline="") as stream:
        return tuple(DictionaryColumn.model_validate(row) for row in csv.DictReader(stream, restval=""))
