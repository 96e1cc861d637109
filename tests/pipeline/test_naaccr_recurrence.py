"""From a NAACCR file to the cohort of de novo and metachronous disease: what SEER and the NCDB cannot tell."""

from pathlib import Path

import polars as pl
import pytest

from pipelines import registry
from pipelines.cohorts import materialise, read_attrition
from pipelines.errors import RefusedError
from pipelines.formats import open_extract
from pipelines.settings import Settings
from pipelines.store import Home, Submission, Verdict, load_extract

CATALOG = Settings().catalog_dir
COHORT = "metastatic_de_novo_vs_metachronous"
EVERYBODY = {"sequenceNumberCentral": "00", "primarySite": "C504", "behaviorCodeIcdO3": "3"}
EVERYBODY |= {"histologicTypeIcdO3": "8500", "ageAtDiagnosis": "055", "typeOfReportingSource": "1"}
EARLY = {"derivedAjcc7StageGrp": "320", "dateOfDiagnosis": "20100115"}
WOMEN: dict[str, dict[str, str]] = {
    "Ann, metastatic at diagnosis and never disease-free": {
        "derivedAjcc7StageGrp": "700",
        "dateOfDiagnosis": "20120310",
        "recurrenceType1st": "70",
        "dateOfLastContact": "20140310",
    },
    "Bea, bone metastasis two years later": {
        **EARLY,
        "recurrenceType1st": "55",
        "recurrenceDate1st": "20120115",
        "dateOfLastContact": "20130115",
    },
    "Cleo, the same, and the day of the recurrence is not known": {
        **EARLY,
        "recurrenceType1st": "54",
        "recurrenceDate1st": "201207",
        "dateOfLastContact": "20130715",
    },
    "Dora, a distant recurrence of which only the year is known": {
        **EARLY,
        "recurrenceType1st": "52",
        "recurrenceDate1st": "2012",
        "dateOfLastContact": "20130715",
    },
    "Eva, a recurrence in the breast": {
        **EARLY,
        "recurrenceType1st": "13",
        "recurrenceDate1st": "20111215",
        "dateOfLastContact": "20130715",
    },
    "Fay, never a recurrence": {**EARLY, "recurrenceType1st": "00", "dateOfLastContact": "20200115"},
}


def xml(women: dict[str, dict[str, str]]) -> str:
    """The women as one NAACCR XML file of version 18, one patient each."""
    patients = "".join(
        f'<Patient><Item naaccrId="patientIdNumber">{number:08}</Item><Item naaccrId="sex">2</Item>'
        f'<Item naaccrId="vitalStatus">{"1" if "Fay" in name else "0"}</Item>'
        f'<Item naaccrId="dateOfLastContact">{items["dateOfLastContact"]}</Item><Tumor>'
        + "".join(
            f'<Item naaccrId="{item}">{value}</Item>'
            for item, value in (EVERYBODY | items).items()
            if item != "dateOfLastContact"
        )
        + "</Tumor></Patient>"
        for number, (name, items) in enumerate(women.items(), start=1)
    )
    return (
        '<?xml version="1.0"?><NaaccrData baseDictionaryUri="http://naaccr.org/naaccrxml/naaccr-dictionary-180.xml"'
        ' recordType="I" specificationVersion="1.4" xmlns="http://naaccr.org/naaccrxml">'
        f'<Item naaccrId="registryId">0000001544</Item>{patients}</NaaccrData>'
    )


def passed(folder: Path, women: dict[str, dict[str, str]]) -> Submission:
    """Their file, loaded and built; the gate is not the subject here."""
    path = folder / "breast.xml"
    path.write_text(xml(women), encoding="utf-8")
    load_extract(Home(folder), "toy", open_extract([path]))
    sub = Home(folder).building("toy")
    registry.build(sub)
    sub.save_manifest(sub.manifest.model_copy(update={"verdict": Verdict(passed=True, checks=1)}))
    return sub


def test_metachronous_women_stand_beside_the_de_novo(tmp_path: Path) -> None:
    sub = passed(tmp_path, WOMEN)
    tumor = pl.read_parquet(sub.registry_table("tumor")).sort("source_record")
    assert tumor["disease_presentation"].to_list() == [
        "de_novo",
        "metachronous",
        "metachronous",
        "undetermined",
        "undetermined_after_locoregional",
        "not_metastatic",
    ]
    assert tumor["disease_free_interval_months"].round(2).to_list() == [None, 23.98, 30, None, None, None]
    materialise(sub, COHORT, CATALOG)
    members = pl.read_parquet(sub.root / "cohorts" / COHORT / "members.parquet").sort("source_record")
    assert members.select("source_record", "arm").rows() == [
        (1, "de novo"),
        (2, "metachronous"),
        (3, "metachronous"),
    ]


def test_her_clock_starts_at_the_recurrence(tmp_path: Path) -> None:
    """Bea died a year after her metastasis, not three years after a diagnosis of metastatic disease."""
    sub = passed(tmp_path, WOMEN)
    bea = pl.read_parquet(sub.registry_table("tumor")).sort("source_record").row(1, named=True)
    assert round(bea["survival_months"], 2) == 36.01
    assert round(bea["survival_from_metastasis_months"], 2) == 12.02
    assert bea["entry_from_metastasis_months"] == 0


def test_attrition_counts_who_cannot_be_told(tmp_path: Path) -> None:
    sub = passed(tmp_path, WOMEN)
    facts = materialise(sub, COHORT, CATALOG)
    excluded = {row["rule_id"]: row["n_excluded"] for row in read_attrition(facts.folder, min_cell=0)}
    assert excluded["distant_metastasis"] == 1
    assert excluded["presentation_determined"] == 2


def test_a_registry_that_does_not_follow_recurrence_is_refused(tmp_path: Path) -> None:
    """The item is in every layout. Empty everywhere, it would give a cohort without a metachronous arm."""
    silent = {
        name: {item: value for item, value in items.items() if not item.startswith("recurrence")}
        for name, items in WOMEN.items()
    }
    sub = passed(tmp_path, silent)
    with pytest.raises(
        RefusedError, match="No row of this extract says whether the cancer came back"
    ) as error:
        materialise(sub, COHORT, CATALOG)
    assert error.value.reason_code == "not_released"
