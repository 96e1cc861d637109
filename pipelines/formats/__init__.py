"""Bytes to Arrow text columns, losslessly; no clinical meaning lives here."""

from pipelines.formats.databases import is_address
from pipelines.formats.faults import Reading, check_worth_reading, no_record_read, read_through
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
from pipelines.formats.unpack import Arrived, unpacked
from pipelines.formats.unpack_limits import Limits

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
