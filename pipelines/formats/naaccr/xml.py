"""NAACCR XML, version 14 and later: one row a tumor, in the columns that a flat file of the same records has.

The columns follow from version and record type, which the root says, so that one pass over the file is enough.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.codebook.naaccr_items import PATIENT, RECORD_TYPES
from pipelines.errors import CohortsError, InputError
from pipelines.formats.naaccr.columns import Dictionary, dictionary_of, notes_on, one_of_all
from pipelines.formats.naaccr.dictionary import (
    NOT_IN_DICTIONARY,
    DictionaryFile,
    check_said_version,
    dictionaries_of,
    recognise_dictionary,
)
from pipelines.formats.naaccr.safe_xml import as_text, is_xml
from pipelines.formats.naaccr.xml_records import read_records
from pipelines.formats.naaccr.xml_root import Root, read_root
from pipelines.formats.types import Batch, Extract, Format, Options, Recognition, TableReader, refused

NAME, SOURCE = "naaccr_xml", "naaccr"
SAMPLED_RECORDS = 500
LARGEST_COUNTED = 64 * 2**20
"""Tumors of a larger file are not counted before it is loaded."""
ROOT_TAG = re.compile(r"<(?:[\w.-]+:)?NaaccrData[\s/>]")
OTHER_XML = re.compile(r"^\W{0,9}<(\?xml\s|[\w.:-]+\s[^>]*xmlns)")
LEVEL_TAGS = re.compile(r"<(?:[\w.-]+:)?(Patient|Tumor)[\s/>]")
NOTHING_SAID = Options()


def open_naaccr_xml(paths: Sequence[Path], options: Options = NOTHING_SAID) -> Extract:
    """Open the files of one NAACCR XML submission; their beginnings are read.

    Parameters
    ----------
    paths : sequence of Path
    options : Options
        ``layout`` and ``companions``: the version, held against the files, and NAACCR dictionaries.

    Raises
    ------
    InputError
        A file is damaged at its beginning or does not say what it is, the files are of different versions or record
        types, or a dictionary is of another version.
    """
    roots = {path: read_root(path) for path in paths}
    version = one_of_all({path: root.version for path, root in roots.items()}, "versions")
    record_type = one_of_all({path: root.record_type for path, root in roots.items()}, "record types")
    check_said_version(options, version)
    files = dictionaries_of(options)
    dictionary = dictionary_of(version, record_type, files)
    return Extract(
        source=SOURCE,
        format=NAME,
        dialect=SOURCE,
        release=version,
        covered_years=None,
        site=None,
        tables=tuple(_table(path, root, dictionary) for path, root in roots.items()),
        notes=tuple(note for path, root in roots.items() for note in _notes(path, root, dictionary, files)),
        companions=tuple(file.path for file in files),
    )


def _table(path: Path, root: Root, dictionary: Dictionary) -> TableReader:
    columns = (*(item.id for item in dictionary.items), NOT_IN_DICTIONARY)
    findings = Counter[str]()

    def read() -> Iterator[Batch]:
        findings.clear()
        return read_records(path, root, dictionary, findings=findings)

    def told() -> tuple[str, ...]:
        sampled, _ = _sampled(path, root, dictionary)
        return tuple(
            f"{path.name}, whole file: {count} {what}."
            for what, count in sorted(findings.items())
            if count > sampled[what]
        )

    return TableReader(path.stem, path, columns, read, told=told)


def _sampled(path: Path, root: Root, dictionary: Dictionary) -> tuple[Counter[str], int]:
    """What stops nothing and should be known of the first records, and how many these are."""
    findings = Counter[str]()
    sample: Batch = next(read_records(path, root, dictionary, findings=findings, rows=SAMPLED_RECORDS))
    return findings, sample.kept.num_rows + sample.quarantined.num_rows


def _notes(path: Path, root: Root, dictionary: Dictionary, files: Sequence[DictionaryFile]) -> Iterator[str]:
    yield from root.notes
    yield from notes_on(root.user_dictionaries, files, path.name)
    findings, records = _sampled(path, root, dictionary)
    for what, count in sorted(findings.items()):
        yield f"{path.name}, first {records} records: {count} {what}."


def recognise_naaccr_xml(path: Path, head: bytes) -> Recognition | None:
    """Say whether a file is NAACCR XML, and of which version and record type; a dictionary is a companion."""
    if not is_xml(head):
        return None
    if not ROOT_TAG.search(as_text(head)):
        return recognise_dictionary(path, head) or _other_xml(path, head)
    try:
        root = read_root(path)
        dictionary = dictionary_of(root.version, root.record_type)
    except CohortsError as error:
        return refused(path, error, format=NAME, source=SOURCE)
    counted = _count(path)
    numbers = (
        "" if counted is None else f", {_number(counted[0], 'patient')}, {_number(counted[1], 'record')}"
    )
    explanation = (
        f"NAACCR XML {root.version}, record type {root.record_type} ({RECORD_TYPES[root.record_type]}){numbers} of "
        f"{len(dictionary.items)} items." + "".join(f" {note}" for note in root.notes)
    )
    return Recognition(
        path=path,
        format=NAME,
        source=SOURCE,
        release=root.version,
        records=None if counted is None else counted[1],
        columns=len(dictionary.items) + 1,
        problems=(),
        explanation=explanation,
    )


def _other_xml(path: Path, head: bytes) -> Recognition | None:
    if not OTHER_XML.search(as_text(head)):
        return None
    what = "This is an XML file, and neither NAACCR XML nor a NAACCR dictionary"
    return refused(
        path, InputError(what, where=path.name, remedy="Name the data file that the registry sent.")
    )


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + "s" * (count != 1)


def _count(path: Path) -> tuple[int, int] | None:
    """Patients and records (tumors, and patients without one); None where a file is too large to count."""
    if path.stat().st_size > LARGEST_COUNTED:
        return None
    patients = records = 0
    tumors_of_patient = 1
    for level in LEVEL_TAGS.findall(as_text(path.read_bytes())):
        if level == PATIENT:
            patients, records = patients + 1, records + (not tumors_of_patient)
            tumors_of_patient = 0
        else:
            tumors_of_patient, records = tumors_of_patient + 1, records + 1
    return patients, records + (not tumors_of_patient)


FORMAT = Format(NAME, SOURCE, SOURCE, "a NAACCR XML file", recognise_naaccr_xml, open_naaccr_xml)
