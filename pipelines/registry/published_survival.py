"""Rows of SEER*Stat survival exports as numbers: counts, proportions, months, and whether they agree with each other.

On an actuarial life page the survival of an interval is ``1 - died / (alive - lost / 2)`` to the printed digit
(Cutler and Ederer, J Chronic Dis 1958;8:699-712).
"""

from functools import cache
from pathlib import Path

import polars as pl

from pipelines.codebook.survival_export import PAGE_TYPE, SurvivalExport, interval_months, statistics

COLUMNS = Path(__file__).with_name("published_survival_columns.csv")
TYPES = {
    "varchar": pl.String(),
    "bigint": pl.Int64(),
    "integer": pl.Int32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
}
NUMBER = r"^(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|-?\.\d+)\s*%?\s*[^\d\s.,]*$"
FLAG = r"[\d.%]\s*([^\d.,%\s]+)$"
ROUNDING = 1e-9
"""Of a printed digit: what floating point adds to half of it."""
COUNTED_INTERVALS = ("cause_specific_interval", "observed_interval")
"""Survival of the interval that died, alive at start and lost give; a session has one of them."""


@cache
def published_survival_schema() -> pl.Schema:
    """Name and type of every column of the table, in order."""
    listed = pl.read_csv(COLUMNS, infer_schema=False)
    return pl.Schema({name: TYPES[kind] for name, kind in listed.select("column", "type").iter_rows()})


def published_survival(frame: pl.DataFrame, export: SurvivalExport) -> pl.DataFrame:
    """Make numbers of the rows of one export.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns as received (text), ``source_file``, ``source_record``.
    export : SurvivalExport

    Returns
    -------
    polars.DataFrame
        Columns of `published_survival_schema`; rates are proportions. As many rows as ``frame``.
    """
    pages = _pages(frame, export)
    found = [
        _page(frame.filter(pages == page), page, export)
        for page in pages.unique(maintain_order=True).to_list()
    ]
    schema = published_survival_schema()
    whole = pl.concat([pl.DataFrame(schema=schema), *found], how="diagonal").select(schema.names())
    on_life_page = pl.col("page") == "life"
    followed = _followed(whole.filter(on_life_page))
    return pl.concat([followed, whole.filter(~on_life_page)]).sort("source_record")


def _pages(frame: pl.DataFrame, export: SurvivalExport) -> pl.Series:
    """Kind of page of every row; the only kind there is where rows have no page type."""
    if PAGE_TYPE not in frame.columns:
        return pl.Series(["life" if export.life else "summary"] * frame.height, dtype=pl.String)
    types = frame[PAGE_TYPE]
    kinds = {each: export.page(each) or "" for each in types.unique().to_list()}
    return types.replace_strict(kinds, return_dtype=pl.String)


def _page(rows: pl.DataFrame, page: str, export: SurvivalExport) -> pl.DataFrame:
    """The rows of one kind of page."""
    columns = {statistics()[name].column: name for name in export.columns_of(page) if name in statistics()}
    rates = {new: old for new, old in columns.items() if statistics()[old].kind == "rate"}
    counts = {new: old for new, old in columns.items() if statistics()[old].kind == "count"}
    groups = export.groups_of(page)
    table = rows.select(
        "source_file",
        "source_record",
        pl.lit(export.statistic).alias("statistic"),
        pl.lit(export.method).alias("method"),
        pl.lit(export.study_cutoff).alias("study_cutoff"),
        pl.lit(page).alias("page"),
        _as_json(groups, export).alias("groups"),
        *_interval(rows[columns["interval"]], columns["interval"], page, export),
        *(_count(old).alias(new) for new, old in counts.items()),
        *(_rate(old, percents=export.percents).alias(new) for new, old in rates.items()),
        pl.sum_horizontal(
            (_number(old).is_null() & ~_is_missing(old, export)).cast(pl.Int32)
            for old in (counts | rates).values()
        )
        .cast(pl.Int32)
        .alias("unreadable"),
        _footnotes(counts | rates).alias("footnotes"),
        _decimals(rates, percents=export.percents).alias("printed_decimals"),
    )
    return _compared(table, comparable=page == "life" and export.method == "Actuarial")


def _as_json(groups: tuple[str, ...], export: SurvivalExport) -> pl.Expr:
    """One JSON object of the group columns with their labels."""
    if not groups:
        return pl.lit("{}")
    labelled = [
        pl.col(name).str.strip_chars().replace(export.labels.get(name, {})).str.strip_chars().alias(name)
        for name in groups
    ]
    return pl.struct(labelled).struct.json_encode()


