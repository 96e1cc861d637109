"""What a study leaves on disk: its tables, and the record of everything that the numbers depend on."""

import json
from typing import Any

import polars as pl

from pipelines import store
from pipelines.cohorts.definition import CohortDefinition
from pipelines.store import Submission
from pipelines.store.manifest import recorded_versions
from pipelines.studies.estimators import matched
from pipelines.studies.language import StudyDefinition
from pipelines.studies.plan import Plan
from pipelines.studies.results import Outcomes, absent_and_warnings, estimates_frame, findings_frame
from pipelines.studies.variants import other_cohort

CSV_TABLES = (
    "gate",
    "hidden",
    "km_curves",
    "table_one",
    "balance",
    "propensity",
    "rosenbaum",
    "unmeasured_confounder",
    "covariate_benchmarks",
    "plasmode",
)


def write(
    sub: Submission,
    plan: Plan,
    cohort: CohortDefinition,
    found: Outcomes,
    comparison: pl.DataFrame,
    identity: str,
    judged: dict[str, Any],
) -> None:
    """Write the study's folder aside and rename it into place."""
    study = plan.defined
    same = {
        "study": study.id,
        "submission": sub.id,
        "cohort": study.cohort,
        "ci_level": study.confidence_level,
        "settings_hash": identity,
    }
    record = run_record(sub, plan, cohort, found, identity) | judged
    with sub.write_dir(f"studies/{study.id}") as aside:
        estimates = estimates_frame(found.estimates, same)
        for other in study.sensitivity:
            there = pl.lit(other_cohort(cohort, other).name)
            elsewhere = pl.when(pl.col("subgroup") == other.name).then(there).otherwise(pl.col("cohort"))
            estimates = estimates.with_columns(elsewhere.alias("cohort"))
        estimates.write_csv(aside / "estimates.csv")
        findings_frame(found.findings).write_csv(aside / "diagnostics.csv")
        comparison.write_csv(aside / "comparison.csv")
        for name in CSV_TABLES:
            table = found.table(name)
            if table is not None:
                table.write_csv(aside / f"{name}.csv")
        for name, pairs in found.tables:
            if name.startswith(matched.PAIRS):
                store.write_parquet(pairs, aside / f"{name}.parquet")
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (aside / "run.json").write_text(text, encoding="utf-8")


def run_record(
    sub: Submission,
    plan: Plan,
    cohort: CohortDefinition,
    found: Outcomes,
    identity: str,
) -> dict[str, Any]:
    """Settings and provenance: everything that the numbers depend on, and no time of day."""
    manifest, study, primary = sub.manifest, plan.defined, plan.study.primary
    seeds = seeds_of(plan.study)
    return {
        "study": study.id,
        "title": study.title,
        "submission": sub.id,
        "source": manifest.source,
        "format": manifest.format,
        "release": manifest.release,
        "covered_years": manifest.covered_years,
        "cohort": study.cohort,
        "arms": {
            "exposed": cohort.arms.exposed.label,
            "reference": cohort.arms.reference.label,
            "others": [arm.label for arm in cohort.arms.others],
        },
        "settings_hash": identity,
        "seed": seeds or None,
        "randomness": randomness(seeds),
        "extract": [{"name": one.name, "sha256": one.sha256} for one in manifest.files],
        "versions": recorded_versions(),
        "primary": primary,
        "primary_estimand": sorted(
            {one.estimand for one in found.estimates if one.analysis == primary and one.estimand}
        ),
        "fallbacks": [
            {"refused": one.refused, "used": one.use, "reason": one.reason, "words": one.fallback.words}
            for one in plan.used
        ],
        **absent_and_warnings(found),
        "settings": study.model_dump(mode="json"),
        "cohort_settings": cohort.model_dump(mode="json"),
    }


def seeds_of(study: StudyDefinition) -> dict[str, int]:
    """Seed of each analysis that draws random numbers."""
    blocks = {
        "imputed_cox": study.imputation,
        "weighted_survival": study.design.weight,
        "clone_censor_weight": study.timing,
        "plasmode": study.plasmode,
    }
    return {
        word: block.seed
        for word, block in blocks.items()
        if word in study.analyses and block is not None and getattr(block, "bootstrap", True)
    }


def randomness(seeds: dict[str, int]) -> str:
    """What draws random numbers, in words."""
    ties = "ties in matching go to the lower tumor id"
    if not seeds:
        return f"no step draws random numbers; {ties}"
    return f"drawn with a seed: {', '.join(f'{word} {seed}' for word, seed in seeds.items())}; {ties}"
