"""Stage migration, from the registry's bytes on: found out at the operation, and not known to the clinical stage."""

from pathlib import Path

import polars as pl
import pytest

from pipelines import steps
from pipelines.errors import InputError
from pipelines.store import Home
from pipelines.synthetic import WorldSettings, canonical_table, write_extract

MIGRATING = WorldSettings(stage_iv_share=0.3, stage_migration=0.5, immortal_time=True)
STAGING = (
    "stage_group",
    "stage_iv",
    "stage_iv_clinical",
    "stage_iv_any_evidence",
    "stage_iv_conflict",
    "clinical_m",
    "pathologic_m",
    "evidence_clinical_stage",
    "evidence_pathologic_stage",
    "metastatic_pattern",
)


def built(folder: Path, form: str, settings: WorldSettings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tumor table and truth of an extract, in the order of its records."""
    files = write_extract(settings, form, 1_500, 11, folder / "sent")
    home = Home(folder / "home")
    steps.load(home, files.extracts, "here")
    steps.build(home, "here")
    tumor = pl.read_parquet(home.building("here").registry_table("tumor")).sort("source_record")
    return tumor, pl.read_parquet(files.truth).sort("source_record")


@pytest.mark.parametrize("form", ["ncdb-2016", "ncdb-2022"])
def test_a_migrated_woman_is_stage_iv_by_her_group_and_not_by_her_clinical_stage(
    form: str, tmp_path: Path
) -> None:
    tumor, truth = built(tmp_path, form, MIGRATING)
    migrated = tumor.filter(truth["upstaged"])
    assert migrated.height > 20
    assert migrated["stage_iv"].all()
    assert not migrated["stage_iv_clinical"].any()
    assert migrated["operated"].drop_nulls().all()
    expected = canonical_table(MIGRATING, form, 1_500, 11)
    for column in STAGING:
        assert tumor[column].eq_missing(expected[column]).all(), column


def test_seer_has_no_clinical_stage_to_tell_migration_by(tmp_path: Path) -> None:
    tumor, truth = built(tmp_path, "seerstat-nov2022", MIGRATING.model_copy(update={"years": (2010, 2015)}))
    migrated = tumor.filter(truth["upstaged"])
    assert migrated["stage_iv"].all()
    assert migrated["stage_iv_clinical"].null_count() == migrated.height > 20


def test_without_the_switch_nobody_migrates(tmp_path: Path) -> None:
    still = MIGRATING.model_copy(update={"stage_migration": 0.0})
    files = write_extract(still, "ncdb-2016", 300, 11, tmp_path)
    assert not pl.read_parquet(files.truth)["upstaged"].any()


def test_naaccr_formats_refuse_the_switch(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NCDB and SEER formats alone"):
        write_extract(MIGRATING, "naaccr-xml-v23", 10, 1, tmp_path)
