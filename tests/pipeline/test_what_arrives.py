"""Whatever arrives, through `cohorts doctor` and `cohorts load`: read without a loss, or refused in one paragraph.

Each test says what is wrong with a file, what becomes of it, and that nothing of it stays where it should not: no
half-loaded submission, no unpacked copy, no patient's value on the screen.
"""

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from pipelines.formats.archives.unpack import PREFIX

Cohorts = Callable[..., tuple[int, str, str]]
PEOPLE = 400


@dataclass(frozen=True)
class Sent:
    """A sound extract: its data file, its companions, and whose ids must never be told."""

    data: Path
    companions: tuple[Path, ...]
    ids: frozenset[str]

    @property
    def content(self) -> bytes:
        return self.data.read_bytes()


FORMATS = {
    "ncdb": "ncdb-2022",
    "ncdb before": "ncdb-2016",
    "listing": "seerstat-nov2018",
    "listing after": "seerstat-nov2022",
    "ascii": "seer-ascii-nov2016",
    "ascii after": "seer-ascii-nov2018",
    "flat": "naaccr-flat-v18",
    "flat after": "naaccr-flat-v16",
    "xml": "naaccr-xml-v23",
    "xml after": "naaccr-xml-v26",
}
LINES = ["ncdb", "listing", "ascii", "flat"]
"""Formats of which a line is a record."""
ALL = [*LINES, "xml"]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sent]:
    from pipelines.synthetic import WorldSettings, write_extract

    made = {}
    for name, registry_format in FORMATS.items():
        folder = tmp_path_factory.mktemp("sent")
        files = write_extract(WorldSettings(stage_iv_share=0.7), registry_format, PEOPLE, 3, folder)
        words = set(re.findall(r"\b[0-9A-F]{8,}\b", files.extracts[0].read_text("latin-1")))
        assert words, "an extract without ids would prove nothing"
        made[name] = Sent(files.extracts[0], files.companions, frozenset(words))
    return made


@dataclass(frozen=True)
class Answer:
    code: int
    said: str
    complained: str
    kept: int = 0
    quarantined: int = 0
    reasons: frozenset[str] = frozenset()


class Desk:
    """Where extracts arrive: writes files, then asks doctor and load, and holds both to the rules of the house."""

    def __init__(self, folder: Path, cohorts: Cohorts) -> None:
        self.folder, self.home, self.cohorts = folder / "arrived", folder / "var", cohorts
        self.folder.mkdir()

    def write(self, like: Sent, content: bytes, name: str | None = None) -> Path:
        path = self.folder / (name or like.data.name)
        path.write_bytes(content)
        for companion in like.companions:
            shutil.copy(companion, self.folder / f"{path.name.split('.')[0]}{companion.suffix}")
        return path

    def doctor(self, *paths: Path | str) -> Answer:
        code, said, complained = self.cohorts("doctor", *paths)
        assert complained == "", "doctor answers; it does not complain"
        assert code in (0, 2)
        nothing_unpacked_stays()
        return Answer(code, said, complained)

    def load(self, *paths: Path | str) -> Answer:
        before = self.files()
        code, said, complained = self.cohorts("load", *paths, "--submission", "x", "--home", self.home)
        nothing_unpacked_stays(self.home)
        if code:
            assert code == 2, complained
            assert said == ""
            assert re.fullmatch(r"error: [^\n]+\. (Where: [^\n]+\. )?[^\n]+\.\n", complained), complained
            assert self.files() == before, "nothing half-loaded"
            return Answer(code, said, complained)
        building = self.home / "submissions" / ".building" / "x"
        files = json.loads((building / "manifest.json").read_text(encoding="utf-8"))["files"]
        aside = pl.read_parquet(building / "quarantine.parquet")
        kept = sum(pl.read_parquet(path).height for path in (building / "extract").iterdir())
        assert (kept, aside.height) == (
            sum(each["kept"] for each in files),
            sum(each["quarantined"] for each in files),
        )
        assert (len(files) > 1) or files[0]["records_read"] == kept + aside.height
        return Answer(code, said, complained, kept, aside.height, frozenset(aside["reason"]))

    def files(self) -> set[Path]:
        return {path for path in self.home.rglob("*") if path.is_file()}

    def both(self, path: Path, like: Sent) -> Answer:
        """What load says; doctor says the same, and neither tells a value."""
        seen, loaded = self.doctor(path), self.load(path)
        assert seen.code == loaded.code, (seen.said, loaded.complained)
        told = seen.said + loaded.said + loaded.complained
        assert not {word for word in re.findall(r"\b[0-9A-F]{8,}\b", told)} & like.ids, (
            "a patient's value is told"
        )
        if loaded.code == 0:
            assert f"records: {loaded.kept + loaded.quarantined:,}" in seen.said
            for reason in loaded.reasons:
                assert reason in seen.said
        return loaded


