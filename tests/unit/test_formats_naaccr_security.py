"""No NAACCR file can make its reader open another file, reach the network, fill the memory or never end."""

import builtins
import socket
import subprocess
import sys
import time
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from pipelines.errors import InputError
from pipelines.formats import open_extract, recognise
from pipelines.formats.naaccr.dictionary import read_dictionary
from tests.unit.naaccr_files import one_tumor, user_dictionary, write_xml, xml_text

SECRET = "what-another-file-holds"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
PRIMARY_SITE = '<Item naaccrId="primarySite">{}</Item>'


def read_all(path: Path) -> list[dict]:
    return [row for batch in open_extract([path]).tables[0].batches() for row in batch.kept.to_pylist()]


def with_document_type(document_type: str, value: str = "C504") -> str:
    return document_type + xml_text(one_tumor(PRIMARY_SITE.format(value)))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the reader reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.parametrize(
    ("document_type", "value"),
    [
        ("<!DOCTYPE NaaccrData>", "C504"),
        ('<!DOCTYPE NaaccrData [<!ENTITY a "C504">]>', "&a;"),
        (f'<!DOCTYPE NaaccrData [<!ENTITY l0 "ha">{LAUGHS}]>', "&l29;"),
        ('<!DOCTYPE NaaccrData [<!ENTITY a SYSTEM "file://{secret}">]>', "&a;"),
        ('<!DOCTYPE NaaccrData [<!ENTITY a SYSTEM "http://127.0.0.1:9/a">]>', "&a;"),
        ('<!DOCTYPE NaaccrData [<!ENTITY % a SYSTEM "file://{secret}"> %a;]>', "C504"),
        ('<!DOCTYPE NaaccrData SYSTEM "file://{secret}">', "C504"),
        ('<!DOCTYPE NaaccrData PUBLIC "-//x//y" "http://127.0.0.1:9/x.dtd">', "C504"),
        ('<!DOCTYPE NaaccrData [<!ATTLIST NaaccrData recordType CDATA "A">]>', "C504"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.usefixtures("no_network")
def test_a_document_type_is_refused_before_anything_in_it_is_used(tmp_path, document_type, value, encoding):
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    text = with_document_type(document_type.replace("{secret}", str(secret)), value)
    path = write_xml(tmp_path, text, encoding)
    started = time.monotonic()
    assert recognise(path).error is not None
    with pytest.raises(InputError, match="document type") as error:
        read_all(path)
    assert SECRET not in str(error.value)
    assert time.monotonic() - started < 5


def test_only_the_file_itself_is_opened(tmp_path, monkeypatch):
    opened: list[str] = []
    open_path = Path.open

    def record(path: Path, *args: object, **kwargs: object) -> object:
        opened.append(path.name)
        return open_path(path, *args, **kwargs)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the reader opened a file by its name")

    path = write_xml(
        tmp_path, xml_text(one_tumor(), attributes='userDictionaryUri="file:///etc/passwd other.xml"')
    )
    write_xml(tmp_path, user_dictionary(), name="other.xml")
    extract = open_extract([path])
    monkeypatch.setattr(Path, "open", record)
    monkeypatch.setattr(builtins, "open", refuse)
    rows = [row for batch in extract.tables[0].read() for row in batch.kept.to_pylist()]
    assert len(rows) == 1
    assert opened == ["cases.xml"]


@pytest.mark.usefixtures("no_network")
def test_an_inclusion_is_refused_and_not_followed(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    include = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{secret}" parse="text"/>'
    for text in (xml_text(one_tumor(include)), xml_text(include + one_tumor())):
        with pytest.raises(InputError, match="does not have it") as error:
            read_all(write_xml(tmp_path, text))
        assert SECRET not in str(error.value)


@pytest.mark.usefixtures("no_network")
def test_a_schema_or_style_sheet_that_is_named_is_not_fetched(tmp_path):
    named = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://127.0.0.1:9/a a.xsd"'
    text = '<?xml-stylesheet href="http://127.0.0.1:9/a.xsl"?>' + xml_text(one_tumor(), attributes=named)
    assert len(read_all(write_xml(tmp_path, text))) == 1


def test_a_dictionary_with_a_document_type_is_refused_too(tmp_path):
    path = write_xml(tmp_path, '<!DOCTYPE NaaccrDictionary [<!ENTITY a "b">]>' + user_dictionary())
    with pytest.raises(InputError, match="document type"):
        read_dictionary(path)
    assert recognise(path).error is not None


def test_a_dictionary_of_many_megabytes_is_refused_unread(tmp_path):
    path = write_xml(tmp_path, user_dictionary("<!--" + "x" * 17 * 2**20 + "-->"))
    with pytest.raises(InputError, match="larger than any NAACCR dictionary"):
        read_dictionary(path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<Patient>" * 100_000, "does not have it"),
        (one_tumor("<o:a>" * 100_000), "nested more than"),
        (one_tumor("<o:a>" + "x" * 2**21), "extension is longer than"),
        (one_tumor('<o:a b="' + "x" * 2**21 + '"/>'), "extension is longer than"),
        (one_tumor('<Item naaccrId="primarySite">' + "x" * 2**21), "item is longer than"),
        (one_tumor("".join(f'<Item naaccrId="x{n}">{"y" * 2**16}</Item>' for n in range(300))), "no item's"),
        (one_tumor("<o:a/>" * 20_000), "no item's"),
        (
            f'<Patient><Item naaccrId="sex">{"x" * 2**20}</Item>{"<Tumor/>" * 300}</Patient>',
            "too long to repeat",
        ),
        (one_tumor() + "<!--" + "x" * 8 * 2**20, "single tag or comment"),
        (one_tumor('<Item naaccrId="' + "x" * 8 * 2**20), "single tag or comment"),
        ("<!-- x -->\n" * 500_000, "No patient begins"),
    ],
    ids=[
        "patients",
        "depth",
        "extension",
        "attribute",
        "item",
        "unknown",
        "extensions",
        "repeated",
        "comment",
        "tag",
        "root",
    ],
)
def test_what_would_fill_the_memory_is_refused(tmp_path, body, words):
    path = write_xml(tmp_path, xml_text(body, attributes='xmlns:o="http://own.example"'))
    started = time.monotonic()
    with pytest.raises(InputError, match=words) as error:
        read_all(path)
    assert len(str(error.value)) < 500
    assert time.monotonic() - started < 60


READ_AND_TELL_MEMORY = """
import resource, sys
from pathlib import Path
from pipelines.formats import open_extract
try:
    for batch in open_extract([Path(sys.argv[1])]).tables[0].read():
        pass
except Exception as error:
    print(type(error).__name__)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_of_reading(path: Path) -> tuple[str, int]:
    """What reading raises, and the peak resident memory of the process in KiB."""
    done = subprocess.run(
        [sys.executable, "-c", READ_AND_TELL_MEMORY, str(path)], capture_output=True, text=True, check=True
    )
    *raised, peak = done.stdout.split()
    return " ".join(raised), int(peak)


@pytest.mark.slow
def test_one_text_of_half_a_gigabyte_is_refused_in_little_memory(tmp_path):
    before, after = xml_text(one_tumor(PRIMARY_SITE.format("@"))).split("@")
    path, small = tmp_path / "cases.xml", write_xml(tmp_path, before + "C504" + after, name="small.xml")
    with path.open("wb") as stream:
        stream.write(before.encode())
        for _ in range(512):
            stream.write(b"x" * 2**20)
        stream.write(after.encode())
    (none, least), (raised, peak) = peak_of_reading(small), peak_of_reading(path)
    assert (none, raised) == ("", "InputError")
    assert peak - least < 64 * 2**10


def test_bytes_of_any_kind_are_never_more_than_an_error(tmp_path):
    text = xml_text(one_tumor()).encode()
    path = tmp_path / "cases.xml"
    places = range(0, len(text), 31)
    for place, wrong in product(places, (b"", b"\0", b"<", b"&", b"\xff", b"<![CDATA[")):
        path.write_bytes(text[:place] + wrong + text[place + 1 :])
        assert recognise(path).explanation
        with suppress(InputError):
            assert len(read_all(path)) <= 1
