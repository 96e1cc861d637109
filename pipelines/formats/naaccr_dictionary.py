"""The items that the records of a NAACCR file can have: the built-in table, or the dictionaries that a site brings.

A base dictionary takes the place of the built-in items of its version. User dictionaries add a registry's own items.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pipelines.codebook.layouts import Field, Layout
from pipelines.codebook.naaccr_items import (
    PATIENT,
    RECORD_TYPES,
    ROOT,
    TUMOR,
    VERSIONS,
    Item,
    item_of,
    items,
    known_keys,
    record_length,
    version_of,
)
from pipelines.errors import InputError
from pipelines.formats.safe_xml import XmlStream, as_text, is_xml, local_name
from pipelines.formats.types import Options, Recognition, described, refused

BASE_URI = re.compile(r"/naaccr-dictionary-(\d+)\.xml$")
NOT_IN_DICTIONARY = "items_not_in_dictionary"
"""Column of what a record holds beside the items: JSON, name to text, sorted; blank if nothing."""
LARGEST_DICTIONARY = 16 * 2**20


@dataclass(frozen=True)
class DictionaryFile:
    """A dictionary that a site brings.

    Parameters
    ----------
    path : Path
    uri : str
        The name by which data files refer to it.
    version : str or None
        ``v18`` …, where the dictionary is for one version.
    is_base : bool
        It has the items of the standard, not a registry's own.
    items : tuple of Item
    """

    path: Path
    uri: str
    version: str | None
    is_base: bool
    items: tuple[Item, ...]


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


def dictionaries_of(options: Options) -> tuple[DictionaryFile, ...]:
    """Read the dictionaries among what the caller says.

    Raises
    ------
    InputError
        One of them is no NAACCR dictionary.
    """
    said = [each for each in options.layout if not _is_version(each)]
    if any(isinstance(each, Layout) for each in said):
        raise InputError("A NAACCR file has no layout but its version", remedy="Leave --layout out.")
    paths = [Path(each) for each in (*said, *options.companions) if not isinstance(each, Layout)]
    return tuple(read_dictionary(path) for path in dict.fromkeys(path.resolve() for path in paths))


def check_said_version(options: Options, version: str) -> None:
    """Hold the version that the caller names, if any, against the one found.

    Raises
    ------
    InputError
        They differ.
    """
    for said in options.layout:
        if _is_version(said) and said != version:
            raise InputError(
                f"The data are of NAACCR version {version}, not {said}", remedy="Leave --layout out."
            )


def _is_version(said: object) -> bool:
    return isinstance(said, str) and re.fullmatch(r"v\d\d", said) is not None


def read_dictionary(path: Path) -> DictionaryFile:
    """Read a base or user dictionary in the XML of the standard.

    Raises
    ------
    InputError
        The file is no dictionary, is damaged, or an item in it is not whole.
    """
    if path.stat().st_size > LARGEST_DICTIONARY:
        raise InputError("This is larger than any NAACCR dictionary", where=path.name)
    tags: list[tuple[str, dict[str, str]]] = []

    def start(tag: str, attributes: Sequence[str]) -> None:
        tags.append((local_name(tag), _as_dict(attributes)))

    stream = XmlStream(path, start, lambda tag: None, lambda text: None)
    for _ in stream.read():
        pass
    (root, about), *others = tags
    if root != "NaaccrDictionary" or "dictionaryUri" not in about:
        raise InputError("This is no NAACCR dictionary", where=path.name, remedy="Leave it out.")
    uri = about["dictionaryUri"].strip()
    base = BASE_URI.search(uri)
    code = about.get("naaccrVersion", "").strip() or (base.group(1) if base else "")
    defined = [
        _item(attributes, place, path)
        for place, (tag, attributes) in enumerate((other for other in others if other[0] == "ItemDef"), 1)
    ]
    version = version_of(code) or code or None
    return DictionaryFile(path, uri, version, base is not None, tuple(defined))


def _as_dict(attributes: Sequence[str]) -> dict[str, str]:
    return dict(zip(attributes[::2], attributes[1::2], strict=True))


def _item(attributes: dict[str, str], place: int, path: Path) -> Item:
    """An item definition; the newest id of a standard item is the built-in one."""
    try:
        number, length = int(attributes["naaccrNum"]), int(attributes["length"])
        name, level = attributes["naaccrId"].strip(), attributes["parentXmlElement"].strip()
        start = int(attributes["startColumn"]) if attributes.get("startColumn", "").strip() else None
        types = tuple(
            re.split(r"[,\s]+", attributes.get("recordTypes", "").strip() or ",".join(RECORD_TYPES))
        )
    except (KeyError, ValueError):
        name, level, number, length, start, types = "", "", 0, 0, None, ()
    whole = name and level in (ROOT, PATIENT, TUMOR) and length > 0 and set(types) <= set(RECORD_TYPES)
    if not whole or name == NOT_IN_DICTIONARY:
        raise InputError(
            f"Item definition {place} of the dictionary is not whole",
            where=path.name,
            remedy="An item needs naaccrId, naaccrNum, length and parentXmlElement (NaaccrData, Patient or Tumor).",
        )
    item = Item(
        number=number,
        id=name,
        other_ids=(),
        name=attributes.get("naaccrName", name),
        level=level,
        other_levels=(),
        data_type=attributes.get("dataType", "text"),
        padding=attributes.get("padding", ""),
        record_types=types,
        first_version="",
        last_version="",
        start=start,
        length=length,
        unlimited=attributes.get("allowUnlimitedText") == "true",
    )
    return _with_newest_id(item)


def _with_newest_id(item: Item) -> Item:
    known = (item_of(item.number, version) for version in reversed(VERSIONS))
    standard = next((found for found in known if found and item.id in (found.id, *found.other_ids)), None)
    if standard is None:
        return item
    levels = tuple(sorted({standard.level, *standard.other_levels} - {item.level}))
    return replace(
        item, id=standard.id, other_ids=standard.other_ids, name=standard.name, other_levels=levels
    )


def recognise_dictionary(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is a NAACCR dictionary, which describes data files, and of which version."""
    if not is_xml(head) or not re.search(r"<([\w.-]+:)?NaaccrDictionary[\s>]", as_text(head)):
        return None
    try:
        found = read_dictionary(path)
    except InputError as error:
        return refused(path, error)
    kind = "base dictionary" if found.is_base else "user dictionary"
    of_version = f" of version {found.version}" if found.version else ""
    explanation = (
        f"NAACCR {kind}{of_version} with {len(found.items)} items; it holds no data, and is used to read the NAACCR "
        "files named beside it."
    )
    return described(path, explanation, source="naaccr")


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
