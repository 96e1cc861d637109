"""Runs a synthesis of published estimates, with a submission's own beside them or without one."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.cohorts.catalog import study_in_use
from pipelines.cohorts.yaml_models import settings_hash
from pipelines.errors import InputError
from pipelines.stats.pooling import LEAVE_ONE_OUT, check_studies, overlaps_frame
from pipelines.stats.sensitivity import e_value
from pipelines.store import Submission
from pipelines.store.files import aside, sha256_of
from pipelines.store.manifest import recorded_versions
from pipelines.store.withheld import KEY, shown_sha256
from pipelines.studies.compare import SCHEMA, Target, judged, load_targets, require_all_joined
from pipelines.studies.evidence.pools import PoolSet, pool_set, pooled, with_site
from pipelines.studies.evidence.site import Site, against_prediction, shown_because, site_estimates
from pipelines.studies.evidence.tables import EvidenceRow, Review, load_reviews, path_of
from pipelines.studies.facts import StudyFacts
from pipelines.studies.language.evidence import EvidenceDefinition
from pipelines.studies.results import (
    Estimate,
    Finding,
    Outcomes,
    absent_and_warnings,
    estimates_frame,
    findings_frame,
)

PUBLISHED = "published evidence"
"""In place of a submission and a cohort."""
CORRECTED = {
    "observational": ("measured_confounding",),
    "randomised": ("measured_confounding", "immortal_time"),
}
"""What a review's estimate is corrected for, as far as one can say of all its studies."""


def run_evidence(
    parent: Path, definition: EvidenceDefinition, catalog_dir: Path, sub: Submission | None = None
) -> StudyFacts:
    """Write ``<parent>/<id>/``: estimates, comparison, diagnostics, the studies of each pool.

    Parameters
    ----------
    parent : Path
        ``<submission>/studies``, or ``<home>/evidence`` without a submission.
    definition : EvidenceDefinition
    catalog_dir : Path
        The catalog, whose ``evidence`` holds the tables.
    sub : Submission, optional
        Its studies give the site's own estimates.

    Raises
    ------
    InputError
        A table, a row or a review that is not there, or targets that join to nothing. Nothing is written then.
    """
    reviews = load_reviews(catalog_dir)
    targets = load_targets(catalog_dir / "studies" / definition.id / "published.csv")
    refuse_reviews(definition, reviews)
    sets = [pool_set(pool, definition, catalog_dir) for pool in definition.pools]
    sites, gaps = site_estimates(definition, sub)
    found = Outcomes(crude(definition, reviews), tuple(gaps))
    for chosen in sets:
        found += pooled(chosen, definition, review_words(chosen, reviews))
    joined = [made for chosen in sets for made in joined_sets(chosen, sites, definition)]
    for made in joined:
        found += pooled(made, definition, "")
    found += Outcomes(findings=tuple(positions(sites, found.estimates)))
    comparison = compare_evidence(targets, found.estimates, definition)
    identity = settings_hash(definition)
    tables = {
        "studies": studies_frame([*sets, *joined], sites, definition),
        "checks": check_studies([row.study() for row in distinct(sets)]),
        "overlaps": overlaps_of([*sets, *joined]),
        "e_values": e_values(definition, sets, reviews),
        "hidden": pl.DataFrame(schema=dict.fromkeys(KEY, pl.String)),
    }
    left_out = found.table("leave_one_out")  # of pools of three studies and more
    empty = pl.DataFrame(schema={"pool": pl.String, **LEAVE_ONE_OUT})
    tables["leave_one_out"] = empty if left_out is None else left_out
    same = {
        "study": definition.id,
        "submission": sub.id if sub else PUBLISHED,
        "cohort": PUBLISHED,
        "ci_level": definition.confidence_level,
        "settings_hash": identity,
    }
    record = run_record(definition, catalog_dir, sub, sites, found, identity)
    folder = parent / definition.id
    with aside(folder) as temporary:
        temporary.mkdir()
        estimates_frame(found.estimates, same).write_csv(temporary / "estimates.csv")
        findings_frame(found.findings).write_csv(temporary / "diagnostics.csv")
        comparison.write_csv(temporary / "comparison.csv")
        for name, table in tables.items():
            table.write_csv(temporary / f"{name}.csv")
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (temporary / "run.json").write_text(text, encoding="utf-8")
    return StudyFacts(
        name=definition.id,
        submission=sub.id if sub else PUBLISHED,
        cohort=PUBLISHED,
        folder=folder,
        settings_hash=identity,
        n_estimates=len(found.estimates),
    )


