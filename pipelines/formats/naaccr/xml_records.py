"""Records of a NAACCR XML file: one row a tumor, with the items of its patient and of the root.

A file that breaks the grammar of the standard is refused where it does so. A record that breaks its dictionary is set
aside: an item at the wrong level, twice with two values, under the number of another, or of another version or record
type. What the standard does not know is kept beside the items, as JSON: items no dictionary has, and extensions.

Records are numbered through the file. A patient without a tumor is a record of its own, which is set aside.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipelines.codebook.naaccr_items import PATIENT, ROOT, TUMOR, Item, known_keys
from pipelines.formats.naaccr.columns import Dictionary
from pipelines.formats.naaccr.dictionary import NOT_IN_DICTIONARY
from pipelines.formats.naaccr.safe_xml import SEPARATOR, XINCLUDE, XmlStream
from pipelines.formats.naaccr.xml_root import ITEM, NAMESPACE, Root
from pipelines.formats.naaccr.xml_rows import LONGEST_TEXT, Entity, Extension, table_of
from pipelines.formats.text import arrays
from pipelines.formats.types import BadRecord, Batch, quarantine_table, with_provenance

ROWS_OF_A_BATCH = 4096
LARGEST_BESIDE, LEAST_BESIDE = 16 * 2**20, 2**10
"""Most that one record may hold beside its items, and the least that one piece of it counts for."""
MOST_REPEATED = 2**28
"""Most characters of root and patients that the tumors of one batch may repeat; a real file has a tenth of it."""
NUMBER = re.compile(r"[0-9]{1,9}")
WITHOUT_TUMOR = "patient without a tumor"
WHITESPACE = " \t\r\n"

Attributes = tuple[str, ...]


def read_records(
    path: Path,
    root: Root,
    dictionary: Dictionary,
    *,
    findings: Counter[str] | None = None,
    rows: int = ROWS_OF_A_BATCH,
) -> Iterator[Batch]:
    """Read a file record by record.

    Parameters
    ----------
    path : Path
    root : Root
    dictionary : Dictionary
        Its items are the columns.
    findings : Counter, optional
        Gets what stops nothing and should be known, by sentence.
    rows : int
        Records of a batch, at least; memory is a small multiple of this, whatever the length of the file.

    Yields
    ------
    Batch
        Byte ranges of records set aside run from the start tag to before the end tag.

    Raises
    ------
    InputError
        The file breaks the grammar of XML or of the standard; line and column say where.
    """
    records = _Records(path, root, dictionary, Counter() if findings is None else findings)
    yielded = False
    for chunk in records.stream.read():
        if len(records) >= rows or (not chunk and (len(records) or not yielded)):
            yielded = True
            yield records.batch()


class _Records:
    """Where the reader is in the file, and the records since the last batch."""

    def __init__(self, path: Path, root: Root, dictionary: Dictionary, findings: Counter[str]) -> None:
        self.stream = XmlStream(path, self._start, self._end, self._characters)
        self._path, self._dictionary, self._findings = path, dictionary, findings
        self._root_tag, self._patient_tag = root.tag(ROOT), root.tag(PATIENT)
        self._tumor_tag, self._item_tag = root.tag(TUMOR), root.tag(ITEM)
        self._places = {level: _places(dictionary, level) for level in (ROOT, PATIENT, TUMOR)}
        self._root = Entity({})
        self._said = {"recordType": root.record_type, "naaccrRecordVersion": root.code}
        self._patient, self._tumors, self._patients = self._root, 0, 0
        self._level, self._entity = "", self._root
        self._values, self._columns = self._root.values, self._places[ROOT]  # of the entity at hand
        self._attributes: Attributes | None = None  # of the item that is open
        self._text = ""
        self._extension: Extension | None = None
        self._number, self._start_byte, self._beside_length = 0, 0, 0
        self._repeated = 0
        self._rows: list[Entity] = []
        self._numbers: list[int] = []
        self._bad: list[BadRecord] = []

    def __len__(self) -> int:
        return len(self._rows) + len(self._bad)

    def batch(self) -> Batch:
        """Hand on the records since the last batch."""
        table = table_of(self._rows, self._dictionary, self._findings)
        if self.stream.controls:
            self._findings["control characters (read as blanks)"] = self.stream.controls
        kept = with_provenance(table, self._path.name, arrays.numbers(np.array(self._numbers, np.int64)))
        batch = Batch(kept, quarantine_table(self._path.name, self._bad))
        self._rows, self._numbers, self._bad, self._repeated = [], [], [], 0
        return batch

    # The three calls for each item of the file: what is rare is elsewhere.

    def _start(self, tag: str, attributes: Sequence[str]) -> None:
        if tag == self._item_tag and self._attributes is None and self._extension is None:
            self._attributes, self._text = tuple(attributes), ""
        else:
            self._start_other(tag, attributes)

    def _characters(self, text: str) -> None:
        if self._attributes is not None:
            self._text += text
            if len(self._text) > LONGEST_TEXT:
                raise self.stream.fault(f"An item is longer than {LONGEST_TEXT:,} characters")
        elif self._extension is not None:
            self._extension.characters(text)
        elif not text.isspace():
            raise self.stream.fault("There is text between the elements, where the standard has none")

    def _end(self, tag: str) -> None:
        attributes = self._attributes
        if attributes is None:
            self._end_other(tag)
            return
        column = self._columns.get(attributes)
        if column is None or column in self._values:
            self._unusual(attributes, self._text.strip(WHITESPACE))
        else:
            self._values[column] = self._text.strip(WHITESPACE)
        self._attributes = None

    def _unusual(self, attributes: Attributes, text: str) -> None:
        """Keep an item that is not simply one of its level, given once; or say why its record cannot be kept."""
        if self._is_over:
            raise self.stream.fault(f"An item stands after the last place for items of {self._level}")
        given = dict(zip(attributes[::2], attributes[1::2], strict=True))
        name, code = given.get("naaccrId", "").strip(), given.get("naaccrNum", "").strip()
        if not (name or code) or (code and not NUMBER.fullmatch(code)):
            raise self.stream.fault("An item has no naaccrId, or a naaccrNum that is no number")
        if set(given) - {"naaccrId", "naaccrNum"}:
            self._findings["items with attributes that the standard does not have (not kept)"] += 1
        item, fault = _resolved(name, int(code) if code else None, self._dictionary)
        if fault:
            self._entity.fault = self._entity.fault or fault
        elif item is None:
            self._findings[f"items that no dictionary has (kept in {NOT_IN_DICTIONARY})"] += 1
            self._measure(name + text)
            self._keep(self._entity.beside, name or code, text)
        elif self._level not in (item.level, *item.other_levels):
            fault = f"item {item.id} belongs to {item.level} and stands in {self._level}"
            self._entity.fault = self._entity.fault or fault
        else:
            self._keep(self._values, item.id, text)

    def _keep(self, values: dict[str, str], name: str, text: str) -> None:
        """Keep a value, unless there is another one of the same name."""
        before = values.get(name, "")
        if before and text and text != before:
            what = f"item {name}" if values is self._values else "an item that no dictionary has"
            self._entity.fault = self._entity.fault or f"{what} is there twice with different values"
        elif name in values:
            self._findings["items that are there twice with one value (kept once)"] += 1
        values[name] = before or text

    @property
    def _is_over(self) -> bool:
        """Whether the items of the element at hand had to come before."""
        return bool((self._level == PATIENT and self._tumors) or (self._level == ROOT and self._patients))

    def _start_other(self, tag: str, attributes: Sequence[str]) -> None:
        """Any start tag but that of an item in its place."""
        if self._extension is not None:
            self._extension.start(tag, attributes)
        elif self._attributes is not None:
            raise self.stream.fault("An item holds another element")
        elif tag == self._root_tag and not self._level:
            self._enter(ROOT, self._root)
        elif tag in (self._patient_tag, self._tumor_tag) and attributes:
            raise self.stream.fault("A Patient or Tumor has an attribute, which the standard does not allow")
        elif tag == self._patient_tag and self._level == ROOT:
            self._patients, self._tumors, self._beside_length = self._patients + 1, 0, 0
            self._start_byte, self._patient = self.stream.byte, self._root.inner(self._said)
            self._enter(PATIENT, self._patient)
        elif tag == self._tumor_tag and self._level == PATIENT:
            self._start_byte, self._beside_length = self.stream.byte, 0
            self._tumors += 1
            self._repeated += self._patient.length
            if self._repeated > MOST_REPEATED:
                raise self.stream.fault(
                    "What the root or a patient holds is too long to repeat on each tumor"
                )
            self._enter(TUMOR, self._patient.inner())
        elif tag.partition(SEPARATOR)[0] in (tag, NAMESPACE, XINCLUDE) or self._is_over:
            raise self.stream.fault("An element stands where NAACCR XML does not have it")
        else:
            self._extension = Extension(self.stream)
            self._extension.start(tag, attributes)

    def _end_other(self, tag: str) -> None:
        """Any end tag but that of an item."""
        if self._extension is not None:
            self._end_extension(tag, self._extension)
        elif self._level == TUMOR:
            self._end_record(self._entity.fault)
            self._enter(PATIENT, self._patient)
        elif self._level == PATIENT:
            if not self._tumors:
                self._end_record(self._entity.fault or WITHOUT_TUMOR)
            self._enter(ROOT, self._root)

    def _enter(self, level: str, entity: Entity) -> None:
        self._level, self._entity, self._values = level, entity, entity.values
        self._columns = {} if self._is_over else self._places[level]

    def _end_record(self, fault: str) -> None:
        self._number += 1
        if fault:
            self._bad.append(BadRecord(self._number, self._start_byte, self.stream.byte, fault))
        else:
            self._rows.append(self._entity)
            self._numbers.append(self._number)

    def _end_extension(self, tag: str, extension: Extension) -> None:
        text = extension.end(tag)
        if text is None:
            return
        self._extension = None
        if self._level == ROOT:
            self._findings["extensions of the root (not kept)"] += 1
        else:
            self._findings[f"extensions (kept in {NOT_IN_DICTIONARY})"] += 1
            beside = self._entity.beside
            self._measure(text)
            beside[extension.name] = beside.get(extension.name, "") + text

    def _measure(self, text: str) -> None:
        """Bound what one record can hold beside its items."""
        self._beside_length += len(text) + LEAST_BESIDE
        if self._beside_length > LARGEST_BESIDE:
            raise self.stream.fault("A record holds more than it can that is no item's")


def _places(dictionary: Dictionary, level: str) -> dict[Attributes, str]:
    """Attributes of items of a level, by id alone or by id and number, and their columns."""
    items = {item.id: item for item in dictionary.items}
    places: dict[Attributes, str] = {}
    for name, column in dictionary.columns_of(level).items():
        number = str(items[column].number)
        places["naaccrId", name] = column
        places["naaccrId", name, "naaccrNum", number] = column
        places["naaccrNum", number, "naaccrId", name] = column
    return places


def _resolved(name: str, number: int | None, dictionary: Dictionary) -> tuple[Item | None, str]:
    """The item that an id and a number name, by id first; or why the record cannot be kept."""
    by_name = dictionary.by_key.get(name)
    item = by_name or dictionary.by_key.get(number or 0)
    if by_name is not None and number not in (None, by_name.number):
        return None, f"item {by_name.id} has the number of another item"
    if item is None and dictionary.is_standard(name, number):
        what = name if name in known_keys() else f"number {number}"
        return None, f"item {what} is none of {dictionary.version}, record type {dictionary.record_type}"
    return item, ""
