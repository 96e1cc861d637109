"""The columns of NAACCR records, flat or XML: the items of a version and record type, and what is no item."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines.codebook.layouts import Field, Layout
from pipelines.codebook.naaccr_items import RECORD_TYPES, Item, items, known_keys, record_length
from pipelines.errors import InputError
from pipelines.formats.naaccr.dictionary import NOT_IN_DICTIONARY, DictionaryFile


@dataclass(frozen=True)
class Dictionary:
    """The items of one version and record type.

    Parameters
    ----------
    version, record_type : str
    version_items : tuple of Item
        Those of every record type, in item-number order.
    """

    version: str
    record_type: str
    version_items: tuple[Item, ...]

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Items of the record type: the columns, in item-number order."""
        return tuple(item for item in self.version_items if self.record_type in item.record_types)

    @cached_property
    def by_key(self) -> dict[int | str, Item]:
        """Items of the record type by number and by every id."""
        return {key: item for item in self.items for key in item.keys}

    def columns_of(self, level: str) -> dict[str, str]:
        """Every id of the items that may stand at a level, and the column it belongs to."""
        at_level = [item for item in self.items if level in (item.level, *item.other_levels)]
        return {name: item.id for item in at_level for name in (item.id, *item.other_ids)}

    @cached_property
    def _standard_keys(self) -> frozenset[int | str]:
        in_version = (key for item in self.version_items for key in item.keys)
        return known_keys().union(in_version)

    def is_standard(self, name: str, number: int | None) -> bool:
        """Whether the standard has an item of this id or number, be it in another version or record type."""
        return name in self._standard_keys or number in self._standard_keys

    def layout(self) -> Layout:
        """Columns of a flat record.

        Raises
        ------
        InputError
            The version is XML only, or items of a user dictionary overlap with others.
        """
        fields = (Field(item.id, item.start, item.length) for item in self.items if item.start is not None)
        return Layout.of(self.version, fields, record_length(self.version, self.record_type))


def dictionary_of(version: str, record_type: str, files: Sequence[DictionaryFile] = ()) -> Dictionary:
    """Return the items of a version and record type, with those of the dictionaries a site brings.

    Raises
    ------
    InputError
        A dictionary is of another version, or two have the same item.
    """
    for file in files:
        if file.version not in (None, version):
            raise InputError(
                f"The dictionary is of NAACCR version {file.version}, the data of {version}",
                where=file.path.name,
                remedy=f"Bring the dictionary of {version}, or none: the items of the standard are built in.",
            )
    base = [file.items for file in files if file.is_base] or [_built_in(version)]
    own = [item for file in files if not file.is_base for item in file.items]
    found: dict[int | str, Item] = {}
    for item in [*base[0], *own]:
        if found.get(item.id, item) != item or found.get(item.number, item) != item:
            raise InputError(
                f"Two dictionaries have an item with the id {item.id} or the number {item.number}",
                where=", ".join(file.path.name for file in files),
                remedy="Give the registry's own item an id and a number that the standard does not use.",
            )
        found[item.id] = found[item.number] = item
    in_order = sorted(set(found.values()), key=lambda item: (item.number, item.id))
    return Dictionary(version, record_type, tuple(in_order))


def _built_in(version: str) -> tuple[Item, ...]:
    of_types = (item for record_type in RECORD_TYPES for item in items(version, record_type))
    return tuple({item.number: item for item in of_types}.values())


def one_of_all(found: dict[Path, str], what: str) -> str:
    """Return what all files have in common.

    Raises
    ------
    InputError
        They differ.
    """
    if len(set(found.values())) > 1:
        raise InputError(
            f"These NAACCR files are of different {what}: "
            + ", ".join(f"{path.name} is {each}" for path, each in found.items()),
            remedy="Load each as its own submission.",
        )
    return next(iter(found.values()))


def as_json(beside: dict[str, str]) -> str:
    """What no dictionary has, as JSON with sorted names; blank if there is nothing."""
    return json.dumps(beside, ensure_ascii=False, sort_keys=True) if beside else ""


def notes_on(asked: Iterable[str], files: Sequence[DictionaryFile], name: str) -> tuple[str, ...]:
    """What a user should know of dictionaries that a data file names and those that were brought."""
    names, brought = set(asked), {file.uri for file in files if not file.is_base}
    notes = [
        f"{name} names a user dictionary that was not brought; its items are kept in {NOT_IN_DICTIONARY}."
        for _ in sorted(names - brought)
    ]
    notes += [
        f"{name} does not name the user dictionary {file.path.name}; it was used all the same."
        for file in files
        if file.uri in brought - names
    ]
    return tuple(notes)