def refuse_reviews(definition: EvidenceDefinition, reviews: dict[str, Review]) -> None:
    """Refuse reviews that the table does not have.

    Raises
    ------
    InputError
        All of them at once.
    """
    named = [*definition.crude, *(pool.review for pool in definition.pools if pool.review)]
    missing = sorted({name for name in named if name not in reviews})
    missing += [
        name for name in definition.crude if name in reviews and reviews[name].crude_odds_ratio is None
    ]
    if missing:
        raise InputError(
            f"Reviews that are not in the table, or have no two percentages: {', '.join(missing)}",
            where=study_in_use(definition.id),
            remedy="The table is catalog/evidence/reviews.csv.",
        )


def review_words(chosen: PoolSet, reviews: dict[str, Review]) -> str:
    """The review whose set a pool rebuilds."""
    return reviews[chosen.pool.review].name if chosen.pool.review else "the review"


def crude(definition: EvidenceDefinition, reviews: dict[str, Review]) -> tuple[Estimate, ...]:
    """Odds ratios of a review's own percentages; no interval, for nobody says of how many they are percentages."""
    return tuple(
        Estimate(
            analysis="crude_odds_ratio",
            subgroup=name,
            term=definition.exposure,
            contrast=definition.contrast,
            measure="or",
            estimate=reviews[name].crude_odds_ratio,
            effect_type="marginal",
            method=f"{reviews[name].percent_surgery:g} % against {reviews[name].percent_control:g} %, "
            f"{reviews[name].outcome}",
        )
        for name in definition.crude
    )


def joined_sets(chosen: PoolSet, sites: Sequence[Site], definition: EvidenceDefinition) -> list[PoolSet]:
    """The pool again with the site's first estimate that joins it: two of one site are the same people."""
    joining = [one for one in sites if one.wanted.joins and one.wanted.beside == chosen.pool.name]
    made = [with_site(chosen, one.row, definition.shared_sources) for one in joining[:1]]
    return [one for one in made if len(one.rows) > 1]


def positions(sites: Sequence[Site], estimates: Sequence[Estimate]) -> Iterable[Finding]:
    """Where each of the site's estimates lies in the prediction interval of the pool it stands beside."""
    by_pool = {one.subgroup: one for one in estimates if one.analysis == "pooled_prediction"}
    return [
        against_prediction(one, by_pool[one.wanted.beside]) for one in sites if one.wanted.beside in by_pool
    ]


