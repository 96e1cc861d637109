"""What a source cannot give is refused before anything runs, with the reason that the source has."""

from collections.abc import Iterable, Sequence

import polars as pl

from pipelines.codebook.seerstat_headers import PeriodField, fields_of_periods
from pipelines.cohorts.definition import Years
from pipelines.cohorts.sources import LATER, holdings, who_covers, who_has
from pipelines.errors import InputError, RefusedError
from pipelines.store import Submission

NEVER_GIVEN = ("not_released", "withheld")


def check_years(sub: Submission, years: Years | None, *, asked_by: str) -> None:
    """Refuse years that the submission does not cover.

    Raises
    ------
    RefusedError
        ``period_not_covered``. A submission that states no years (NAACCR, a mapped source) covers them if any of
        its records is of them.
    """
    if years is None:
        return
    covered = sub.manifest.covered_years
    if covered is None:
        if anybody_of(sub, years):
            return
        what, where = "states no years and has no record of them", "registry/tumor, year_of_diagnosis"
    elif covered[0] <= years.first and years.last <= covered[1]:
        return
    else:
        what, where = f"covers {covered[0]} to {covered[1]}", f"manifest of {sub.id}, covered_years"
    raise RefusedError(
        f"{asked_by} needs diagnoses of {years.first} to {years.last}, and submission '{sub.id}' "
        f"({sub.manifest.format}, release {sub.manifest.release}) {what}",
        reason_code="period_not_covered",
        about=f"{years.first} to {years.last}",
        where=where,
        remedy="Load a release that covers the years, or define a study of the years that are there."
        + (f" {reach}" if (reach := who_covers(years)) else ""),
    )


def anybody_of(sub: Submission, years: Years) -> bool:
    """Whether a record may be of some diagnosis years: where none says its year, nobody can tell, and it may."""
    recorded = years_recorded(sub)
    return not recorded or any(years.first <= year <= years.last for year in recorded)


def years_without_records(sub: Submission, years: Years | None) -> list[int]:
    """Years asked for of which a submission that states none (NAACCR, a mapped source) has no record at all.

    A file of later years answers for those alone, and nothing but this says so. Nothing where the years are stated, or
    where no record says its year.
    """
    recorded = years_recorded(sub) if years is not None and sub.manifest.covered_years is None else set()
    if years is None or not recorded:
        return []
    return [year for year in range(years.first, years.last + 1) if year not in recorded]


def years_recorded(sub: Submission) -> set[int]:
    """Diagnosis years of the records."""
    year = pl.scan_parquet(sub.registry_table("tumor")).select("year_of_diagnosis").drop_nulls().unique()
    return set(year.collect()["year_of_diagnosis"])


def check_needs(sub: Submission, needs: Iterable[str], years: Years | None, *, asked_by: str) -> None:
    """Refuse a cohort or a study whose source cannot give a variable that it needs.

    Parameters
    ----------
    sub : Submission
        Built; its ``registry/ascertainment.parquet`` is read.
    needs : iterable of str
        Names of ``registry/tumor`` columns.
    years : Years, optional
        Diagnosis years asked for: a variable collected from a later year on is refused.
    asked_by : str
        The cohort or study, for the message.

    Raises
    ------
    RefusedError
        Reason code ``not_released``, ``withheld`` or ``not_collected``; every such variable is named
        with the source's reason, and the code is that of the first.
    InputError
        A need is not a column of the registry model.
    """
    wanted = list(dict.fromkeys(needs))
    said = pl.read_parquet(sub.registry_table("ascertainment")).sort("variable", "status")
    # Of a variable without a column the sources say why: no registry counts lesions.
    known = {*pl.read_parquet_schema(sub.registry_table("tumor")), *said["variable"]}
    strange = [name for name in wanted if name not in known]
    if strange:
        raise InputError(
            f"{asked_by} needs what the registry model does not have: {', '.join(strange)}",
            where=str(sub.registry_table("tumor")),
            remedy="Use the names of pipelines/registry/columns.csv.",
        )
    rows = {row["variable"]: row for row in said.iter_rows(named=True)}
    refused = [rows[name] for name in wanted if name in rows and refusal_code(rows[name]["status"], years)]
    if refused:
        raise cannot_give(sub, refused, years, asked_by=asked_by)
    check_fields_of_periods(sub, wanted, years, asked_by=asked_by)


