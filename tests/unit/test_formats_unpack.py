"""Archives: what is in them is read under its own name, and nothing of them stays, gets out or fills the disk."""

import gzip
import io
import os
import stat
import struct
import time
import zipfile
from pathlib import Path

import pytest

from pipelines.errors import InputError, RefusedError
from pipelines.formats.archives.limits import Limits
from pipelines.formats.archives.unpack import PREFIX, unpacked

DATA = b"Patient ID,Grade\n1,II\n" * 40


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def gzipped(path: Path, *members: bytes) -> Path:
    path.write_bytes(b"".join(gzip.compress(member) for member in members))
    return path


def contents(path: Path, home: Path) -> dict[str, bytes]:
    with unpacked([path], home) as arrived:
        return {each.name: each.read_bytes() for each in arrived.paths}


def refusal(path: Path, home: Path, limits: Limits | None = None) -> str:
    with pytest.raises(InputError) as error, unpacked([path], home, limits):
        pass
    assert not home.exists(), "nothing stays behind, not even the folder"
    assert error.value.remedy, "it says what to do"
    return str(error.value)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


def test_what_is_not_packed_passes_as_it_is(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(DATA)  # its name says zip; its content does not
    with unpacked([path, tmp_path / "none"], home) as arrived:
        assert arrived.paths == (path, tmp_path / "none")
    assert not home.exists()


def test_gzip_loses_its_ending_and_may_have_several_members(tmp_path: Path, home: Path) -> None:
    assert contents(gzipped(tmp_path / "x.csv.gz", DATA, DATA), home) == {"x.csv": DATA + DATA}
    assert contents(gzipped(tmp_path / "x.dat", DATA), home) == {"x.dat": DATA}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_files_of_a_zip_lie_side_by_side(tmp_path: Path, home: Path, method: int) -> None:
    members = {
        "2016/breast.dat": DATA,
        r"docs\breast.dic": b"[System]",
        "empty/": b"",
        "c.xml.gz": gzip.compress(DATA),
    }
    members |= {"__MACOSX/._breast.dat": b"x", ".DS_Store": b"x", "manual.pdf": b"%PDF-1.7"}
    members |= {"docs/README.txt": b"Dear site,\nthank you, and good luck.\n"}
    path = zipped(tmp_path / "a.zip", members, method)
    with unpacked([path], home) as arrived:
        assert {each.name: each.read_bytes() for each in arrived.paths} == {
            "breast.dat": DATA,
            "breast.dic": b"[System]",
            "c.xml": DATA,
        }
        assert set(arrived.archives.values()) == {path}
        assert arrived.notes == (
            "a.zip > manual.pdf was left out: it is a PDF document.",
            "a.zip > README.txt was left out: it is a note for its readers.",
        )
        folder = next(home.glob(f"{PREFIX}*"))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in arrived.paths)
        assert not [each for each in folder.rglob("*.packed")]
    assert not home.exists()


def test_zip64_is_read(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, archive.open("x.dat", "w", force_zip64=True) as member:
        member.write(DATA)
    assert contents(path, home) == {"x.dat": DATA}


def test_a_dictionary_beside_an_archive_lies_beside_what_is_in_it(tmp_path: Path, home: Path) -> None:
    gz = gzipped(tmp_path / "x.csv.gz", DATA)
    named = zipped(tmp_path / "sent.zip", {"y.csv": DATA, "z.csv": DATA, "z.dic": b"[System] of z"})
    for dic in ("x", "sent", "other"):
        (tmp_path / f"{dic}.dic").write_text(f"[System] of {dic}")
    with unpacked([gz, named], home) as arrived:
        assert [each.name for each in arrived.paths] == ["x.csv", "y.csv", "z.csv", "z.dic"]
        found = [each.with_suffix(".dic").read_text() for each in arrived.paths]
    assert found == ["[System] of x", "[System] of sent", "[System] of z", "[System] of z"]


def test_an_error_names_the_archive_and_what_is_in_it(tmp_path: Path, home: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"x.dat": DATA})
    with pytest.raises(InputError) as error, unpacked([path], home) as arrived:
        raise InputError("It is cut", where=f"{arrived.paths[0]}, line 4", remedy="Ask again.")
    assert str(error.value) == f"It is cut. Where: {path} > x.dat, line 4. Ask again."
    with pytest.raises(RefusedError) as refused, unpacked([path], home):
        raise RefusedError("No", reason_code="not_released", where="x.dat, line 4")
    assert str(refused.value) == "No (not_released). Where: a.zip > x.dat, line 4."


