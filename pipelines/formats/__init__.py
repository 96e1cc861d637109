"""Bytes to Arrow text columns, losslessly; no clinical meaning lives here."""

from pipelines.formats.faults import Reading, read_through
from pipelines.formats.open import open_extract
from pipelines.formats.recognise import recognise
from pipelines.formats.types import QUARANTINE_SCHEMA, Batch, Extract, Recognition, TableReader

__all__ = [
    "QUARANTINE_SCHEMA",
    "Batch",
    "Extract",
    "Reading",
    "Recognition",
    "TableReader",
    "open_extract",
    "read_through",
    "recognise",
]
