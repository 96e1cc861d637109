"""What a record of NAACCR XML holds, and many of them as a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import TreeBuilder, tostring

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.codebook.naaccr_items import Item
from pipelines.formats.naaccr.columns import Dictionary, as_json
from pipelines.formats.naaccr.dictionary import NOT_IN_DICTIONARY
from pipelines.formats.naaccr.safe_xml import SEPARATOR, XmlStream
from pipelines.formats.text import arrays

LONGEST_TEXT = 2**20
DEEPEST_EXTENSION = 64
WIDEST_DICTIONARY = 15
"""Longer values are nearly unique: a dictionary of them would only cost."""
NOTHING_MORE: Mapping[str, str] = {}


@dataclass(slots=True)
class Entity:
    """Root, patient or tumor.

    Parameters
    ----------
    values : dict
        Column to text, with those of the elements around it.
    beside : dict
        Name to text of what no dictionary has.
    fault : str
        Why the records in it cannot be kept; names no value.
    """

    values: dict[str, str]
    beside: dict[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def length(self) -> int:
        """Characters of all texts."""
        return sum(map(len, self.values.values())) + sum(map(len, self.beside.values()))

    def inner(self, said: Mapping[str, str] = NOTHING_MORE) -> "Entity":
        """An element in this one, which begins with what this one holds, and what else is said of it."""
        return Entity({**self.values, **said}, dict(self.beside), self.fault)


class Extension:
    """An element of a namespace that is not NAACCR's, with all that it holds, as XML text."""

    def __init__(self, stream: XmlStream) -> None:
        self._stream, self._builder = stream, TreeBuilder()
        self._depth, self._length, self.name = 0, 0, ""

    def start(self, tag: str, attributes: Sequence[str]) -> None:
        """Take a start tag."""
        self._depth += 1
        if self._depth > DEEPEST_EXTENSION:
            raise self._stream.fault(f"Elements are nested more than {DEEPEST_EXTENSION} deep")
        self.name = self.name or _clark(tag)
        pairs = zip(attributes[::2], attributes[1::2], strict=True)
        self._measure(len(tag) + sum(map(len, attributes)))
        self._builder.start(_clark(tag), {_clark(name): value for name, value in pairs})

    def characters(self, text: str) -> None:
        """Take some text."""
        self._measure(len(text))
        self._builder.data(text)

    def end(self, tag: str) -> str | None:
        """Take an end tag; give the text of the whole element where it is the last one."""
        self._builder.end(_clark(tag))
        self._depth -= 1
        return None if self._depth else tostring(self._builder.close(), encoding="unicode")

    def _measure(self, length: int) -> None:
        self._length += length
        if self._length > LONGEST_TEXT:
            raise self._stream.fault(f"An extension is longer than {LONGEST_TEXT:,} characters")


def _clark(tag: str) -> str:
    """A name as ``{uri}name``."""
    return "{" + tag if SEPARATOR in tag else tag


def table_of(rows: Sequence[Entity], dictionary: Dictionary, findings: Counter[str]) -> pa.Table:
    """Records as text columns, one an item; an item that a record does not have is blank.

    A column that is blank in all these records costs next to nothing. The type of a column depends on the item
    alone, so that all batches have one schema.
    """
    present = set[str]().union(*(row.values for row in rows))
    columns: dict[str, pa.Array[Any]] = {}
    for item in dictionary.items:
        values = [row.values.get(item.id, "") for row in rows] if item.id in present else None
        columns[item.id] = _column(item, values, len(rows), findings)
    columns[NOT_IN_DICTIONARY] = pa.array([as_json(row.beside) for row in rows], pa.string())
    return pa.table(columns)


def _column(item: Item, values: list[str] | None, rows: int, findings: Counter[str]) -> "pa.Array[Any]":
    encoded = item.length <= WIDEST_DICTIONARY
    if values is None:
        return _blank(rows) if encoded else arrays.repeated(b"", rows)
    column = pa.array(values, pa.string())
    too_long = int(np.count_nonzero(pc.utf8_length(column).to_numpy() > item.length))
    if too_long and not item.unlimited:
        findings["values longer than the standard allows (kept whole)"] += too_long
    return column.dictionary_encode() if encoded else column


def _blank(rows: int) -> "pa.Array[Any]":
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([""], pa.string()))
