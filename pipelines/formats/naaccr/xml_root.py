"""What the root of a NAACCR XML file says of the file: version, record type, dictionaries."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.codebook.naaccr_items import PATIENT, RECORD_TYPES, ROOT, XML_VERSIONS, version_of
from pipelines.errors import InputError
from pipelines.formats.naaccr.safe_xml import SEPARATOR, XmlStream, local_name

NAMESPACE = "http://naaccr.org/naaccrxml"
ITEM = "Item"
OWN_ATTRIBUTES = (
    "baseDictionaryUri",
    "userDictionaryUri",
    "recordType",
    "timeGenerated",
    "specificationVersion",
)
DICTIONARY_CODE = re.compile(r"naaccr-dictionary-(?:gaps-)?(\w+?)\.xml$")
SPECIFICATION = re.compile(r"1\.\d+")
NEWEST_SPECIFICATION = (1, 8)
BEGINNING_BYTES = 2**18
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
ROOT_BYTES = 4 * 2**20
ASK_THE_SENDER = "Ask who sent the file for one that says so in its first element."


@dataclass(frozen=True)
class Root:
    """What the first element of a file, and the items in it before the first patient, say.

    Parameters
    ----------
    version : str
        ``v18`` …
    code : str
        The version as the standard writes it, such as ``180``.
    record_type : str
        ``I``, ``C``, ``M`` or ``A``.
    namespace : str
        That of every tag; blank in a file that names none.
    user_dictionaries : tuple of str
        Names of the user dictionaries that the file was written with.
    notes : tuple of str
    """

    version: str
    code: str
    record_type: str
    namespace: str
    user_dictionaries: tuple[str, ...]
    notes: tuple[str, ...]

    def tag(self, name: str) -> str:
        """A tag of the standard as it comes from the parser."""
        return f"{self.namespace}{SEPARATOR}{name}" if self.namespace else name


def is_root(tag: str) -> bool:
    """Whether a tag is the root of NAACCR XML, with or without its namespace."""
    return tag in (ROOT, f"{NAMESPACE}{SEPARATOR}{ROOT}")


def read_root(path: Path) -> Root:
    """Read the beginning of a file, up to the first patient.

    Raises
    ------
    InputError
        It is no NAACCR XML, is damaged at its beginning, or does not say its version and record type.
    """
    beginning = _Beginning()
    stream = XmlStream(path, beginning.start, beginning.end, beginning.characters)
    read = 0
    for chunk in stream.read(BEGINNING_BYTES):
        read += len(chunk)
        if beginning.whole:
            break
        if read > ROOT_BYTES:
            raise stream.fault(f"No patient begins in the first {ROOT_BYTES:,} bytes")
    return _root(beginning, path)


class _Beginning:
    """Tags until the first patient."""

    def __init__(self) -> None:
        self.tag = ""
        self.attributes: dict[str, str] = {}
        self.items: dict[str, str] = {}
        self.whole = False
        self._item = ""

    def start(self, tag: str, attributes: Sequence[str]) -> None:
        given = dict(zip(attributes[::2], attributes[1::2], strict=True))
        if not self.tag:
            self.tag, self.attributes = tag, given
        elif local_name(tag) == PATIENT:
            self.whole = True
        elif local_name(tag) == ITEM and not self.whole:
            self._item = given.get("naaccrId", "")

    def end(self, tag: str) -> None:
        self._item = ""
        self.whole = self.whole or tag == self.tag

    def characters(self, text: str) -> None:
        if self._item in ("recordType", "naaccrRecordVersion"):
            self.items[self._item] = self.items.get(self._item, "") + text.strip()


def _root(beginning: _Beginning, path: Path) -> Root:
    if not is_root(beginning.tag):
        raise InputError(
            "This is no NAACCR XML", where=path.name, remedy="Name the data file of the registry."
        )
    given = beginning.attributes
    code, version = _version(
        given.get("baseDictionaryUri", ""), beginning.items.get("naaccrRecordVersion", ""), path
    )
    return Root(
        version=version,
        code=code,
        record_type=_record_type(given.get("recordType", ""), beginning.items.get("recordType", ""), path),
        namespace=beginning.tag.rpartition(SEPARATOR)[0],
        user_dictionaries=tuple(given.get("userDictionaryUri", "").split()),
        notes=tuple(_notes(beginning, path)),
    )


def _version(uri: str, in_item: str, path: Path) -> tuple[str, str]:
    """Three-digit code and version, from the name of the base dictionary."""
    if not uri.strip():
        what = "The file does not name its base dictionary (baseDictionaryUri), and so not its version"
        raise InputError(what, where=path.name, remedy=ASK_THE_SENDER)
    found = DICTIONARY_CODE.search(uri.strip())
    code = found.group(1) if found else ""
    version = version_of(code)
    if version not in XML_VERSIONS:
        named = f"NAACCR version {code[:-1] if code.isdigit() else code}" if code else "no NAACCR version"
        raise InputError(
            f"The base dictionary of the file is of {named}, which has no XML known here",
            where=path.name,
            remedy=f"Known: {', '.join(XML_VERSIONS)}. Ask for the data in one of these.",
        )
    if in_item and in_item != code:
        raise InputError(
            f"The file contradicts itself: its base dictionary is of {version}, its item naaccrRecordVersion is not",
            where=path.name,
            remedy=ASK_THE_SENDER,
        )
    return code, version


def _record_type(attribute: str, item: str, path: Path) -> str:
    attribute = attribute.strip()
    if attribute and item and attribute != item:
        what = "The file contradicts itself: its attribute and its item recordType differ"
        raise InputError(what, where=path.name, remedy=ASK_THE_SENDER)
    found = attribute or item
    if found not in RECORD_TYPES:
        what = "The record type is none that has cases" if found else "The file does not say its record type"
        remedy = (
            f"Known: {', '.join(f'{code} ({word})' for code, word in RECORD_TYPES.items())}. {ASK_THE_SENDER}"
        )
        raise InputError(f"{what} (recordType)", where=path.name, remedy=remedy)
    return found


def _notes(beginning: _Beginning, path: Path) -> list[str]:
    given, notes = beginning.attributes, []
    specification = given.get("specificationVersion", "").strip()
    if specification and not SPECIFICATION.fullmatch(specification):
        raise InputError(
            "The file is written to a specification of NAACCR XML that is not known here (specificationVersion)",
            where=path.name,
            remedy="Known: 1.0 to 1.8.",
        )
    if specification and tuple(map(int, specification.split("."))) > NEWEST_SPECIFICATION:
        notes.append(f"{path.name} is written to specification {specification}; it was read as 1.8.")
    time = given.get("timeGenerated", "").strip()
    if time and not TIME.fullmatch(time):
        notes.append(f"{path.name}: timeGenerated is no time; it is not used.")
    if not beginning.tag.startswith(NAMESPACE):
        notes.append(f"{path.name} does not name the NAACCR namespace; its tags were taken to be of it.")
    others = sum(name not in OWN_ATTRIBUTES for name in given)
    if others:
        notes.append(
            f"{path.name}: {others} attribute(s) of the root that the standard does not have were not kept."
        )
    return notes