def cannot_give(
    sub: Submission, refused: Sequence[dict[str, str]], years: Years | None, *, asked_by: str
) -> RefusedError:
    """The refusal of some variables: each with its source, its reason, and which source has it."""
    reasons = "; ".join(
        f"{row['variable']} ({row['status']} in {row['source']} {row['release']}): {row['reason'].rstrip('.')}"
        for row in refused
    )
    names = [row["variable"] for row in refused]
    dialect = sub.manifest.dialect
    here = [name for name in names if any(one.source == dialect for one in holdings(name))]
    again = (
        f" What {sub.manifest.source} has and this extract has not ({', '.join(here)}) may come with another "
        "release, other years, or an export with the field."
    )
    return RefusedError(
        f"{asked_by} needs what submission '{sub.id}' cannot give: {reasons}",
        reason_code=refusal_code(refused[0]["status"], years),
        about=names[0] + (f" and {len(names) - 1} more" if names[1:] else ""),
        where="registry/ascertainment",
        remedy=f"Who has it: {who_has(names, years)}{again if here else ''}",
    )


def check_fields_of_periods(
    sub: Submission, wanted: Iterable[str], years: Years | None, *, asked_by: str
) -> None:
    """Refuse a SEER listing that leaves out the field of a period: its years would be lost as unknown.

    Raises
    ------
    RefusedError
        Reason code ``not_released``; every such field is named as SEER*Stat calls it, with its years.
    """
    tumor = pl.scan_parquet(sub.registry_table("tumor")).filter(pl.col("source") == "seer")
    if years is not None:
        tumor = tumor.filter(pl.col("year_of_diagnosis").is_between(years.first, years.last))
    fields = [text for name in wanted for text in left_out(tumor, fields_of_periods(name))]
    if fields:
        raise RefusedError(
            f"{asked_by} needs the field of each period, and submission '{sub.id}' was exported without: "
            + "; ".join(fields),
            reason_code="not_released",
            about=fields[0],
            where="registry/tumor",
            remedy="Export the listing again with the field, or define a cohort of the years that have theirs.",
        )


def left_out(tumor: pl.LazyFrame, fields: Iterable[PeriodField]) -> list[str]:
    """Fields that no row of their period has, with the years they are missing in."""
    year = pl.col("year_of_diagnosis")
    periods = [
        tumor.filter(of_period(one)).select(
            pl.lit(one.field).alias("field"),
            pl.col(one.column).eq_missing("not_released").all().alias("left_out"),
            year.min().alias("first"),
            year.max().alias("last"),
        )
        for one in fields
    ]
    if not periods:
        return []
    missing = pl.concat(periods).filter(pl.col("left_out") & pl.col("first").is_not_null()).sort("first")
    return [
        f"{row['field']} ({row['first']} to {row['last']})" for row in missing.collect().iter_rows(named=True)
    ]


def of_period(field: PeriodField) -> pl.Expr:
    """Rows that a field is for: of an edition of the stage, of diagnosis years."""
    year = pl.col("year_of_diagnosis")
    return pl.all_horizontal(
        pl.lit(True),
        *([pl.col("stage_edition") == field.stage_edition] if field.stage_edition else []),
        *([year >= field.first] if field.first else []),
        *([year <= field.last] if field.last else []),
    )


def refusal_code(status: str, years: Years | None) -> str:
    """Stable word for a status that makes a need impossible; empty where the need can be met."""
    if status in NEVER_GIVEN:
        return status
    if status.startswith(LATER):
        since = int(status.removeprefix(LATER))
        return "not_collected" if years is not None and years.first < since else ""
    return "" if status in {"recorded", "derived"} else status
