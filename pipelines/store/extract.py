"""Load an extract into a submission in building: text columns as received, a quarantine, a manifest."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.formats import QUARANTINE_SCHEMA, Extract, TableReader, check_worth_reading, no_record_read
from pipelines.store.files import PARQUET_OPTIONS, aside, sha256_of
from pipelines.store.home import Home
from pipelines.store.manifest import FileFacts, Manifest
from pipelines.store.publish import check_may_load
from pipelines.store.submission import Submission


def load_extract(
    home: Home,
    submission: str,
    extract: Extract,
    *,
    archives: Mapping[Path, Path] = MappingProxyType({}),
    replace_published: bool = False,
) -> Manifest:
    """Write every record of an extract into ``.building/<submission>``; nothing is lost.

    Parameters
    ----------
    home : Home
    submission : str
    extract : Extract
        What ``pipelines.formats.open_extract`` opened.
    archives : mapping of Path to Path
        The received archive of each file that was unpacked from one.
    replace_published : bool
        Allow an id that is already published; the old one stays until the new one has passed its gate.

    Returns
    -------
    Manifest

    Raises
    ------
    InputError
        The id is taken, or nothing could be read at all. Nothing half-written stays behind.
    """
    check_may_load(home, submission, replace_published=replace_published)
    building = home.building(submission)
    with aside(building.root) as temporary:
        (temporary / "extract").mkdir(parents=True)
        facts, quarantined = [], []
        sums = {archive: sha256_of(archive) for archive in dict.fromkeys(archives.values())}
        for table in extract.tables:
            target = temporary / "extract" / f"{table.name}.parquet"
            with ThreadPoolExecutor(
                max_workers=1
            ) as hasher:  # beside the reader, so that a slow disk is read once
                digest = hasher.submit(_size_and_sha256, table) if table.digest is None else None
                kept, rejected = _write_table(table, target)
            quarantined.append(rejected)
            size, sha256 = digest.result() if digest else _size_and_sha256(table)
            received = _file_facts(table, kept, rejected.num_rows, size, sha256)
            if archive := archives.get(table.path):
                came_in = {"archive": archive.name, "archive_sha256": sums[archive]}
                received = received.model_copy(update=came_in)
            facts.append(received)
        pq.write_table(
            pa.concat_tables(quarantined),
            temporary / "quarantine.parquet",
            **PARQUET_OPTIONS,
        )
        manifest = Manifest(
            submission=submission,
            source=extract.source,
            format=extract.format,
            dialect=extract.dialect,
            release=extract.release,
            covered_years=extract.covered_years,
            site=extract.site,
            files=tuple(facts),
            companions={path.name: sha256_of(path) for path in extract.companions},
            notes=(*extract.notes, *(note for table in extract.tables for note in table.notes_after())),
            mapping=extract.mapping,
        )
        if manifest.kept == 0:
            raise no_record_read([facts.name for facts in manifest.files])
        Submission(submission, temporary).save_manifest(manifest)
    return manifest


def _write_table(table: TableReader, target: Path) -> tuple[int, pa.Table]:
    """Stream one file's batches to Parquet; return the rows kept and the table of rows set aside."""
    writer: pq.ParquetWriter | None = None
    rejected = [pa.Table.from_batches([], QUARANTINE_SCHEMA)]
    kept = set_aside = 0
    try:
        for batch in table.batches():
            if writer is None:
                writer = pq.ParquetWriter(target, batch.kept.schema, **PARQUET_OPTIONS)
            writer.write_table(batch.kept)
            kept += batch.kept.num_rows
            if batch.quarantined.num_rows:
                rejected.append(batch.quarantined.cast(QUARANTINE_SCHEMA))
                set_aside += batch.quarantined.num_rows
                check_worth_reading(kept, set_aside, table.source_file)
    finally:
        if writer is not None:
            writer.close()
    return kept, pa.concat_tables(rejected)


def _size_and_sha256(table: TableReader) -> tuple[int, str]:
    """Of the file, or of the rows of a database table, which only a finished pass has."""
    if table.digest is not None:
        return table.digest.bytes, table.digest.sha256
    return table.path.stat().st_size, sha256_of(table.path)


def _file_facts(table: TableReader, kept: int, quarantined: int, size: int, sha256: str) -> FileFacts:
    return FileFacts(
        name=table.source_file,
        table=table.name,
        bytes=size,
        sha256=sha256,
        records_read=kept + quarantined,
        kept=kept,
        quarantined=quarantined,
    )
