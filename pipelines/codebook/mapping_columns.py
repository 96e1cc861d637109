"""What a mapping may say of one staged column: where its value comes from, in which unit, and what is no value."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipelines.codebook.units import units


def _reference(text: str) -> str:
    table, _, column = text.partition(".")
    if not table or not column:
        raise ValueError("write it as table.column")
    return text


def _references(texts: str | list[str]) -> str | list[str]:
    for text in [texts] if isinstance(texts, str) else texts:
        _reference(text)
    return texts


def _unit(name: str) -> str:
    if name not in units():
        raise ValueError(f"there is no unit '{name}'; known: {', '.join(units())}")
    return name


def _date_format(text: str) -> str:
    codes = set(re.findall(r"%[A-Za-z]", text))
    if not ({"%Y"} <= codes and codes & {"%d"} and codes & {"%m", "%b", "%B"}):
        raise ValueError("needs %d, %m (or %b, %B) and %Y: a day, a month and a year of four digits")
    return text


Reference = Annotated[str, AfterValidator(_reference)]
"""A received column as ``table.column``."""

UnitName = Annotated[str, AfterValidator(_unit)]
DateFormat = Annotated[str, AfterValidator(_date_format)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Strict(BaseModel):
    """Nothing but the listed keys, each of its own type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_by_name=True, serialize_by_alias=True
    )


class Case(Strict):
    """One case: every column in ``when`` has the given text, or one of the given texts; ``blank`` is no text."""

    when: dict[Reference, str | list[str]] = Field(min_length=1)
    then: str


class Interval(Strict):
    """The time from one date to another, with its sign."""

    since: Reference = Field(alias="from")
    until: Reference = Field(alias="to")


class Body(Strict):
    """Height and weight of a person, for the body mass index."""

    height: Reference
    height_unit: UnitName
    weight: Reference
    weight_unit: UnitName

    @model_validator(mode="after")
    def _measures(self) -> Self:
        if (units()[self.height_unit].measure, units()[self.weight_unit].measure) != ("length", "mass"):
            raise ValueError("height_unit is a unit of length and weight_unit one of mass")
        return self


ORIGINS = ("column", "constant", "difference", "interval", "year_of", "body_mass_index", "first_of")


class Column(Strict):
    """Where one staged column comes from: exactly one of `ORIGINS`.

    Parameters
    ----------
    column : str or list of str, optional
        ``table.column``, taken as it is, trimmed; empty text is the word ``blank``. Of several, the first that holds
        a text.
    values : dict of str to str, optional
        Received text to staged word, for ``column``. A text that is not listed becomes ``unmapped``; in a column of
        numbers it is taken as the number it is.
    match : {"whole", "beginning"}
        Whether ``values`` lists whole texts, or how texts begin (the longest beginning that fits counts).
    unmapped : str
        The word for a text that ``values`` does not list; ``unmapped`` (the default) is counted in the quality report.
    constant : str, optional
        The same word on every row.
    difference : pair of str, optional
        Numbers: the first column minus the second.
    interval : Interval, optional
        Two dates: the time ``from`` one ``to`` the other, in the unit of the staged column; years are completed years.
    year_of : str, optional
        A date: its year.
    body_mass_index : Body, optional
    first_of : list of Case, optional
        The first case that holds gives the word; ``otherwise`` if none does.
    unit : str, optional
        Unit of the received number, where it is not that of the staged column.
    missing : list of str
        Texts that say nothing is known: read as empty.
    at_least, at_most : float, optional
        In the staged unit; a number beyond becomes null and is counted in the quality report.
    note : str, optional
        For the reader.
    """

    column: Annotated[str | list[str], AfterValidator(_references)] | None = None
    values: dict[str, str] | None = None
    match: Literal["whole", "beginning"] = "whole"
    unmapped: str = "unmapped"
    constant: str | None = None
    difference: list[Reference] | None = Field(default=None, min_length=2, max_length=2)
    interval: Interval | None = None
    year_of: Reference | None = None
    body_mass_index: Body | None = None
    first_of: list[Case] | None = Field(default=None, min_length=1)
    otherwise: str = "unknown"
    unit: UnitName | None = None
    missing: list[str] = []
    at_least: float | None = Field(default=None, strict=False)
    at_most: float | None = Field(default=None, strict=False)
    note: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [origin for origin in ORIGINS if getattr(self, origin) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(ORIGINS)}, has {given or 'none'}")
        if self.values is not None and self.column is None:
            raise ValueError("values belong to column")
        if self.match != "whole" and self.values is None:
            raise ValueError("match says how values are compared, and there are none")
        if self.unit is not None and given[0] not in ("column", "difference"):
            raise ValueError(f"unit belongs to column or difference, not to {given[0]}")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most: no number could be kept")
        if isinstance(self.column, list) and not self.column:
            raise ValueError("column lists none")
        return self

    @property
    def columns(self) -> list[str]:
        """What ``column`` names, in order."""
        return self.column if isinstance(self.column, list) else [self.column] if self.column else []

    def references(self) -> list[str]:
        """List the received columns that are read, as ``table.column``."""
        cases = [reference for case in self.first_of or [] for reference in case.when]
        dates = [self.interval.since, self.interval.until] if self.interval else []
        body = [self.body_mass_index.height, self.body_mass_index.weight] if self.body_mass_index else []
        year = [self.year_of] if self.year_of else []
        return [*self.columns, *(self.difference or []), *dates, *year, *body, *cases]

    def words(self) -> list[str]:
        """List the staged words that the rule itself can write."""
        if self.first_of is not None:
            return [*(case.then for case in self.first_of), self.otherwise]
        if self.values is not None:
            return [*self.values.values(), self.unmapped]
        return [self.constant] if self.constant is not None else []

    @property
    def bounds(self) -> bool:
        """Whether numbers are checked."""
        return self.at_least is not None or self.at_most is not None
