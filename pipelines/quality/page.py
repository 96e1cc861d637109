"""The quality page: made from the findings alone, readable with no network, without any patient's value.

Counts of people are rounded to ten and hidden below the smallest cell, because checks with nearly the
same scope stand side by side and a subtraction would show who is in one and not in the other. The exact
counts are in ``results.parquet``, which stays at the site.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import jinja2
import polars as pl

from pipelines.disclosure import format_count, is_small
from pipelines.quality.finding import Finding
from pipelines.quality.relations import PEOPLE
from pipelines.store import Manifest

ROUND_TO = 10
STATUS_ORDER = ("error", "fail", "warn", "overridden", "pass", "not_applicable")
STATUS_WORDS = {
    "error": "broke",
    "fail": "fails",
    "warn": "warns",
    "overridden": "overridden",
    "pass": "passes",
    "not_applicable": "does not apply",
}


@dataclass(frozen=True)
class Line:
    """One check as the page shows it; every number is already safe to print."""

    check_id: str
    table: str
    column: str
    rule: str
    severity: str
    status: str
    status_word: str
    note: str
    asks: str
    scope: str
    may_fail: str
    checked: str
    failed: str
    percent: str
    problem: str
    source: str
    owner: str


@dataclass(frozen=True)
class Group:
    """The lines of one table and severity."""

    table: str
    severity: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class UnmappedCode:
    """A code outside its scheme; rare ones are counted together and not shown."""

    field: str
    scheme: str
    code: str
    records: str


def render_page(
    manifest: Manifest, found: Sequence[Finding], unmapped: pl.DataFrame, *, min_cell: int
) -> str:
    """Render the quality page of one submission.

    Parameters
    ----------
    manifest : Manifest
        With its verdict.
    found : sequence of Finding
    unmapped : polars.DataFrame
        ``field``, ``scheme``, ``code``, ``n``: codes received that are in no scheme.
    min_cell : int
        Counts of people below this are hidden (people).

    Returns
    -------
    str
        One HTML document that asks no other host for anything.
    """
    lines = sorted(
        (_line(finding, min_cell) for finding in found),
        key=lambda line: (line.table, line.severity, STATUS_ORDER.index(line.status), line.check_id),
    )
    applicable = [line for line in lines if line.status != "not_applicable"]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines.quality"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("quality.html.j2").render(
        manifest=manifest,
        verdict=manifest.verdict,
        records_kept=people(manifest.kept, min_cell),
        records_quarantined=people(manifest.quarantined, min_cell),
        blocking=[line for line in lines if line.status in ("fail", "error")],
        warnings=[line for line in lines if line.status == "warn"],
        groups=_groups(applicable),
        not_applicable=[line for line in lines if line.status == "not_applicable"],
        passed=sum(line.status == "pass" for line in lines),
        unmapped=unmapped_codes(unmapped, min_cell),
        min_cell=min_cell,
        round_to=ROUND_TO,
    )


def people(count: int, min_cell: int) -> str:
    """A count of people as the page prints it: hidden where small, else rounded."""
    shown = count if count < min_cell else max(_rounded(count), min_cell)
    return format_count(shown, min_cell)


def unmapped_codes(unmapped: pl.DataFrame, min_cell: int) -> list[UnmappedCode]:
    """List the codes that are in no scheme; those of few people are summed up without naming them."""
    shown = []
    by_field = unmapped.sort("field", "scheme").group_by("field", "scheme", maintain_order=True)
    for (field, scheme), codes in by_field:
        frequent = codes.filter(pl.col("n") >= min_cell).sort(["n", "code"], descending=[True, False])
        for code, n in frequent.select("code", "n").iter_rows():
            shown.append(UnmappedCode(str(field), str(scheme), str(code)[:60], people(n, min_cell)))
        rare = codes.height - frequent.height
        if rare:
            what = f"{rare} rare code{'s' if rare > 1 else ''}, not shown"
            shown.append(UnmappedCode(str(field), str(scheme), what, f"<{min_cell} each"))
    return shown


def _line(finding: Finding, min_cell: int) -> Line:
    check = finding.check
    checked, failed, percent = _numbers(finding, min_cell)
    return Line(
        check_id=check.check_id,
        table=check.table,
        column=check.column.replace("|", ", "),
        rule=check.rule,
        severity=check.severity,
        status=finding.status,
        status_word=STATUS_WORDS[finding.status],
        note=check.note,
        asks=check.argument if check.rule != "in_vocabulary" else check.argument.replace("|", " · "),
        scope=check.scope,
        may_fail=f"{100 * check.threshold:g} %" if check.threshold else "none",
        checked=checked,
        failed=failed,
        percent=percent,
        problem=finding.problem or "",
        source=check.source,
        owner=check.owner,
    )


def _numbers(finding: Finding, min_cell: int) -> tuple[str, str, str]:
    """Rows checked, rows failed and their percentage, as they may be printed."""
    checked, failed = finding.n_checked, finding.n_failed
    if checked is None or failed is None:
        return "–", "–", "–"
    if finding.check.table not in PEOPLE:
        return f"{checked:,}", f"{failed:,}", f"{100 * failed / max(checked, 1):.1f}"
    if is_small(checked, min_cell) or is_small(failed, min_cell):
        return people(checked, min_cell), people(failed, min_cell), "hidden"
    percent = 100 * _rounded(failed) / max(_rounded(checked), 1)
    return people(checked, min_cell), people(failed, min_cell), f"{percent:.1f}"


def _rounded(count: int) -> int:
    return ROUND_TO * ((count + ROUND_TO // 2) // ROUND_TO)


def _groups(lines: Sequence[Line]) -> list[Group]:
    def key(line: Line) -> tuple[str, str]:
        return line.table, line.severity

    return [Group(*names, tuple(group)) for names, group in groupby(lines, key=key)]