def nothing_unpacked_stays(*folders: Path) -> None:
    for folder in (*folders, Path(tempfile.gettempdir())):
        assert not list(folder.glob(f"{PREFIX}*"))


@pytest.fixture
def desk(tmp_path: Path, cohorts: Cohorts, monkeypatch: pytest.MonkeyPatch) -> Desk:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return Desk(tmp_path, cohorts)


def lines_of(content: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in content.split(b"\n")[:-1]]


# Damage on the way


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("lost", [3, 60, 300])
def test_of_a_file_that_was_cut_the_last_record_is_set_aside(
    name: str, lost: int, sent: dict[str, Sent], desk: Desk
) -> None:
    """However little is lost: a value cut short looks like another value."""
    whole = sent[name]
    line = len(whole.content.rstrip(b"\r\n").rsplit(b"\n", 1)[-1])
    answer = desk.both(desk.write(whole, whole.content.rstrip(b"\r\n")[: -min(lost, line - 9)]), whole)
    assert (answer.code, answer.kept, answer.quarantined) == (0, PEOPLE - 1, 1)


@pytest.mark.parametrize("name", LINES)
def test_records_with_nul_bytes_are_set_aside(name: str, sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent[name]
    lines = lines_of(whole.content)
    for number in (7, 70, 170):
        lines[number] = lines[number][:50] + b"\0\0" + lines[number][52:]
    answer = desk.both(desk.write(whole, b"".join(line + b"\n" for line in lines)), whole)
    assert (answer.kept, answer.quarantined) == (PEOPLE - 3, 3)
    assert answer.reasons == {"holds NUL bytes"}


@pytest.mark.parametrize("name", LINES)
def test_a_hole_of_nul_bytes_loses_the_records_in_it_and_no_other(
    name: str, sent: dict[str, Sent], desk: Desk
) -> None:
    """A copy over a bad network leaves runs of NUL bytes."""
    whole = sent[name]
    lines = lines_of(whole.content)
    at = len(b"\n".join(lines[:200])) + 1
    body = b"".join(line + b"\n" for line in lines)
    end = at + len(lines[200]) + 20  # the next line loses its beginning, and both become one
    answer = desk.both(desk.write(whole, body[:at] + bytes(end - at) + body[end:]), whole)
    assert (answer.kept, answer.quarantined) == (PEOPLE - 2, 1)


@pytest.mark.parametrize("name", LINES)
def test_mixed_line_ends_are_all_line_ends(name: str, sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent[name]
    ends = [b"\n", b"\r\n", b"\r\n"]
    mixed = b"".join(line + ends[number % 3] for number, line in enumerate(lines_of(whole.content)))
    answer = desk.both(desk.write(whole, mixed), whole)
    assert (answer.kept, answer.quarantined) == (PEOPLE, 0)


@pytest.mark.parametrize("name", LINES)
def test_lines_that_end_in_a_carriage_return_alone_are_refused(
    name: str, sent: dict[str, Sent], desk: Desk
) -> None:
    whole = sent[name]
    answer = desk.both(desk.write(whole, b"\r".join(lines_of(whole.content))), whole)
    assert "carriage return alone" in answer.complained


@pytest.mark.parametrize("name", LINES)
def test_blank_lines_are_no_records(name: str, sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent[name]
    answer = desk.both(desk.write(whole, b"".join(line + b"\n\n" for line in lines_of(whole.content))), whole)
    assert (answer.kept, answer.reasons) == (PEOPLE, {"blank line"})


def test_a_header_repeated_in_the_middle_is_set_aside(sent: dict[str, Sent], desk: Desk) -> None:
    """Two parts of one export, joined by a tool that knows nothing of headers."""
    whole = sent["listing"]
    lines = whole.content.splitlines(keepends=True)
    answer = desk.both(
        desk.write(whole, b"".join([*lines[:200], b"\xef\xbb\xbf", *lines[:1], *lines[200:]])), whole
    )
    assert (answer.kept, answer.quarantined) == (PEOPLE, 1)
    assert answer.reasons == {"header row repeated"}


def test_a_file_that_is_damaged_throughout_is_not_listed_line_by_line(
    sent: dict[str, Sent], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Millions of lines that are no records would fill memory and disk with their places."""
    monkeypatch.setattr("pipelines.formats.faults.HOPELESS", 1_000)
    whole = sent["listing"]
    few, many = b"no record\n" * 999, b"no record\n" * 1_000
    assert desk.both(desk.write(whole, whole.content + few), whole).quarantined == 999
    answer = desk.both(desk.write(whole, whole.content + many), whole)
    assert "Most of the first 1,400 records cannot be read" in answer.complained


# Another encoding


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_by_name(name: str, encoding: str, sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent[name]
    answer = desk.both(desk.write(whole, whole.content.decode().encode(encoding)), whole)
    assert "UTF-16" in answer.complained


@pytest.mark.parametrize("name", LINES)
def test_a_mark_of_utf_8_is_no_part_of_the_first_value(name: str, sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent[name]
    plain = desk.both(desk.write(whole, whole.content, "plain.txt"), whole)
    before = pl.read_parquet(next(desk.home.rglob("extract/*.parquet"))).drop("source_file")
    marked = desk.both(desk.write(whole, b"\xef\xbb\xbf" + whole.content, "marked.txt"), whole)
    after = pl.read_parquet(next(desk.home.rglob("extract/*.parquet"))).drop("source_file")
    assert (plain.kept, marked.kept) == (PEOPLE, PEOPLE)
    assert before.equals(after)


@pytest.mark.parametrize("name", ["ncdb", "ascii", "flat"])
def test_ebcdic_is_refused(name: str, sent: dict[str, Sent], desk: Desk) -> None:
    """What a mainframe sends if nobody converts it."""
    whole = sent[name]
    assert desk.both(desk.write(whole, whole.content.decode().encode("cp500")), whole).code == 2


def test_latin_1_in_a_listing_is_read(sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent["listing"]
    content = whole.content.replace(b"Female", b"Femal\xe9")
    assert desk.both(desk.write(whole, content), whole).kept == PEOPLE
    frame = pl.read_parquet(next(desk.home.rglob("extract/*.parquet")))
    assert set(frame["Sex"]) <= {"Femalé", "Male"}


# Two things in one


@pytest.mark.parametrize("first", ALL)
@pytest.mark.parametrize("newest_first", [False, True])
def test_two_releases_in_one_file_are_refused(
    first: str, newest_first: bool, sent: dict[str, Sent], desk: Desk
) -> None:
    """The second release restates the people of the first under new ids: together they would count twice."""
    other = sent["ncdb before" if first == "ncdb" else f"{first} after"]
    whole = sent[first]
    parts = [other.content, whole.content] if newest_first else [whole.content, other.content]
    like = other if newest_first else whole
    answer = desk.both(desk.write(like, b"".join(parts)), like)
    assert answer.code == 2


@pytest.mark.parametrize("first", ALL)
def test_two_releases_in_two_files_are_refused(first: str, sent: dict[str, Sent], desk: Desk) -> None:
    other = sent["ncdb before" if first == "ncdb" else f"{first} after"]
    paths = [
        desk.write(sent[first], sent[first].content, "one.txt"),
        desk.write(other, other.content, "two.txt"),
    ]
    answer = desk.load(*paths)
    assert answer.code == 2
    assert "its own submission" in answer.complained


def test_case_ids_that_are_there_twice_do_not_pass_the_gate(
    sent: dict[str, Sent], desk: Desk, cohorts: Cohorts
) -> None:
    """The same release twice under two names: every record can be read, and nobody may count twice."""
    whole = sent["ncdb"]
    paths = [desk.write(whole, whole.content, name) for name in ("first.dat", "second.dat")]
    assert desk.load(*paths).kept == 2 * PEOPLE
    assert cohorts("build", "x", "--home", desk.home)[0] == 0
    code, _, complained = cohorts("validate", "x", "--home", desk.home)
    assert code == 1
    assert "extract_ncdb_case_id_unique" in complained
    assert not (desk.home / "submissions" / "x").exists()


# XML


def test_xml_that_was_cut_is_refused_by_line_and_column(sent: dict[str, Sent], desk: Desk) -> None:
    """What follows the cut is lost, and how much that is nobody can say."""
    whole = sent["xml"]
    answer = desk.both(desk.write(whole, whole.content[: len(whole.content) // 2]), whole)
    assert re.search(r"line [\d,]+, column [\d,]+", answer.complained)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1", "cp1252"])
def test_xml_in_another_encoding_is_read_where_it_says_so(
    encoding: str, sent: dict[str, Sent], desk: Desk
) -> None:
    whole = sent["xml"]
    said = {"utf-8-sig": "UTF-8", "cp1252": "windows-1252", "latin-1": "ISO-8859-1"}.get(encoding, encoding)
    text = re.sub(r"<\?xml[^>]*>", f'<?xml version="1.0" encoding="{said}"?>', whole.content.decode())
    answer = desk.both(desk.write(whole, text.encode(encoding)), whole)
    assert (answer.kept, answer.quarantined) == (PEOPLE, 0)


def declared(content: bytes, doctype: bytes, reference: bytes) -> bytes:
    """Put a document type after the XML declaration, and a reference into the first item of a patient."""
    head, body = content.split(b"?>", 1)
    at = body.index(b"</Item>", body.index(b"<Patient"))
    return head + b"?>" + doctype + body[:at] + reference + body[at:]


LAUGHS = b"".join(b"<!ENTITY l%d '%s'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
BOMBS = {
    "a billion laughs": (b"<!DOCTYPE NaaccrData [<!ENTITY l0 'lol'>" + LAUGHS + b"]>", b"&l9;"),
    "one long entity, many times": (
        b"<!DOCTYPE NaaccrData [<!ENTITY l '" + b"A" * 200_000 + b"'>]>",
        b"&l;" * 20_000,
    ),
    "an entity of itself": (b"<!DOCTYPE NaaccrData [<!ENTITY l '&l;'>]>", b"&l;"),
    "a parameter entity": (b"<!DOCTYPE NaaccrData [<!ENTITY % p '<!ENTITY l \"x\">'> %p;]>", b"&l;"),
    "no entity at all": (b"<!DOCTYPE NaaccrData>", b""),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_entities_are_refused_before_they_grow(kind: str, sent: dict[str, Sent], desk: Desk) -> None:
    """No registry file has a document type, so none is read, harmless or not."""
    whole = sent["xml"]
    path = desk.write(whole, declared(whole.content, *BOMBS[kind]))
    answer = desk.both(path, whole)
    assert answer.code == 2
    code, memory, said = peak_megabytes("load", path, "--submission", "y", "--home", desk.home)
    assert code == 2, said
    assert memory < MEGABYTES


EXTERNAL = {
    "an entity": b"<!DOCTYPE NaaccrData [<!ENTITY l SYSTEM '%s'>]>",
    "a parameter entity": b"<!DOCTYPE NaaccrData [<!ENTITY %% p SYSTEM '%s'> %%p;]>",
    "a document type": b"<!DOCTYPE NaaccrData SYSTEM '%s'>",
}


@pytest.mark.parametrize("kind", EXTERNAL)
def test_no_file_is_read_that_xml_names(kind: str, sent: dict[str, Sent], desk: Desk) -> None:
    """The file is a pipe into which nobody writes: whoever opens it waits for ever."""
    whole = sent["xml"]
    canary = desk.folder.parent / "canary"
    os.mkfifo(canary)
    path = desk.write(whole, declared(whole.content, EXTERNAL[kind] % canary.as_uri().encode(), b"&l;"))
    assert desk.both(path, whole).code == 2


@pytest.mark.parametrize("kind", EXTERNAL)
def test_no_server_is_asked_that_xml_names(kind: str, sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent["xml"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = b"http://127.0.0.1:%d/x.dtd" % server.getsockname()[1]
        path = desk.write(whole, declared(whole.content, EXTERNAL[kind] % address, b"&l;"))
        assert desk.both(path, whole).code == 2
        with pytest.raises(BlockingIOError):
            server.accept()


def test_an_item_of_300_megabytes_is_set_aside_in_bounded_memory(sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent["xml"]
    path = desk.write(whole, b"")
    at = whole.content.index(b"</Item>", whole.content.index(b"<Tumor"))
    with path.open("wb") as stream:
        stream.write(whole.content[:at])
        for _ in range(300):
            stream.write(b"abcdefgh" * 2**17)
        stream.write(whole.content[at:])
    code, memory, said = peak_megabytes("load", path, "--submission", "x", "--home", desk.home)
    assert memory < MEGABYTES
    assert "Traceback" not in said
    assert code == 2 or f"{PEOPLE} records in = {PEOPLE - 1} kept + 1 quarantined" in said


# Archives


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ALL)
def test_a_gzip_file_loads_as_what_is_in_it(name: str, sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent[name]
    packed = desk.write(whole, gzip.compress(whole.content), "x.txt.gz")
    assert desk.both(packed, whole).kept == PEOPLE
    (facts,) = json.loads(next(desk.home.rglob("manifest.json")).read_text(encoding="utf-8"))["files"]
    assert (facts["name"], facts["archive"]) == ("x.txt", "x.txt.gz")
    assert len(facts["archive_sha256"]) == len(facts["sha256"]) == 64
    assert facts["archive_sha256"] != facts["sha256"]


def test_the_files_of_a_zip_load_as_one_submission(sent: dict[str, Sent], desk: Desk) -> None:
    """As a registry sends them: in folders, with the dictionary and the manual beside the data."""
    whole = sent["listing"]
    lines = whole.content.splitlines(keepends=True)
    dic = whole.companions[0].read_bytes()
    archive = zipped(
        desk.folder / "sent.zip",
        {
            "breast/left.csv": b"".join(lines[:150]),
            "breast/left.dic": dic,
            "breast/right.csv": b"".join(lines[:1] + lines[150:]),
            "breast/right.dic": dic,
            "manual.pdf": b"%PDF-1.7 manual",
            "__MACOSX/breast/._left.csv": b"\0\5\x16\7",
        },
    )
    seen, loaded = desk.doctor(archive), desk.load(archive)
    assert (seen.code, loaded.code, loaded.kept, loaded.quarantined) == (0, 0, PEOPLE, 0)
    assert f"{archive} > left.csv" in seen.said
    assert "sent.zip > manual.pdf was left out: it is a PDF document." in seen.said
    assert "sent.zip > manual.pdf was left out" in loaded.said
    assert {each.name for each in desk.home.rglob("extract/*")} == {"left.parquet", "right.parquet"}


def test_a_fault_in_an_archive_is_told_by_its_place_there(sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent["xml"]
    archive = zipped(desk.folder / "sent.zip", {"a/left.csv": whole.content[:-30]})
    answer = desk.both(archive, whole)
    assert "sent.zip > left.csv" in answer.complained
    assert PREFIX not in answer.complained + desk.doctor(archive).said


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_cut_archive_is_refused(kind: str, sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent["ncdb"]
    path = desk.folder / f"x.{kind}"
    packed = (
        gzip.compress(whole.content) if kind == "gz" else zipped(path, {"x.dat": whole.content}).read_bytes()
    )
    path.write_bytes(packed[: len(packed) // 2])
    answer = desk.both(path, whole)
    assert "Nothing of it was loaded" in answer.complained


def test_a_path_out_of_the_archive_is_refused(sent: dict[str, Sent], desk: Desk) -> None:
    whole = sent["ncdb"]
    archive = zipped(desk.folder / "x.zip", {"x.dat": whole.content, "../../../escaped.dat": whole.content})
    assert "outside its folder" in desk.both(archive, whole).complained
    assert not list(desk.folder.parent.rglob("escaped.dat"))


def test_a_bomb_is_refused(desk: Desk, sent: dict[str, Sent]) -> None:
    archive = desk.folder / "x.dat.gz"
    with gzip.open(archive, "wb") as stream:
        for _ in range(80):
            stream.write(bytes(2**20))
    answer = desk.both(archive, sent["ncdb"])
    assert "unpacking was stopped" in answer.complained


def test_whoever_ends_the_command_leaves_nothing_unpacked(sent: dict[str, Sent], desk: Desk) -> None:
    """A scheduler that runs out of patience, in the middle of a long file."""
    packed = desk.folder / "x.dat.gz"
    with gzip.open(packed, "wb", compresslevel=1) as stream:
        for _ in range(300):
            stream.write(sent["ncdb"].content * 2)
    command = ["load", str(packed), "--submission", "x", "--home", str(desk.home)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from pipelines.cli import main; main()", *command], stderr=subprocess.PIPE
    )
    waited = time.monotonic() + 120
    while not list(desk.home.glob(f"{PREFIX}*/1/x.dat")) and time.monotonic() < waited:
        time.sleep(0.01)
    process.terminate()
    _, complained = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"Stopped" in complained
    assert not [path for path in desk.home.rglob("*") if path.is_file()]


def test_a_site_may_set_what_an_archive_unpacks_to(
    desk: Desk, sent: dict[str, Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sent["ncdb"]
    archive = zipped(desk.folder / "x.zip", {"x.dat": whole.content})
    monkeypatch.setenv("COHORTS_UNPACK_BYTES", str(len(whole.content) - 1))
    assert "COHORTS_UNPACK_BYTES" in desk.both(archive, whole).complained
    monkeypatch.setenv("COHORTS_UNPACK_BYTES", str(len(whole.content)))
    assert desk.both(archive, whole).kept == PEOPLE


# Folders


def test_doctor_looks_into_a_folder_and_load_asks_for_files(sent: dict[str, Sent], desk: Desk) -> None:
    one, two = sent["ncdb"], sent["listing"]
    desk.write(one, one.content)
    (desk.folder / "more").mkdir()
    (desk.folder / "more" / "x.csv.gz").write_bytes(gzip.compress(two.content))
    shutil.copy(two.companions[0], desk.folder / "more" / "x.dic")
    (desk.folder / ".hidden").write_bytes(b"x")
    seen = desk.doctor(desk.folder)
    assert seen.code == 0
    assert "release 2022" in seen.said
    assert f"{desk.folder / 'more' / 'x.csv.gz'} > x.csv" in seen.said
    assert "hidden" not in seen.said
    assert "This is a folder" in desk.load(desk.folder).complained


# Size


GIANT = 2 * 2**30
MEGABYTES = 700
"""What reading may take (MB): the interpreter with its libraries is a third of it."""


COMMAND = """
import re, sys
from pathlib import Path
from pipelines.cli import main
try:
    main()
finally:
    # What the kernel counts for a child begins with the memory of the process that started it; this does not.
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    print(f"peak {int(peak[1]) // 1024}", file=sys.stderr)
"""


def peak_megabytes(*arguments: str | Path) -> tuple[int, int, str]:
    """Run the command by itself: exit code, peak memory (MB), what it said."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    said, _, peak = done.stdout.decode().rpartition("peak ")
    return done.returncode, int(peak), said


@pytest.mark.parametrize("name", ["ncdb", "listing"])
def test_a_single_line_of_two_gigabytes_is_one_bad_record(
    name: str, sent: dict[str, Sent], desk: Desk
) -> None:
    """Sparse, so that no disk fills: after sound records a line of NUL bytes, as a failed copy leaves it."""
    whole = sent[name]
    path = desk.write(whole, whole.content)
    with path.open("ab") as stream:
        stream.truncate(GIANT)
    code, memory, said = peak_megabytes("load", path, "--submission", "x", "--home", desk.home)
    assert code == 0, said
    assert f"{PEOPLE + 1} records in = {PEOPLE} kept + 1 quarantined" in said
    assert memory < MEGABYTES


@pytest.fixture
def one_line(tmp_path: Path) -> Iterator[Path]:
    """300 MB of letters without a line end."""
    path = tmp_path / "line"
    with path.open("wb") as stream:
        for _ in range(300):
            stream.write(b"abc,def " * 2**17)
    yield path
    path.unlink()


@pytest.mark.parametrize("name", ["ncdb", "listing"])
def test_a_file_of_one_endless_line_is_refused_in_bounded_memory(
    name: str, one_line: Path, sent: dict[str, Sent], desk: Desk
) -> None:
    whole = sent[name]
    header = lines_of(whole.content)[0] + b"\n" if name == "listing" else b""
    path = desk.write(whole, header)
    with path.open("ab") as stream, one_line.open("rb") as letters:
        shutil.copyfileobj(letters, stream, 2**20)
    for command in (["doctor", path], ["load", path, "--submission", "x", "--home", desk.home]):
        code, memory, said = peak_megabytes(*command)
        assert code == 2, said
        assert memory < MEGABYTES
        assert "Traceback" not in said
