"""extract → registry → quality → published → cohorts → studies → report → warehouse, one partition a submission."""

from pathlib import Path

import dagster as dg

from pipelines import steps
from pipelines.cohorts import list_cohorts
from pipelines.defs.submissions import HomeResource, inbox_of, submissions, told
from pipelines.disclosure import format_count
from pipelines.errors import InputError, RefusedError
from pipelines.settings import Settings
from pipelines.store import publish
from pipelines.studies import StudyListing, list_studies, load_evidence
from pipelines.studies.lines import gate_words


class ExtractConfig(dg.Config):
    """Which files to read; without paths, those in the inbox of the submission."""

    paths: list[str] = []
    source: str | None = None
    layout: list[str] = []
    mapping: str | None = None


@dg.asset(partitions_def=submissions, group_name="registry", kinds={"parquet"})
@told
def extract(
    context: dg.AssetExecutionContext, config: ExtractConfig, store: HomeResource
) -> dg.MaterializeResult[None]:
    """Every field as text, as received; rows in = kept + quarantined."""
    submission = context.partition_key
    manifest = steps.load(
        store.home,
        [Path(path) for path in config.paths] or inbox_of(store.home, submission),
        submission,
        source=config.source,
        layout=config.layout,
        mapping=Path(config.mapping) if config.mapping else None,
        replace_published=True,
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": manifest.kept,
            "quarantined": format_count(manifest.quarantined, Settings().min_cell),
            "format": f"{manifest.format} {manifest.release}",
            "files": {facts.name: facts.sha256 for facts in manifest.files},
        }
    )


@dg.asset(deps=[extract], partitions_def=submissions, group_name="registry", kinds={"duckdb", "sql"})
@told
def registry(context: dg.AssetExecutionContext, store: HomeResource) -> dg.MaterializeResult[None]:
    """One row per tumor, one model for every source."""
    facts = steps.build(store.home, context.partition_key)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": facts.rows_tumor, "unmapped_codes": facts.unmapped_codes}
    )


@dg.asset(deps=[registry], partitions_def=submissions, group_name="registry", kinds={"greatexpectations"})
@told
def quality(context: dg.AssetExecutionContext, store: HomeResource) -> dg.MaterializeResult[None]:
    """The verdict of the gate; its checks stand beside this asset and block what comes after."""
    verdict = steps.judge(store.home, context.partition_key)
    page = store.home.building(context.partition_key).root / "quality" / "index.html"
    return dg.MaterializeResult(
        metadata={
            "passed": verdict.passed,
            "checks": verdict.checks,
            "blocking_failures": list(verdict.blocking_failures + verdict.errors),
            "warnings": list(verdict.warnings),
            "page": dg.MetadataValue.path(str(page)),
        }
    )


@dg.asset(deps=[quality], partitions_def=submissions, group_name="registry")
@told
def published(context: dg.AssetExecutionContext, store: HomeResource) -> dg.MaterializeResult[None]:
    """The submission in its published place, by one rename, once its gate has passed."""
    submission = publish(store.home, context.partition_key)
    return dg.MaterializeResult(metadata={"folder": dg.MetadataValue.path(str(submission.root))})


def _not_done(error: InputError | RefusedError) -> dg.MaterializeResult[None]:
    """Say why a cohort or a study has no result here, and let the others and the report go on."""
    state = error.reason_code if isinstance(error, RefusedError) else "failed"
    key = "refused" if isinstance(error, RefusedError) else "state"
    return dg.MaterializeResult(metadata={key: state, "reason": str(error)})


def cohort_asset(name: str, title: str) -> dg.AssetsDefinition:
    """Make the asset of one cohort of the catalog."""

    @dg.asset(
        key=["cohorts", name],
        deps=[published],
        partitions_def=submissions,
        group_name="cohorts",
        description=title,
    )
    @told
    def cohort(context: dg.AssetExecutionContext, store: HomeResource) -> dg.MaterializeResult[None]:
        try:
            facts = steps.run_cohort(store.home, context.partition_key, name)
        except (InputError, RefusedError) as error:
            return _not_done(error)
        return dg.MaterializeResult(metadata={"folder": dg.MetadataValue.path(str(facts.folder))})

    return cohort


def study_asset(name: str, title: str, upstream: list[list[str]]) -> dg.AssetsDefinition:
    """Make the asset of one study of the catalog."""

    @dg.asset(
        key=["studies", name],
        deps=upstream,
        partitions_def=submissions,
        group_name="studies",
        description=title,
    )
    @told
    def study(context: dg.AssetExecutionContext, store: HomeResource) -> dg.MaterializeResult[None]:
        try:
            facts = steps.run_study(store.home, context.partition_key, name)
        except (InputError, RefusedError) as error:
            return _not_done(error)
        return dg.MaterializeResult(
            metadata={
                "folder": dg.MetadataValue.path(str(facts.folder)),
                "gate": gate_words(facts.folder),
            }
        )

    return study


def upstream_of(study: StudyListing, catalog: Path) -> list[list[str]]:
    """What a study reads: its cohort, or the site's studies that stand beside published evidence."""
    if study.cohort:
        return [["cohorts", study.cohort]]
    if not study.readable:  # its run tells what is wrong
        return []
    beside = dict.fromkeys(one.study for one in load_evidence(study.id, catalog).site)
    return [["studies", name] for name in beside]


catalog = Settings().catalog_dir
cohort_assets = [cohort_asset(one.id, one.title) for one in list_cohorts(catalog)]
study_assets = [study_asset(one.id, one.title, upstream_of(one, catalog)) for one in list_studies(catalog)]


@dg.asset(
    deps=[asset.key for asset in [*cohort_assets, *study_assets]],
    partitions_def=submissions,
    group_name="report",
)
@told
def report(context: dg.AssetExecutionContext, store: HomeResource) -> dg.MaterializeResult[None]:
    """The pages of the submission and the site's index."""
    index = steps.report(store.home, context.partition_key)
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(str(index))})


@dg.asset(deps=[report], partitions_def=submissions, group_name="report", kinds={"duckdb"})
@told
def warehouse(store: HomeResource) -> dg.MaterializeResult[None]:
    """registry.duckdb, built aside from every published submission and renamed over the old one."""
    path = steps.publish_warehouse(store.home)
    return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(str(path))})


assets = [extract, registry, quality, published, *cohort_assets, *study_assets, report, warehouse]
