"""Bytes to Arrow text columns, losslessly; no clinical meaning lives here."""

from pipelines.formats.archives.limits import Limits
from pipelines.formats.archives.unpack import Arrived, unpacked
from pipelines.formats.faults import Reading, check_worth_reading, no_record_read, read_through
from pipelines.formats.mapped.databases import is_address
from pipelines.formats.open import open_extract
from pipelines.formats.recognise import recognise
from pipelines.formats.types import (
    QUARANTINE_SCHEMA,
    Batch,
    Extract,
    Recognition,
    TableReader,
    refused,
)

__all__ = [
    "QUARANTINE_SCHEMA",
    "Arrived",
    "Batch",
    "Extract",
    "Limits",
    "Reading",
    "Recognition",
    "TableReader",
    "check_worth_reading",
    "is_address",
    "no_record_read",
    "open_extract",
    "read_through",
    "recognise",
    "refused",
    "unpacked",
]
