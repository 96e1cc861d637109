"""XML as a stream of tags and text that no file can turn against its reader.

A document type is refused where it begins, so there is no entity to expand and none to fetch: nothing but the file
itself is ever read. What is held in memory does not grow with the file.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.parsers import expat

from pipelines.errors import InputError

CHUNK_BYTES = 2**20
LARGEST_TOKEN = 4 * 2**20
TEXT_BUFFER = 2**16
XINCLUDE = "http://www.w3.org/2001/XInclude"
SEPARATOR = "}"
"""Stands between the namespace and the name of a tag."""

ASK_AGAIN = "Nothing of the file is loaded. Ask for it again, or have it written again."
CONTROLS = bytes(byte for byte in range(1, 32) if byte not in b"\t\n\r")
TO_BLANKS = bytes.maketrans(CONTROLS, b" " * len(CONTROLS))
JOINED = (
    expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT],
    expat.errors.codes[expat.errors.XML_ERROR_MISPLACED_XML_PI],
)
WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
"""How a file in UTF-16 begins."""


class XmlStream:
    """A file as calls for its tags and texts.

    Parameters
    ----------
    path : Path
    start : callable
        Tag and attributes (name, value, name, value …); a tag in a namespace is ``uri}name``.
    end : callable
        Tag.
    characters : callable
        Text, some of it at a time.
    """

    def __init__(
        self,
        path: Path,
        start: Callable[[str, Sequence[str]], None],
        end: Callable[[str], None],
        characters: Callable[[str], None],
    ) -> None:
        self.controls = 0
        """Control characters that were read as blanks."""
        self._path = path
        self._parser = parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.buffer_size = TEXT_BUFFER
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = characters
        parser.StartDoctypeDeclHandler = self._refuse_document_type

    @property
    def byte(self) -> int:
        """Where the tag or text at hand begins in the file, from 0."""
        return self._parser.CurrentByteIndex

    def fault(self, what: str, remedy: str = ASK_AGAIN) -> InputError:
        """An error at the place that is being read."""
        place = f"line {self._parser.CurrentLineNumber}, column {self._parser.CurrentColumnNumber + 1}"
        return InputError(what, where=f"{self._path.name}, {place}", remedy=remedy)

    def read(self, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Read the file chunk by chunk; each is handed on after the calls for it.

        Characters that XML does not allow (control characters but NUL) are read as blanks.

        Raises
        ------
        InputError
            The file is no well-formed XML, is cut, has a document type or an unknown encoding.
        """
        fed, wide = 0, False
        with self._path.open("rb") as stream:
            while True:
                chunk = stream.read(chunk_bytes)
                wide = wide or (fed == 0 and chunk.startswith(WIDE))
                clean = chunk if wide else chunk.translate(TO_BLANKS)
                if clean != chunk:
                    self.controls += len(chunk) - len(chunk.translate(None, CONTROLS))
                self._feed(clean, fed)
                yield chunk
                if not chunk:
                    return
                fed += len(chunk)
                if fed - self._parser.CurrentByteIndex > LARGEST_TOKEN:
                    raise self.fault(f"A single tag or comment is longer than {LARGEST_TOKEN:,} bytes")

    def _feed(self, chunk: bytes, start: int) -> None:
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            raise self._syntax_fault(error, chunk, start) from None
        except (LookupError, ValueError):
            what = "The file is in an encoding that is not known here"
            raise InputError(
                what, where=f"{self._path.name}, first line", remedy="Save it as UTF-8."
            ) from None

    def _syntax_fault(self, error: expat.ExpatError, chunk: bytes, start: int) -> InputError:
        place = self._parser.ErrorByteIndex - start
        byte = chunk[place] if 0 <= place < len(chunk) else 0
        if byte > 127:
            what = "The file is not in the encoding that its first line says (UTF-8 if it says none)"
            remedy = (
                "Nothing of the file is loaded. Have it written again as UTF-8, or correct its first line."
            )
        elif not chunk:
            what, remedy = "The file is cut: its XML ends before its first element does", ASK_AGAIN
        elif error.code in JOINED:
            what, remedy = (
                "Two files were joined here, or something stands before or behind the XML",
                ASK_AGAIN,
            )
        else:
            what, remedy = f"This is no well-formed XML ({expat.ErrorString(error.code)})", ASK_AGAIN
        where = f"{self._path.name}, line {error.lineno}, column {error.offset + 1}"
        return InputError(what, where=where, remedy=remedy)

    def _refuse_document_type(self, *_: object) -> None:
        raise self.fault(
            "The file has a document type (DOCTYPE), which could make its reader open other files or fill the memory",
            "Nothing of the file is loaded. NAACCR XML has none: ask who sent the file how it came there.",
        )


def local_name(tag: str) -> str:
    """Name of a tag without its namespace."""
    return tag.rpartition(SEPARATOR)[2]


def is_wide(head: bytes) -> bool:
    """Whether a file that begins so is in UTF-16."""
    return head.startswith(WIDE)


def as_text(head: bytes) -> str:
    """The beginning of an XML file, to search for names in; never to read values from."""
    if is_wide(head):
        big = head.startswith((b"\xfe\xff", b"\0<"))
        return head.decode("utf-16-be" if big else "utf-16-le", "replace")
    return head.decode("latin-1")


def is_xml(head: bytes) -> bool:
    """Whether a file that begins so can be XML."""
    return re.match(r"(\ufeff|\xef\xbb\xbf)?\s*<[?!A-Za-z_]", as_text(head)) is not None
