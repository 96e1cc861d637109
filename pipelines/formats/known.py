"""Every format that can be loaded, in the order of asking: the first that knows a file's content has it."""

from pipelines.formats.mapped import tables
from pipelines.formats.naaccr import flat, xml
from pipelines.formats.ncdb import converted, puf
from pipelines.formats.seer import ascii as research_ascii
from pipelines.formats.seer import case_listing, survival
from pipelines.formats.types import Format

BINARY_FORMATS: tuple[Format, ...] = (converted.PARQUET_FORMAT, tables.TABLE_FORMAT, xml.FORMAT)
"""Known by their first bytes, whatever follows."""

TEXT_FORMATS: tuple[Format, ...] = (
    research_ascii.FORMAT,
    flat.FORMAT,
    puf.FORMAT,
    converted.FORMAT,
    survival.FORMAT,
    case_listing.FORMAT,
    tables.DELIMITED_FORMAT,
)
"""Lines of text; the last takes any delimited text."""

FORMATS = TEXT_FORMATS + BINARY_FORMATS
SOURCES = tuple(dict.fromkeys(each.source for each in FORMATS))
