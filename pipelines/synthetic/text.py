"""Columns of text: every cell chosen by a condition or looked up by a word, never a loop over rows."""

from collections.abc import Mapping

import polars as pl

from .draws import BoolArray, Coded, IntArray

Text = pl.Series


def where(condition: BoolArray, yes: Text | str | None, no: Text | str | None) -> Text:
    """Choose between two columns (or one text for all rows, or None) by row."""
    chosen = pl.when(pl.Series(condition)).then(_literal(yes)).otherwise(_literal(no))
    return pl.select(chosen).to_series()


def _literal(value: Text | str | None) -> pl.Expr:
    return pl.lit(value) if isinstance(value, pl.Series) else pl.lit(value, pl.String)


def number(values: IntArray, width: int = 0) -> Text:
    """Whole numbers as text, zero-padded to a width."""
    return pl.Series(values).cast(pl.String).str.zfill(width)


def constant(text: str | None, rows: int) -> Text:
    """The same text, or null, in every row."""
    return pl.repeat(text, rows, dtype=pl.String, eager=True)


def spoken(coded: Coded, texts: Mapping[str, str] | None = None, default: str | None = None) -> Text:
    """The text that stands for each row's word; a word without a text is itself, or ``default``."""
    known = texts or {}
    said = [known.get(level, level if default is None else default) for level in coded.levels]
    return pl.Series(said, dtype=pl.String).gather(coded.codes)
