"""Where a submission lives: manifest, Parquet per step, writes aside then renamed, the published warehouse."""

from pipelines.store.extract import load_extract
from pipelines.store.files import sha256_of, write_parquet, write_text
from pipelines.store.home import Home, check_submission_id
from pipelines.store.manifest import FileFacts, Manifest, SideTableFacts, Verdict
from pipelines.store.publish import check_may_load, publish
from pipelines.store.sealed import sealed_duckdb
from pipelines.store.submission import Submission
from pipelines.store.warehouse import build_warehouse

__all__ = [
    "FileFacts",
    "Home",
    "Manifest",
    "SideTableFacts",
    "Submission",
    "Verdict",
    "build_warehouse",
    "check_may_load",
    "check_submission_id",
    "load_extract",
    "publish",
    "sealed_duckdb",
    "sha256_of",
    "write_parquet",
    "write_text",
]