def test_the_folder_goes_whatever_happens(tmp_path: Path, home: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"x.dat": DATA})
    with pytest.raises(ZeroDivisionError), unpacked([path], home):
        raise ZeroDivisionError
    assert not home.exists()


def test_what_a_killed_process_left_goes_at_the_next_start(tmp_path: Path, home: Path) -> None:
    left, young = home / f"{PREFIX}left", home / f"{PREFIX}young"
    for folder in (left, young):
        folder.mkdir(parents=True)
        (folder / "x.dat").write_bytes(DATA)
    os.utime(left, (time.time() - 3600,) * 2)
    path = gzipped(tmp_path / "x.dat.gz", DATA)
    with unpacked([path], home) as arrived:
        assert not left.exists()
        assert young.exists(), "it may be that another process is just making it"
        mine = arrived.paths[0].parent.parent
        os.utime(mine, (time.time() - 3600,) * 2)
        with unpacked([path], home):
            assert mine.exists(), "it is locked: somebody works in it"


NAMES = [
    "../x.dat",
    "a/../../x.dat",
    "/etc/x.dat",
    r"C:\x.dat",
    r"..\x.dat",
    "c:x.dat",
    r"\\host\share\x.dat",
    "..",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_out_of_the_folder_is_refused(name: str, tmp_path: Path, home: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"fine.dat": DATA, name: b"out"})
    assert "outside its folder" in refusal(path, home)
    assert not (tmp_path / "x.dat").exists()


