"""Every format that can be loaded, in the order of asking: the first that knows a file's content has it."""

from pipelines.formats import mapped, ncdb, seer_ascii, seerstat, seerstat_survival
from pipelines.formats.types import Format

BINARY_FORMATS: tuple[Format, ...] = (mapped.TABLE_FORMAT,)
"""Known by their first bytes, whatever follows."""

TEXT_FORMATS: tuple[Format, ...] = (
    ncdb.FORMAT,
    seer_ascii.FORMAT,
    seerstat_survival.FORMAT,
    seerstat.FORMAT,
    mapped.DELIMITED_FORMAT,
)
"""Lines of text; the last takes any delimited text."""

FORMATS = BINARY_FORMATS + TEXT_FORMATS
SOURCES = tuple(dict.fromkeys(each.source for each in FORMATS))
