"""NAACCR dictionaries that a site brings, in the XML of the standard.

A base dictionary takes the place of the built-in items of its version. User dictionaries add a registry's own items.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.codebook.layouts import Layout
from pipelines.codebook.naaccr_items import (
    PATIENT,
    RECORD_TYPES,
    ROOT,
    TUMOR,
    VERSIONS,
    Item,
    item_of,
    version_of,
)
from pipelines.errors import InputError
from pipelines.formats.naaccr.safe_xml import XmlStream, as_text, is_xml, local_name
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
    return tuple(read_dictionary(path) for path in {path.resolve(): path for path in paths}.values())


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
        return refused(path, error, source="naaccr")
    kind = "base dictionary" if found.is_base else "user dictionary"
    of_version = f" of version {found.version}" if found.version else ""
    explanation = (
        f"NAACCR {kind}{of_version} with {len(found.items)} items; it holds no data, and is used to read the NAACCR "
        "files named beside it."
    )
    return described(path, explanation, source="naaccr")
