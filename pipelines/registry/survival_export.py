"""Published survival: the rows of SEER*Stat survival exports as numbers, in ``registry/published_survival.parquet``.

These submissions hold no patients.
"""

import polars as pl

from pipelines.codebook.survival_export import SurvivalExport
from pipelines.errors import InputError
from pipelines.registry.published_survival import published_survival, published_survival_schema
from pipelines.store import Manifest, Submission, write_parquet

UNLABELLED = "labels of the export dictionary"


def build_published_survival(sub: Submission) -> tuple[int, int]:
    """Write ``registry/{published_survival,unmapped_codes}.parquet``.

    Parameters
    ----------
    sub : Submission
        A loaded one of dialect ``seer_survival``.

    Returns
    -------
    int
        Rows.
    int
        Distinct codes, by column, that the export dictionary has no label for.

    Raises
    ------
    InputError
        There is no extract, or its dictionary is not in the manifest.
    """
    manifest = sub.manifest
    received = [pl.read_parquet(path) for path in sub.extract_files()]
    if not received:
        raise InputError("The submission has no extract", remedy="Load one with `cohorts load`.")
    exports = [_export_of(frame, manifest) for frame in received]
    tables = [published_survival(*each) for each in zip(received, exports, strict=True)]
    told = {"submission": sub.id, "source": manifest.source, "release": manifest.release}
    table = (
        pl.concat(tables)
        .with_columns(pl.lit(value).alias(name) for name, value in told.items())
        .select(published_survival_schema().names())
        .sort("source_file", "source_record")
    )
    unlabelled = pl.concat([_unlabelled(*each) for each in zip(received, exports, strict=True)])
    # A verdict speaks of the tables it judged: it does not outlive them.
    sub.save_manifest(manifest.model_copy(update={"verdict": None}))
    with sub.write_dir("registry") as folder:
        write_parquet(table, folder / "published_survival.parquet")
        write_parquet(unlabelled.sort("field", "scheme", "code"), folder / "unmapped_codes.parquet")
    return table.height, unlabelled.height


def _export_of(frame: pl.DataFrame, manifest: Manifest) -> SurvivalExport:
    name = frame["source_file"][0] if frame.height else ""
    said = (manifest.mapping or {}).get(name)
    if said is None:
        raise InputError(
            "The manifest does not hold the export dictionary of this file",
            where=name,
            remedy="Load the export again with `--replace`.",
        )
    return SurvivalExport.model_validate(said)


def _unlabelled(frame: pl.DataFrame, export: SurvivalExport) -> pl.DataFrame:
    """Count every code of a coded column that its dictionary has no label for."""
    counted = []
    for name, labels in export.labels.items():
        if name not in frame.columns:
            continue
        known = {*labels, *(label.strip() for label in labels.values())}
        counted.append(
            frame.select(code=pl.col(name).str.strip_chars())
            .filter(pl.col("code").is_not_null() & ~pl.col("code").is_in(sorted(known)))
            .group_by("code")
            .len("n")
            .select(
                field=pl.lit(name),
                scheme=pl.lit(UNLABELLED),
                code=pl.col("code"),
                n=pl.col("n").cast(pl.Int64),
            )
        )
    types = {"field": pl.String, "scheme": pl.String, "code": pl.String, "n": pl.Int64}
    return pl.concat([pl.DataFrame(schema=types), *counted])
