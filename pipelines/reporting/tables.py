"""Tables as HTML, by great_tables, with fixed ids so that the same numbers are the same bytes."""

from collections.abc import Mapping, Sequence

import great_tables as gt
import polars as pl


def html_table(
    rows: pl.DataFrame | Sequence[Mapping[str, str]],
    *,
    table_id: str,
    labels: Mapping[str, str],
    group: str | None = None,
    numbers: Sequence[str] = (),
) -> str:
    """Draw rows whose cells are already text; none is a table with its head alone.

    Parameters
    ----------
    rows : polars.DataFrame or sequence of mapping
        Only the columns of ``labels`` are drawn, in their order.
    table_id : str
        Fixed id of the table on its page.
    labels : mapping
        Column to heading.
    group : str, optional
        Column that becomes row-group headings.
    numbers : sequence of str
        Columns to align right.
    """
    columns = list(labels) if group is None else [group, *(name for name in labels if name != group)]
    frame = (
        rows
        if isinstance(rows, pl.DataFrame)
        else pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))
    )
    shown = frame.select(columns).with_columns(pl.all().cast(pl.String).fill_null(""))
    table = gt.GT(shown, id=table_id, groupname_col=group)
    table = table.cols_label({name: label for name, label in labels.items() if name != group})
    table = table.opt_row_striping().tab_options(
        table_font_size="13px",
        table_font_names=["DejaVu Sans", "Verdana", "sans-serif"],
        data_row_padding="4px",
        row_group_font_weight="bold",
        table_border_top_style="hidden",
    )
    if numbers:
        table = table.cols_align(align="right", columns=list(numbers))
    html: str = table.as_raw_html()
    return html


def number(value: float | None, digits: int = 2) -> str:
    """A number for a reader: fixed digits, thousands apart, an en dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def interval(estimate: float | None, low: float | None, high: float | None, digits: int = 2) -> str:
    """An estimate with its limits."""
    if estimate is None:
        return "–"
    if low is None and high is None:
        return number(estimate, digits)
    return f"{number(estimate, digits)} ({number(low, digits)} to {number(high, digits)})"


def p_value(value: float | None) -> str:
    """A p value as journals print it."""
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"
