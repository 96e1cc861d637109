"""Bytes to Arrow text columns, losslessly; no clinical meaning lives here."""

from pipelines.formats.open import open_extract
from pipelines.formats.recognise import recognise
from pipelines.formats.types import Batch, Extract, Recognition, TableReader

__all__ = ["Batch", "Extract", "Recognition", "TableReader", "open_extract", "recognise"]
