"""Small NAACCR files for the tests of the readers; every person in them is invented."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from pipelines.codebook.naaccr_items import PATIENT, ROOT, TUMOR, flat_layout, items

NAMESPACE = "http://naaccr.org/naaccrxml"
Values = Mapping[str, str]

ROOT_VALUES = {"registryId": "0000000042"}
PATIENTS: Sequence[tuple[Values, Sequence[Values]]] = (
    (
        {"patientIdNumber": "00000001", "sex": "2", "race1": "01", "vitalStatus": "1"},
        [
            {
                "primarySite": "C504",
                "ageAtDiagnosis": "061",
                "dateOfDiagnosis": "20170312",
                "laterality": "2",
            },
            {
                "primarySite": "C509",
                "ageAtDiagnosis": "063",
                "dateOfDiagnosis": "2019",
                "csSiteSpecificFactor1": "010",
            },
        ],
    ),
    (
        {"patientIdNumber": "00000002", "sex": "2", "nameLast": "Zoë-Muster"},
        [
            {
                "primarySite": "C501",
                "dateOfDiagnosis": "201803",
                "rxSummSurgPrimSite": "00",
                "textRemarks": "a < b & c",
            }
        ],
    ),
)


def of_record_type(values: Values, version: str, record_type: str, level: str) -> dict[str, str]:
    """The values that a version and record type has at a level."""
    known = {item.id for item in items(version, record_type) if item.level == level}
    return {name: value for name, value in values.items() if name in known}


def xml_items(values: Values) -> str:
    return "".join(
        f"<Item naaccrId={quoteattr(name)}>{escape(value)}</Item>\n" for name, value in values.items()
    )


def xml_text(
    body: str, version: str = "v24", record_type: str = "I", attributes: str = "", declaration: str = ""
) -> str:
    """A file with a root of the standard around what is given."""
    uri = f"{NAMESPACE}/naaccr-dictionary-{version[1:]}0.xml"
    return (
        f'{declaration}<NaaccrData baseDictionaryUri="{uri}" recordType="{record_type}" specificationVersion="1.7" '
        f'xmlns="{NAMESPACE}" {attributes}>\n{body}</NaaccrData>\n'
    )


def xml_patients(version: str, record_type: str) -> str:
    """The toy patients as elements, with the root items before them."""
    text = xml_items(of_record_type(ROOT_VALUES, version, record_type, ROOT))
    for patient, tumors in PATIENTS:
        text += "<Patient>\n" + xml_items(of_record_type(patient, version, record_type, PATIENT))
        for tumor in tumors:
            text += "<Tumor>\n" + xml_items(of_record_type(tumor, version, record_type, TUMOR)) + "</Tumor>\n"
        text += "</Patient>\n"
    return text


def write_xml(folder: Path, text: str, encoding: str = "utf-8", name: str = "cases.xml") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def one_tumor(tumor: str = '<Item naaccrId="primarySite">C504</Item>', patient: str = "") -> str:
    """A patient with one tumor; what is given is inside them."""
    return f"<Patient>\n{patient}<Tumor>\n{tumor}</Tumor>\n</Patient>\n"


def flat_line(version: str, record_type: str, values: Values, code: str = "") -> bytes:
    """One record of full length."""
    layout = flat_layout(version, record_type)
    line = bytearray(b" " * layout.length)
    said = {"recordType": record_type, "naaccrRecordVersion": code or f"{version[1:]}0"}
    for name, value in (said | dict(values)).items():
        field = layout.by_name[name]
        line[field.bytes] = value.encode("latin-1").ljust(field.width)
    assert len(line) == layout.length
    return bytes(line)


def flat_lines(version: str, record_type: str) -> list[bytes]:
    """The toy patients as records, one a tumor."""
    return [
        flat_line(
            version,
            record_type,
            of_record_type(ROOT_VALUES, version, record_type, ROOT)
            | of_record_type(patient, version, record_type, PATIENT)
            | of_record_type(tumor, version, record_type, TUMOR),
        )
        for patient, tumors in PATIENTS
        for tumor in tumors
    ]


def user_dictionary(
    *definitions: str, version: str = "240", uri: str = "http://registry.example/dictionary.xml"
) -> str:
    """A dictionary with the item definitions given, by their attributes."""
    body = "".join(f"<ItemDef {each}/>\n" for each in definitions)
    return (
        f'<NaaccrDictionary dictionaryUri="{uri}" naaccrVersion="{version}" specificationVersion="1.7" '
        f'xmlns="{NAMESPACE}">\n<ItemDefs>\n{body}</ItemDefs>\n</NaaccrDictionary>\n'
    )
