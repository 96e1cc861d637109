"""What a new submission changed: two submissions of one source, compared number by number.

Submissions are compared and never stacked, and case ids are never joined: NCDB gives new ones with every release.
Only sums over people are read. Counts and shares that would show a small cell, or the neighbour that gives it
away, are null in every frame here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.disclosure import SHARES_OF_PEOPLE, hidden_levels, hide, hide_parts, level_of, records_in
from pipelines.errors import InputError
from pipelines.reporting.study_record import Study, read_study
from pipelines.reporting.study_tables import RATIOS
from pipelines.reporting.submission import refusals, study_folders
from pipelines.store import Submission
from pipelines.store.withheld import read_flow

WORTH_A_LOOK_POINTS = 1.0
"""Percentage points by which a share has to move to be worth a look."""

DICTIONARY = Path(__file__).resolve().parents[1] / "registry" / "columns.csv"
KEY = ["analysis", "subgroup", "term", "contrast", "measure"]
VALUES = ["estimate", "ci_low", "ci_high"]


@dataclass(frozen=True)
class Frequencies:
    """Shares of the words of every coded column of ``registry/tumor``, the largest changes first.

    Attributes
    ----------
    years : tuple of int or None
        Diagnosis years that both have, which are the ones counted; None where neither source tells years, and
        everything is counted.
    n_old, n_new : int or None
        Tumors counted; None where hidden.
    table : polars.DataFrame
        ``column, word, percent_old, percent_new`` (percent of the tumors counted, to a tenth, null where hidden),
        ``points`` (new - old), ``worth_a_look`` (at least ``WORTH_A_LOOK_POINTS`` either way).
    not_in_both : tuple of str
        Columns that one of the two tables does not have.
    """

    years: tuple[int, ...] | None
    n_old: int | None
    n_new: int | None
    table: pl.DataFrame
    not_in_both: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """Everything that differs between two submissions; ``None``/null is hidden, or not there.

    Attributes
    ----------
    old, new : str
        Submission ids.
    rows : polars.DataFrame
        One row per submission: ``submission, release, covered_years, records_read, kept, quarantined``.
    frequencies : Frequencies
    attrition : polars.DataFrame
        One row per cohort and rule: ``cohort, definition`` (same | differs | one side only), ``step, rule_id, rule,
        n_after_old, n_after_new`` (tumors), ``change_percent``.
    studies : polars.DataFrame
        One row per study: ``study, old, new`` (ran | refused | not run), ``settings, versions`` (same | differ,
        null unless it ran on both).
    estimates : polars.DataFrame
        One row per number: ``study``, its key, ``estimate, ci_low, ci_high`` of both, ``difference`` (log of new
        over old for ratios, else new - old), ``of_exposure``, ``worth_a_look`` (a share that moved as above; any
        other estimate where the new one lies outside the old interval).
    """

    old: str
    new: str
    rows: pl.DataFrame
    frequencies: Frequencies
    attrition: pl.DataFrame
    studies: pl.DataFrame
    estimates: pl.DataFrame

    def payload(self) -> dict[str, Any]:
        """For machines: the frames as lists of records."""
        frequencies = self.frequencies
        return {
            "old": self.old,
            "new": self.new,
            "threshold_points": WORTH_A_LOOK_POINTS,
            "rows": self.rows.to_dicts(),
            "years": frequencies.years,
            "n_old": frequencies.n_old,
            "n_new": frequencies.n_new,
            "columns_not_in_both": frequencies.not_in_both,
            "frequencies": frequencies.table.to_dicts(),
            "attrition": self.attrition.to_dicts(),
            "studies": self.studies.to_dicts(),
            "estimates": self.estimates.to_dicts(),
        }


def compare(old: Submission, new: Submission, *, min_cell: int) -> Diff:
    """Compare two submissions of one source.

    Parameters
    ----------
    old, new : Submission
        Both passed by the quality gate.
    min_cell : int
        Counts below this are hidden (people).

    Raises
    ------
    GateError
        One of them has no pass.
    InputError
        They come from different sources, whose codes and populations are not the same thing.
    """
    for sub in (old, new):
        sub.require_pass()
        sub.require_people()
    sources = [sub.manifest.source for sub in (old, new)]
    if sources[0] != sources[1]:
        raise InputError(
            f"'{old.id}' comes from {sources[0]} and '{new.id}' from {sources[1]}: there is no change to tell "
            "between two registries",
            where="source in their manifests",
            remedy="Compare two submissions of one source; `cohorts status` lists them.",
        )
    return Diff(
        old=old.id,
        new=new.id,
        rows=pl.DataFrame([_rows(sub, min_cell) for sub in (old, new)]),
        frequencies=compare_frequencies(old, new, min_cell=min_cell),
        attrition=compare_cohorts(old, new, min_cell=min_cell),
        studies=compare_studies(old, new),
        estimates=compare_estimates(old, new, min_cell=min_cell),
    )


def _rows(sub: Submission, min_cell: int) -> dict[str, Any]:
    """Records in = kept + quarantined; a small part goes with the sum, as what is kept is told by every cohort."""
    manifest = sub.manifest
    years = manifest.covered_years
    return {
        "submission": sub.id,
        "release": manifest.release,
        "covered_years": f"{years[0]} to {years[1]}" if years else "not told",
        "records_read": records_in(manifest.kept, manifest.quarantined, min_cell),
        "kept": hide(manifest.kept, min_cell),
        "quarantined": hide(manifest.quarantined, min_cell),
    }


def compare_frequencies(old: Submission, new: Submission, *, min_cell: int) -> Frequencies:
    """Compare the shares of every coded word over the diagnosis years that both submissions have."""
    tables = [pl.scan_parquet(sub.registry_table("tumor")) for sub in (old, new)]
    per_year = [_counts(table, "year_of_diagnosis") for table in tables]
    known = [{int(year) for year in counts if year != "null"} for counts in per_year]
    years = tuple(sorted(known[0] & known[1])) if known[0] or known[1] else None
    if years is not None:
        tables = [table.filter(pl.col("year_of_diagnosis").is_in(years)) for table in tables]
    names = [set(table.collect_schema().names()) for table in tables]
    coded = pl.read_csv(DICTIONARY, infer_schema_length=0).filter(
        (pl.col("table") == "tumor")
        & pl.col("type").is_in(["varchar", "boolean"])
        & pl.col("vocabulary").is_not_null()
    )["column"]
    rows = [
        (column, *row)
        for column in coded
        if column in names[0] & names[1]
        for row in _word_rows(_counts(tables[0], column), _counts(tables[1], column), min_cell)
    ]
    schema = {
        "column": pl.String,
        "word": pl.String,
        "percent_old": pl.Float64,
        "percent_new": pl.Float64,
    }
    points = (pl.col("percent_new") - pl.col("percent_old")).round(1)
    table = (
        pl.DataFrame(rows, schema=schema, orient="row")
        .with_columns(points=points, worth_a_look=(points.abs() >= WORTH_A_LOOK_POINTS).fill_null(False))
        .sort(pl.col("points").abs(), "column", "word", descending=[True, False, False], nulls_last=True)
    )
    n_old, n_new = (_counted(counts, years, min_cell) for counts in per_year)
    return Frequencies(years, n_old, n_new, table, tuple(sorted(set(coded) & (names[0] ^ names[1]))))


def _counts(table: pl.LazyFrame, column: str) -> dict[str, int]:
    """Tumors per word; no word is ``null``."""
    word = pl.col(column).cast(pl.String).fill_null("null").alias("word")
    return dict(table.group_by(word).len().collect().iter_rows())


def _counted(per_year: dict[str, int], years: tuple[int, ...] | None, min_cell: int) -> int | None:
    """How many are of these years; hidden too where those of the other years are few."""
    total = sum(per_year.values())
    inside = total if years is None else sum(per_year[str(year)] for year in years)
    return hide_parts([inside, total - inside], min_cell)[0]


def _word_rows(
    old: dict[str, int], new: dict[str, int], min_cell: int
) -> list[tuple[str, float | None, float | None]]:
    """Word, its percent in old and in new."""
    words = sorted(set(old) | set(new))
    shares = [_percents([counts.get(word, 0) for word in words], min_cell) for counts in (old, new)]
    return list(zip(words, *shares, strict=True))


def _percents(counts: list[int], min_cell: int) -> list[float | None]:
    """Percents of the sum, to a tenth; no count goes with them, so that few cannot be told from fewer."""
    total = sum(counts)
    if not total:
        return [None] * len(counts)
    return [
        None if count is None else round(100 * count / total, 1) for count in hide_parts(counts, min_cell)
    ]


def compare_cohorts(old: Submission, new: Submission, *, min_cell: int) -> pl.DataFrame:
    """Compare who remained after every rule of the cohorts that were materialised on either submission."""
    names = {path.parent.name for sub in (old, new) for path in sub.root.glob("cohorts/[!.]*/attrition.csv")}
    schema = {
        "cohort": pl.String,
        "definition": pl.String,
        "step": pl.Int64,
        "rule_id": pl.String,
        "rule": pl.String,
        "n_after_old": pl.Int64,
        "n_after_new": pl.Int64,
    }
    rows = []
    for name in sorted(names):
        folders = [sub.root / "cohorts" / name for sub in (old, new)]
        lines = [_attrition(folder, min_cell) for folder in folders]
        definition = _same_text(*(folder / "definition.yaml" for folder in folders))
        for rule_id, (step, rule, _) in (lines[1] | lines[0]).items():
            after = [found[rule_id][2] if rule_id in found else None for found in lines]
            rows.append((name, definition, step, rule_id, rule, *after))
    table = pl.DataFrame(rows, schema=schema, orient="row").sort("cohort", "step", "rule_id")
    change = 100 * (pl.col("n_after_new") / pl.col("n_after_old") - 1)
    return table.with_columns(change_percent=pl.when(pl.col("n_after_old") > 0).then(change.round(1)))


def _attrition(folder: Path, min_cell: int) -> dict[str, tuple[int, str, int | None]]:
    """Rule to its step, its words, and how many remained after it; empty where the cohort was not made."""
    path = folder / "attrition.csv"
    if not path.is_file():
        return {}
    lines = pl.read_csv(path)
    remained = read_flow(folder, min_cell)["n_after"]
    columns = (lines["rule_id"], lines["step"], lines["rule"], remained)
    return {rule_id: (step, rule, after) for rule_id, step, rule, after in zip(*columns, strict=True)}


def _same_text(old: Path, new: Path) -> str:
    if not (old.is_file() and new.is_file()):
        return "one side only"
    return "same" if old.read_text(encoding="utf-8") == new.read_text(encoding="utf-8") else "differs"


def compare_studies(old: Submission, new: Submission) -> pl.DataFrame:
    """Compare what was run, and whether with the same settings and the same versions of the software."""
    ran, refused = [_ran(sub) for sub in (old, new)], [_refused(sub) for sub in (old, new)]
    rows = []
    for name in sorted(set().union(*ran, *refused)):
        runs = [studies[name].run for studies in ran if name in studies]
        states = [
            "ran" if name in studies else "refused" if name in without else "not run"
            for studies, without in zip(ran, refused, strict=True)
        ]
        same = [
            None if len(runs) < 2 else "same" if runs[0][field] == runs[1][field] else "differ"
            for field in ("settings_hash", "versions")
        ]
        rows.append((name, *states, *same))
    columns = ("study", "old", "new", "settings", "versions")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _ran(sub: Submission) -> dict[str, Study]:
    return {folder.name: read_study(folder) for folder in study_folders(sub)}


def _refused(sub: Submission) -> set[str]:
    return {refusal["study"] for refusal in refusals(sub)}


def compare_estimates(old: Submission, new: Submission, *, min_cell: int) -> pl.DataFrame:
    """Compare every estimate of the studies that ran on both submissions."""
    ran = [_ran(sub) for sub in (old, new)]
    blocks = [_estimates(ran[0][name], ran[1][name], min_cell) for name in sorted(ran[0].keys() & ran[1])]
    empty = pl.DataFrame(schema=dict.fromkeys(["study", *KEY], pl.String))
    return pl.concat(blocks) if blocks else empty


def _estimates(old: Study, new: Study, min_cell: int) -> pl.DataFrame:
    before, after = (_shown(study.required("estimates"), min_cell) for study in (old, new))
    both = before.join(after, on=KEY, how="full", coalesce=True, suffix="_new", maintain_order="left_right")
    ratio, was, now = pl.col("measure").is_in(RATIOS), pl.col("estimate_old"), pl.col("estimate_new")
    outside = (now < pl.col("ci_low_old")) | (now > pl.col("ci_high_old"))
    moved = (pl.col("measure") == "percent") & (pl.col("difference").abs() >= WORTH_A_LOOK_POINTS)
    return (
        both.rename({name: f"{name}_old" for name in VALUES})
        .with_columns(
            difference=pl.when(~ratio).then(now - was).when((was > 0) & (now > 0)).then((now / was).log())
        )
        .with_columns(
            of_exposure=pl.col("term").is_in(
                [old.run["settings"]["exposure"], new.run["settings"]["exposure"]]
            ),
            worth_a_look=outside.fill_null(False) | moved.fill_null(False),
        )
        .select(pl.lit(old.id).alias("study"), pl.all())
    )


def _shown(estimates: pl.DataFrame, min_cell: int) -> pl.DataFrame:
    """Estimates by key, without the shares of people that show a small cell.

    The flow of a cohort is left to `compare_cohorts`: two totals of it, each large, tell by a subtraction how few
    left between them.
    """
    rows = estimates.filter(pl.col("analysis") != "attrition").with_columns(
        pl.col(KEY).fill_null(""), pl.col(VALUES).cast(pl.Float64)
    )
    hidden = hidden_levels(rows, min_cell)
    mask = pl.Series([level_of(row) in hidden for row in rows.iter_rows(named=True)], dtype=pl.Boolean)
    people = pl.col("measure").is_in(SHARES_OF_PEOPLE)
    return rows.select(*KEY, *(pl.when(~(people & mask)).then(pl.col(name)).alias(name) for name in VALUES))
