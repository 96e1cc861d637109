"""Every format that can be loaded, in the order of asking: the first that knows a file's content has it."""

from pipelines.formats import (
    mapped,
    naaccr_flat,
    naaccr_xml,
    ncdb,
    ncdb_table,
    seer_ascii,
    seerstat,
    seerstat_survival,
)
from pipelines.formats.types import Format

BINARY_FORMATS: tuple[Format, ...] = (ncdb_table.PARQUET_FORMAT, mapped.TABLE_FORMAT, naaccr_xml.FORMAT)
"""Known by their first bytes, whatever follows."""

TEXT_FORMATS: tuple[Format, ...] = (
    seer_ascii.FORMAT,
    naaccr_flat.FORMAT,
    ncdb.FORMAT,
    ncdb_table.FORMAT,
    seerstat_survival.FORMAT,
    seerstat.FORMAT,
    mapped.DELIMITED_FORMAT,
)
"""Lines of text; the last takes any delimited text."""

FORMATS = TEXT_FORMATS + BINARY_FORMATS
SOURCES = tuple(dict.fromkeys(each.source for each in FORMATS))