def compare_evidence(
    targets: Sequence[Target], estimates: Sequence[Estimate], definition: EvidenceDefinition
) -> pl.DataFrame:
    """Judge every target, as of any study.

    Raises
    ------
    InputError
        Targets that join to no estimate: all of them.
    """
    by_key = {one.key: one for one in estimates}
    lost = {
        one.target: ", ".join(part or "–" for part in one.key)
        for one in targets
        if one.comparable == "yes" and one.key not in by_key
    }
    require_all_joined(lost, definition.id)
    assumed = {pool.name for pool in definition.pools if pool.assumed}
    rows = [
        judged(one, by_key.get(one.key), None, definition.confidence_level, assumed=one.subgroup in assumed)
        for one in targets
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def studies_frame(
    sets: Sequence[PoolSet], sites: Sequence[Site], definition: EvidenceDefinition
) -> pl.DataFrame:
    """One row per pool and study: as printed, turned to one orientation and level, and why it is not pooled."""
    level = definition.confidence_level
    rows = [
        study_row(chosen.pool.name, chosen.pool.side, row, level, pooled=row not in chosen.left_out)
        for chosen in sets
        for row in (*chosen.rows, *chosen.left_out)
    ]
    side = {pool.name: pool.side for pool in definition.pools}
    rows += [
        study_row(one.wanted.beside, side[one.wanted.beside], one.row, level, pooled=False) for one in sites
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def study_row(pool: str, side: str, row: EvidenceRow, level: float, *, pooled: bool) -> dict[str, Any]:
    """A study of a pool for the tables and the forest."""
    value, low, high = row.ratio(level)
    return {
        "pool": pool,
        "side": side,
        "row": row.row,
        "name": row.name,
        "site": row.ours,
        "pooled": pooled,
        "people": row.people,
        "estimate": value,
        "ci_low": low,
        "ci_high": high,
        "ci_level": level,
        "printed": row.printed_hr,
        "printed_ci_low": row.printed_ci_low,
        "printed_ci_high": row.printed_ci_high,
        "printed_ci_level": row.printed_ci_level,
        "orientation": row.orientation,
        "data_source": row.data_source,
        "first_year": row.years[0] if row.years else None,
        "last_year": row.years[1] if row.years else None,
        "std_err": row.study().std_err,
        "verification": row.verification,
        "note": row.note,
    }


def distinct(sets: Sequence[PoolSet]) -> list[EvidenceRow]:
    """Every study once, as first read; one read otherwise in a later pool is a study of its own there only."""
    found: dict[str, EvidenceRow] = {}
    for chosen in sets:
        for row in (*chosen.rows, *chosen.left_out):
            found.setdefault(row.row, row)
    return list(found.values())


def overlaps_of(sets: Sequence[PoolSet]) -> pl.DataFrame:
    """Pairs that may share people, by pool."""
    frames = [
        overlaps_frame(chosen.overlaps).select(pl.lit(chosen.pool.name).alias("pool"), pl.all())
        for chosen in sets
    ]
    return pl.concat(frames)


def e_values(
    definition: EvidenceDefinition, sets: Sequence[PoolSet], reviews: dict[str, Review]
) -> pl.DataFrame:
    """E-value of every published hazard ratio, deaths being common, and of what a review pooled.

    Room for an unmeasured confounder, and for nothing else: ``notes`` says what an estimate is not corrected for.
    """
    level = definition.confidence_level
    printed = [(row.row, row.name, row.ratio(level), row.corrected_for.split()) for row in distinct(sets)]
    for key, one in reviews.items():
        values = (one.printed, one.printed_ci_low, one.printed_ci_high)
        value, low, high = (float("nan") if number is None else number for number in values)
        if one.measure == "hr" and None not in values and one.printed_ci_level == level:
            printed.append((key, one.name, (value, low, high), list(CORRECTED[one.design])))
    frames = [
        e_value(*ratio, analysis=key, corrected_for=corrected, measure="hr", common_outcome=True)
        .to_frame()
        .with_columns(pl.lit(name).alias("name"))
        for key, name, ratio, corrected in printed
    ]
    return pl.concat(frames) if definition.e_values else frames[0].clear()


def run_record(
    definition: EvidenceDefinition,
    catalog_dir: Path,
    sub: Submission | None,
    sites: Sequence[Site],
    found: Outcomes,
    identity: str,
) -> dict[str, Any]:
    """Settings and provenance: the tables read, by their hash; the site's studies, by their settings."""
    tables = sorted({table for pool in definition.pools for table in pool.tables} | {"reviews"})
    ran = sorted({one.wanted.study for one in sites})
    return {
        "study": definition.id,
        "kind": "evidence",
        "title": definition.title,
        "submission": sub.id if sub else PUBLISHED,
        "source": sub.manifest.source if sub else "published",
        "format": sub.manifest.format if sub else "published",
        "release": sub.manifest.release if sub else "",
        "cohort": PUBLISHED,
        "arms": {"exposed": definition.exposed, "reference": definition.reference},
        "settings_hash": identity,
        "seed": None,
        "randomness": "no step draws random numbers",
        "extract": [
            {"name": f"evidence/{name}.csv", "sha256": sha256_of(path_of(name, catalog_dir))}
            for name in tables
        ],
        "site": [read_of(sub.root / "studies" / name) for name in ran] if sub is not None else [],
        "versions": recorded_versions(),
        "gate": "on",
        "gate_verdict": {
            "status": "not_needed",
            "reason": "published figures; of the site's own, what the gates of its studies showed at the time",
        },
        "primary": f"pooled_{definition.pools[0].methods[0]}",
        **absent_and_warnings(found),
        "settings": definition.model_dump(mode="json"),
    }


def read_of(folder: Path) -> dict[str, str]:
    """What a study of the submission was when it was read: its settings, and what of it was shown."""
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return {
        "study": folder.name,
        "settings_hash": run["settings_hash"],
        "shown_sha256": shown_sha256(folder),
        "shown_because": shown_because(folder) or "its gate let it",
    }