def test_a_link_is_refused(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("x.dat")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "a link or a device" in refusal(path, home)


def bombs(kind: str, path: Path, size: int = 80 * 10**6) -> Path:
    """Zero bytes; as ten members; with a header that claims ten bytes; packed twice."""
    zeros = bytes(size)
    if kind == "gzip":
        return gzipped(path, zeros)
    if kind == "gzip in zip":
        return zipped(path, {"x.gz": gzip.compress(zeros)})
    if kind == "members":
        return zipped(path, {f"x{n}": bytes(size // 10) for n in range(10)})
    zipped(path, {"x": zeros})
    if kind == "false size":
        content, true_size = path.read_bytes(), struct.pack("<L", len(zeros))
        assert content.count(true_size) == 2
        path.write_bytes(content.replace(true_size, struct.pack("<L", 10)))
    return path


@pytest.mark.parametrize("kind", ["gzip", "zip", "gzip in zip", "members"])
def test_a_bomb_is_stopped_while_it_unpacks(kind: str, tmp_path: Path, home: Path) -> None:
    said = refusal(bombs(kind, tmp_path / "x.gz"), home)
    assert "grows more than 500 times" in said


def test_a_false_size_in_the_header_is_damage(tmp_path: Path, home: Path) -> None:
    assert "damaged" in refusal(bombs("false size", tmp_path / "x.zip", 12_345_678), home)


@pytest.mark.parametrize("kind", ["gzip", "zip", "gzip in zip", "members"])
def test_no_more_is_written_than_the_limit(
    kind: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bombs(kind, tmp_path / "x.gz", 10**7)
    written = 0
    fdopen = os.fdopen

    class Counted(io.FileIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes are all that is written here
            nonlocal written
            written += len(data)
            return super().write(data)

    monkeypatch.setattr(
        os, "fdopen", lambda opened, mode: Counted(opened, mode) if "w" in mode else fdopen(opened, mode)
    )
    assert "COHORTS_UNPACK_BYTES" in refusal(path, home, Limits(size=5 * 10**6, ratio=10**6))
    assert written <= 5 * 10**6


def test_a_full_disk_is_told_before_it_is_full(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 100}))
    assert "not enough space" in refusal(gzipped(tmp_path / "x.gz", DATA), home)


def edited(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def test_an_encrypted_member_is_refused(tmp_path: Path, home: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"x.dat": DATA})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flags of the local header and of the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refusal(path, home)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_method_is_refused(method: int, tmp_path: Path, home: Path) -> None:
    assert "a method that is not read here" in refusal(
        zipped(tmp_path / "a.zip", {"x.dat": DATA}, method), home
    )


@pytest.mark.parametrize(
    "members",
    [{"a/x.dat": DATA, "b/x.dat": DATA}, {"x.dat": DATA, "x.dat.gz": gzip.compress(DATA)}],
    ids=["in two folders", "packed and not"],
)
def test_two_members_of_one_name_are_refused(members: dict[str, bytes], tmp_path: Path, home: Path) -> None:
    assert "same name" in refusal(zipped(tmp_path / "a.zip", members), home)


def packed_in(kind: str, path: Path) -> Path:
    inner = zipped(path.with_name("inner"), {"x.dat": DATA}).read_bytes()
    tar = bytes(257) + b"ustar\x0000" + bytes(500)
    made = {
        "zip in zip": lambda: zipped(path, {"a.zip": inner}),
        "zip in gzip": lambda: gzipped(path, inner),
        "gzip in gzip": lambda: gzipped(path, gzip.compress(DATA)),
        "gzip in gzip in zip": lambda: zipped(path, {"a": gzip.compress(gzip.compress(DATA))}),
        "tar in gzip": lambda: gzipped(path, tar),
        "7z in zip": lambda: zipped(path, {"a": b"7z\xbc\xaf\x27\x1c1234"}),
    }[kind]()
    path.with_name("inner").unlink()
    return made


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("zip in zip", "archive within an archive"),
        ("zip in gzip", "archive within an archive"),
        ("gzip in gzip", "archive within an archive"),
        ("gzip in gzip in zip", "archive within an archive"),
        ("tar in gzip", "a tar archive"),
        ("7z in zip", "a 7-Zip archive"),
    ],
)
def test_one_level_is_unpacked(kind: str, words: str, tmp_path: Path, home: Path) -> None:
    said = refusal(packed_in(kind, tmp_path / "x.gz"), home)
    assert words in said
    assert "x.gz > " in said


@pytest.mark.parametrize(
    ("begins", "words"),
    [
        (b"\xfd7zXZ\0", "an xz"),
        (b"BZh91AY&SY", "a bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip"),
        (b"Rar!\x1a\x07\x01\x00", "a RAR"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard"),
        (b"PK\x07\x08", "one part of a zip"),
    ],
)
def test_other_archives_are_refused_by_name(begins: bytes, words: str, tmp_path: Path, home: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(begins + bytes(50))
    said = refusal(path, home)
    assert words in said
    assert "gzip and zip are" in said


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_every_cut_of_an_archive_is_refused(kind: str, tmp_path: Path, home: Path) -> None:
    path = tmp_path / f"x.{kind}"
    whole = (gzipped(path, DATA) if kind == "gz" else zipped(path, {"x.dat": DATA})).read_bytes()
    for length in range(4, len(whole)):
        path.write_bytes(whole[:length])
        assert "damaged" in (said := refusal(path, home)) or "cut off" in said


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_every_changed_byte_is_refused_or_changes_nothing(kind: str, tmp_path: Path, home: Path) -> None:
    """The check sums see to it: what is loaded is what was packed."""
    path = tmp_path / f"x.{kind}"
    whole = (gzipped(path, DATA) if kind == "gz" else zipped(path, {"x.dat": DATA})).read_bytes()
    for place in range(4, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            found = contents(path, home)
        except InputError:
            continue
        assert list(found.values()) == [DATA]


def test_an_archive_without_data_is_refused(tmp_path: Path, home: Path) -> None:
    assert "no file in this archive" in refusal(zipped(tmp_path / "a.zip", {}), home)
    assert "no data file" in refusal(zipped(tmp_path / "b.zip", {"m.pdf": b"%PDF-"}), home)
    many = zipped(tmp_path / "c.zip", {f"{n}.csv": b"x" for n in range(20)})
    assert "20 files" in refusal(many, home, Limits(members=10))


def test_data_by_the_name_of_a_note_stay(tmp_path: Path, home: Path) -> None:
    members = {"readme_2016.csv": DATA, "README.dat": DATA, "readme.txt": DATA * 100, "README": b"\0" + DATA}
    with unpacked([zipped(tmp_path / "a.zip", members)], home) as arrived:
        assert {each.name for each in arrived.paths} == set(members)


def test_an_office_file_is_no_archive(tmp_path: Path, home: Path) -> None:
    path = zipped(tmp_path / "a.xlsx", {"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"})
    with unpacked([path], home) as arrived:
        assert arrived.paths == (path,), "recognise says what it is"
    word = zipped(tmp_path / "w.docx", {"[Content_Types].xml": b"x", "word/document.xml": b"x"})
    both = zipped(tmp_path / "b.zip", {"x.dat": DATA, "w.docx": word.read_bytes()})
    with unpacked([both], home) as arrived:
        assert [each.name for each in arrived.paths] == ["x.dat"]
