"""The data items of the NAACCR standard: which version and record type has which item, and where.

One table serves flat records (v12 to v18), which need columns, and XML (v14 on), which needs ids and levels. An item
keeps its number for ever; its id is the newest one, and older ids lead to it.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipelines.codebook.layouts import Field, Layout
from pipelines.errors import InputError

TABLES = Path(__file__).parent / "tables"
ITEMS_TABLE, LENGTHS_TABLE = TABLES / "naaccr_items.csv", TABLES / "naaccr_record_lengths.csv"

FLAT_VERSIONS = ("v12", "v13", "v14", "v15", "v16", "v18")
XML_VERSIONS = ("v14", "v15", "v16", "v18", "v21", "v22", "v23", "v24", "v25", "v26")
VERSIONS = (*FLAT_VERSIONS, *XML_VERSIONS[4:])
RECORD_TYPES = {"I": "incidence", "C": "confidential", "M": "modified", "A": "full abstract"}
ROOT, PATIENT, TUMOR = "NaaccrData", "Patient", "Tumor"


@dataclass(frozen=True)
class Item:
    """A data item as one version of the standard has it.

    Parameters
    ----------
    number : int
        NAACCR item number.
    id : str
        Newest XML id; it names the column.
    other_ids : tuple of str
        Ids that the item had before.
    name : str
        Standard name.
    level : str
        ``NaaccrData``, ``Patient`` or ``Tumor``: the XML element that holds it.
    other_levels : tuple of str
        Levels at which the item stood in earlier dictionaries of a version, or stands in another version.
    data_type : str
        ``digits``, ``text``, ``date``, ``mixed``, ``numeric``, ``alpha`` or ``dateTime``.
    padding : str
        ``leftZero`` where values are filled up with zeros, else empty.
    record_types : tuple of str
        Of ``I``, ``C``, ``M``, ``A``.
    first_version, last_version : str
        ``v12`` where the item is as old or older.
    start : int or None
        First column of a flat record, 1-based; None where the version is XML only.
    length : int
        Greatest length (characters).
    unlimited : bool
        Whether a longer text is allowed in XML.
    """

    number: int
    id: str
    other_ids: tuple[str, ...]
    name: str
    level: str
    other_levels: tuple[str, ...]
    data_type: str
    padding: str
    record_types: tuple[str, ...]
    first_version: str
    last_version: str
    start: int | None
    length: int
    unlimited: bool

    @property
    def keys(self) -> tuple[int | str, ...]:
        """What the item is found by: its number and every id."""
        return (self.number, self.id, *self.other_ids)


def items(version: str, record_type: str) -> tuple[Item, ...]:
    """Return the items that a version has for a record type, in item-number order.

    Parameters
    ----------
    version : str
        ``v12`` … ``v16``, ``v18``, ``v21`` … ``v26``.
    record_type : str
        ``I``, ``C``, ``M`` or ``A``.

    Raises
    ------
    InputError
        There is no such version or record type.
    """
    _check_record_type(record_type)
    return tuple(item for item in _items(version) if record_type in item.record_types)


def item_of(key: int | str, version: str) -> Item | None:
    """Find an item of a version by number or by id, the newest or an older one; None where there is none."""
    return _by_key(version).get(key)


def versions_of(key: int | str) -> tuple[str, ...]:
    """Versions that have an item with this number or id, in any record type."""
    return tuple(version for version in VERSIONS if key in _by_key(version))


@lru_cache(maxsize=1)
def known_keys() -> frozenset[int | str]:
    """Every number and id, old or new, that an item of some version has."""
    return frozenset(key for version in VERSIONS for key in _by_key(version))


def record_length(version: str, record_type: str) -> int:
    """Length of a flat record in bytes.

    Raises
    ------
    InputError
        The version is XML only or unknown, or there is no such record type.
    """
    _check_record_type(record_type)
    if version not in FLAT_VERSIONS:
        raise InputError(
            f"There are no flat NAACCR records of version '{version}'", remedy=_known(FLAT_VERSIONS)
        )
    return _lengths()[version, record_type]


def flat_layout(version: str, record_type: str) -> Layout:
    """Columns of a flat record; columns that are no item are fields ``columns_<first>_<last>``.

    Raises
    ------
    InputError
        See `record_length`.
    """
    fields = (
        Field(item.id, item.start, item.length)
        for item in items(version, record_type)
        if item.start is not None
    )
    return Layout.of(version, fields, record_length(version, record_type))


def version_of(code: str) -> str | None:
    """Return the version that a three-digit code means (``180`` is ``v18``, ``122`` is ``v12``); None if none does."""
    version = f"v{code[:2]}"
    whole = code.isascii() and code.isdigit() and len(code) == 3
    return version if whole and version in VERSIONS and (code[2] == "0" or version == "v12") else None


def _known(versions: tuple[str, ...]) -> str:
    return f"Known: {', '.join(versions)}."


def _check_record_type(record_type: str) -> None:
    if record_type not in RECORD_TYPES:
        raise InputError(f"There is no NAACCR record type '{record_type}'", remedy="Known: I, C, M, A.")


@lru_cache
def _items(version: str) -> tuple[Item, ...]:
    if version not in VERSIONS:
        raise InputError(f"NAACCR version '{version}' is not known", remedy=_known(VERSIONS))
    return tuple(_item(row, version) for row in _rows() if row[f"length_{version}"])


@lru_cache
def _by_key(version: str) -> dict[int | str, Item]:
    found: dict[int | str, Item] = {}
    for item in _items(version):
        found.update(dict.fromkeys(item.keys, item))
    return found


def _item(row: Mapping[str, str], version: str) -> Item:
    """The item of a table row as it is in a version that has it."""
    place = VERSIONS.index(version)

    def as_of(column: str, earlier: str, last: str) -> str:
        return row[earlier] if row[earlier] and place <= VERSIONS.index(last) else row[column]

    start, level = row.get(f"start_{version}"), as_of("level", "level_to_v23", "v23")
    return Item(
        number=int(row["number"]),
        id=row["id"],
        other_ids=tuple(row["other_ids"].split()),
        name=row["name"],
        level=level,
        other_levels=tuple(other for other in row["other_levels"].split() if other != level),
        data_type=row["data_type"],
        padding=row["padding"],
        record_types=tuple(as_of("record_types", "record_types_to_v16", "v16")),
        first_version=row["first_version"],
        last_version=row["last_version"],
        start=int(start) if start else None,
        length=int(row[f"length_{version}"]),
        unlimited=bool(row["unlimited_to"]) and place <= VERSIONS.index(row["unlimited_to"]),
    )


@lru_cache(maxsize=1)
def _rows() -> tuple[Mapping[str, str], ...]:
    with ITEMS_TABLE.open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


@lru_cache(maxsize=1)
def _lengths() -> dict[tuple[str, str], int]:
    with LENGTHS_TABLE.open(encoding="utf-8", newline="") as stream:
        return {(row["version"], row["record_type"]): int(row["length"]) for row in csv.DictReader(stream)}