def _interval(values: pl.Series, name: str, page: str, export: SurvivalExport) -> list[pl.Series]:
    """Number, label, and first and last month of every row's interval."""
    codes = values.str.strip_chars()
    labels = {code: export.label(name, code) for code in codes.unique().to_list() if code is not None}
    months = {code: _months(code, label, page, export) for code, label in labels.items()}
    text = codes.replace_strict(labels, default=None, return_dtype=pl.String)
    bounds = [months.get(code, (None, None)) for code in codes.to_list()]
    return [
        codes.cast(pl.Int32, strict=False).alias("interval_number"),
        text.alias("interval"),
        pl.Series("from_month", [first for first, _ in bounds], pl.Float64),
        pl.Series("to_month", [last for _, last in bounds], pl.Float64),
    ]


def _months(code: str, label: str, page: str, export: SurvivalExport) -> tuple[float | None, float | None]:
    """From the label, else on a life page from the number and the length of an interval."""
    told = interval_months(label)
    if told is not None:
        return told
    if page.endswith("life") and code.isdecimal() and export.months_per_interval:
        last = int(code) * export.months_per_interval
        return float(last - export.months_per_interval), float(last)
    return None, None


def _text(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars()


def _is_missing(name: str, export: SurvivalExport) -> pl.Expr:
    """Nothing, a period, or what the analyst chose to stand for no value."""
    return _text(name).is_null() | _text(name).is_in(["", ".", export.missing])


def _number(name: str) -> pl.Expr:
    """The number before a percent sign and footnote flags; null where there is none."""
    return _text(name).str.extract(NUMBER).str.replace_all(",", "").cast(pl.Float64, strict=False)


def _count(name: str) -> pl.Expr:
    whole = _number(name)
    return pl.when(whole == whole.round()).then(whole).cast(pl.Int64)


def _in_percent(name: str, *, percents: bool) -> pl.Expr:
    return pl.lit(True) if percents else _text(name).str.contains("%", literal=True)


def _rate(name: str, *, percents: bool) -> pl.Expr:
    return pl.when(_in_percent(name, percents=percents)).then(_number(name) / 100).otherwise(_number(name))


def _footnotes(columns: dict[str, str]) -> pl.Expr:
    """Flags as ``column=flag``; an empty text where there is none."""
    flags = [
        pl.when(_number(old).is_not_null()).then(pl.lit(f"{new}=") + _text(old).str.extract(FLAG))
        for new, old in columns.items()
    ]
    return pl.concat_str(flags, separator=" ", ignore_nulls=True)


def _decimals(rates: dict[str, str], *, percents: bool) -> pl.Expr:
    """Decimals of the survival of the interval that the counts give, as a proportion."""
    name = next(
        (rates[each] for each in ("cause_specific_interval", "observed_interval") if each in rates), None
    )
    if name is None:
        return pl.lit(None, pl.Int32)
    digits = _text(name).str.extract(r"\.(\d*)").str.len_chars().fill_null(0).cast(pl.Int32)
    shifted = pl.when(_in_percent(name, percents=percents)).then(digits + 2).otherwise(digits)
    return pl.when(_number(name).is_not_null()).then(shifted).cast(pl.Int32)


def _compared(table: pl.DataFrame, *, comparable: bool) -> pl.DataFrame:
    """Append the survival of the interval by its counts, and whether the printed one is the same."""
    present = [name for name in COUNTED_INTERVALS if name in table.columns]
    if not comparable or not present or not {"died", "alive_at_start", "lost"} <= set(table.columns):
        return table
    at_risk = pl.col("alive_at_start") - pl.col("lost") / 2
    half_a_digit = 0.5 * pl.lit(10.0).pow(-pl.col("printed_decimals"))
    recomputed = pl.when(at_risk > 0).then(1 - pl.col("died") / at_risk)
    return table.with_columns(recomputed_interval=recomputed).with_columns(
        interval_agrees=(pl.col("recomputed_interval") - pl.coalesce(present)).abs()
        <= half_a_digit * (1 + ROUNDING) + ROUNDING / 1000
    )


def _followed(table: pl.DataFrame) -> pl.DataFrame:
    """Append whether an interval goes on where the one before it, of the same group, ends."""
    ordered = table.sort("groups", "from_month", "source_record")
    before = {
        name: pl.col(name).shift(1).over("groups") for name in ("to_month", "alive_at_start", "died", "lost")
    }
    follows = before["to_month"] == pl.col("from_month")
    cumulative = pl.coalesce("cause_specific_cumulative", "observed_cumulative")
    left = before["alive_at_start"] - before["died"] - before["lost"]
    return ordered.with_columns(
        at_risk_follows=pl.when(follows).then(pl.col("alive_at_start") == left),
        cumulative_follows=pl.when(follows).then(cumulative <= cumulative.shift(1).over("groups")),
    )
