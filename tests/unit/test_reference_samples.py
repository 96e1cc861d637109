"""Every public sample of a registry's file is known for what it is, and read or refused as its name says.

The samples lie beside the checkout, where there is a copy; the readers' own tests need none of them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from pipelines.errors import InputError
from pipelines.formats import open_extract, recognise, unpacked
from pipelines.steps import examine

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the reference samples are not on this machine")

NO_TUMOR = "patient without a tumor"


@dataclass(frozen=True)
class Reads:
    """A file that is read: rows kept, and reasons of those set aside."""

    format: str
    release: str
    kept: int
    aside: tuple[str, ...] = ()
    beside: str | None = None


@dataclass(frozen=True)
class Describes:
    """A file that describes data and holds none."""

    words: str


@dataclass(frozen=True)
class Refused:
    """A file that is not read; why, in the words that a user sees."""

    words: str
    beside: str | None = None


@dataclass(frozen=True)
class NeedsMapping:
    """A table of no registry."""

    columns: int


Verdict = Reads | Describes | Refused | NeedsMapping


def xml(release: str, kept: int = 1, *aside: str) -> Reads:
    return Reads("naaccr_xml", release, kept, aside)


def survival_head(release: str, stem: str) -> Reads:
    return Reads("seerstat_survival", release, 5, beside=f"seerstat_dic/survival_{stem}.dic")


FLAT, XML, VALIDITY, DIC = "naaccr_flat", "naaccr_xml", "naaccr_xml/validity", "seerstat_dic"
TABLE: dict[str, Verdict] = {
    "SOURCES.csv": NeedsMapping(8),
    # NAACCR, fixed width
    f"{FLAT}/imsweb_fake-naaccr14inc-2-rec.txt": Reads("naaccr_flat", "v14", 2),
    f"{FLAT}/imsweb_synthetic-data_naaccr-180-incidence_10-records.txt": Reads("naaccr_flat", "v18", 10),
    f"{FLAT}/kumc_naaccr-xml-sample-v180-incidence-100.head10.txt": Reads("naaccr_flat", "v18", 10),
    f"{FLAT}/werthpadoh_synthetic-naaccr-18-incidence.txt": Reads("naaccr_flat", "v18", 20),
    # NAACCR XML
    f"{XML}/imsweb_synthetic-data_naaccr-180-incidence_10-tumors.xml": xml("v18", 10),
    f"{XML}/werthpadoh_synthetic-naaccr-18-incidence.xml": xml("v18", 20),
    **{
        f"{XML}/naaccr-xml-sample-v{version}0-{kind}-10.xml.gz": xml(f"v{version}", 10)
        for version in (18, 21, 22, 23, 24)
        for kind in ("abstract", "incidence")
    },
    f"{XML}/naaccr_data_1.8.xsd": Refused("XML"),
    # Named valid: nothing that is valid is lost
    f"{VALIDITY}/valid_namespace-with-prefix-1.xml": xml("v24"),
    f"{VALIDITY}/valid_standard-file-1.xml": xml("v24", 1, NO_TUMOR),
    f"{VALIDITY}/valid_standard-file-2.xml": xml("v24"),
    f"{VALIDITY}/valid_standard-file-3.xml": xml("v24", 0, NO_TUMOR),
    f"{VALIDITY}/valid_standard-file-4.xml": xml("v24", 0),
    f"{VALIDITY}/valid_standard-file-5.xml": xml("v24", 0),
    f"{VALIDITY}/valid_user-attributes-1.xml": xml("v24"),
    # Named invalid: refused as a whole, or the one record at fault is set aside; nothing of it is kept
    f"{VALIDITY}/invalid_bad-attribute-2.xml": Refused("an attribute, which the standard does not allow"),
    f"{VALIDITY}/invalid_bad-tag-2.xml": Refused("An element stands where NAACCR XML does not have it"),
    f"{VALIDITY}/invalid_bad-tag-4.xml": Refused("An element stands where NAACCR XML does not have it"),
    f"{VALIDITY}/invalid_unbalanced-tags-2.xml": Refused("no well-formed XML"),
    f"{VALIDITY}/invalid_user-attribute-missing-namespace-2.xml": Refused("no well-formed XML"),
    f"{VALIDITY}/invalid_bad-data-item-2.xml": xml(
        "v24", 0, "item primarySite belongs to Tumor and stands in Patient"
    ),
    f"{VALIDITY}/invalid_bad-data-item-4.xml": xml(
        "v14", 0, "item countyAtDxGeocode2010 is none of v14, record type A"
    ),
    f"{VALIDITY}/invalid_bad-naaccr-item-number.xml": xml(
        "v24", 0, "item patientIdNumber has the number of another item"
    ),
    # Encodings, and what other readers were tested with
    **{
        f"{VALIDITY}/test_{encoding}.xml": xml("v21")
        for encoding in ("ASCII", "ASCII_with_control_chars", "Cp1252", "UTF-8", "UTF-8_with_bom")
    },
    f"{VALIDITY}/xml-reader-bad-time-generated.xml": xml("v21"),
    f"{VALIDITY}/xml-reader-duplicate-items.xml": xml(
        "v16", 0, "item primarySite is there twice with different values"
    ),
    f"{VALIDITY}/xml-reader-one-patient-no-tumor.xml": xml("v16", 0, NO_TUMOR),
    f"{VALIDITY}/xml-reader-one-patient-two-tumors.xml": xml("v16", 2),
    f"{VALIDITY}/xml-reader-options-too-long.xml": xml("v16", 0, NO_TUMOR),
    # SEER in ASCII: digits drawn at random under the right length are no patients
    "seer_ascii/INCIDENCES.random.head20.txt": Refused(
        "SEER research data in ASCII of a submission that its content does not tell"
    ),
    "seer_ascii/CASES.random.head20.csv": NeedsMapping(2),
    # SEER*Stat dictionaries
    f"{DIC}/caselisting_nov2016_custom18regs.dic": Describes(
        "Case Listing session with 26 variables (nov2016)"
    ),
    f"{DIC}/caselisting_nov2022_17regs.dic": Describes("Case Listing session with 28 variables (nov2022)"),
    f"{DIC}/caselisting_nov2022_17regs_session_meta.dic": Describes("with 29 variables (nov2022)"),
    f"{DIC}/survival_75surv_jpsurv_example_CTPR.dic": Describes(
        "survival session (Relative Survival, nov2018)"
    ),
    f"{DIC}/survival_Breast_RelativeSurvival.dic": Describes("(Relative Survival, nov2013)"),
    f"{DIC}/survival_Rocky.dic": Describes("(Relative Survival, nov2017)"),
    f"{DIC}/survival_SEER9_Survival_6CancerSitesByStage_1975_2007.dic": Describes("nov2010"),
    f"{DIC}/survival_Tutorial_JPSURV.dic": Describes("(Relative Survival, nov2019)"),
    f"{DIC}/survival_Tutorial_JPSurv_01242022.dic": Describes("(Relative Survival, nov2020)"),
    f"{DIC}/survival_groupdata_example_seer.dic": Describes("(Cause-Specific Survival, nov2016)"),
    "seerstat_survival/SEER9_Survival_6CancerSitesByStage_1975_2007.dic": Describes("nov2010"),
    "seerstat_survival/Tutorial_JPSurv_01242022.dic": Describes("nov2020"),
    "seerstat_survival/breast.example.dic": Describes("no submission named"),
    # SEER*Stat exports: survival is read as what was published, frequencies are refused
    "seerstat_survival/SEER9_Survival_6CancerSitesByStage_1975_2007.txt": Reads(
        "seerstat_survival", "nov2010", 17175
    ),
    "seerstat_survival/Tutorial_JPSurv_01242022.txt": Reads("seerstat_survival", "nov2020", 788),
    **{
        f"{DIC}/survival_{stem}.head5.txt": survival_head(release, stem)
        for stem, release in {
            "75surv_jpsurv_example_CTPR": "nov2018",
            "Rocky": "nov2017",
            "SEER9_Survival_6CancerSitesByStage_1975_2007": "nov2010",
            "Tutorial_JPSURV": "nov2019",
            "Tutorial_JPSurv_01242022": "nov2020",
            "groupdata_example_seer": "nov2016",
        }.items()
    },
    f"{DIC}/frequency_2018cancer.head5.txt": Refused("rows of a frequency or rate session"),
    f"{DIC}/frequency_2018cancer.generated.sas": Refused("a program for SAS, SPSS or Stata and no data"),
    # Case listings: several submissions have these columns; made-up rows in the quoting of real exports are read
    "seerstat_headers/archerrish_export.header.csv": Refused("There is no export dictionary"),
    "seerstat_headers/mswinds_export.header.csv": Refused("There is no export dictionary"),
    "seerstat_synthetic/SYNTHETIC_archerrish_quoting_all.csv": Reads(
        "seerstat_case_listing", "nov2016", 20, beside=f"{DIC}/caselisting_nov2016_custom18regs.dic"
    ),
    "seerstat_synthetic/SYNTHETIC_mswinds_quoting_mixed.csv": Reads(
        "seerstat_case_listing", "nov2022", 20, beside=f"{DIC}/caselisting_nov2022_17regs.dic"
    ),
}


def test_every_sample_has_a_verdict() -> None:
    found = {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file()}
    assert found == set(TABLE)


@contextmanager
def arrived(name: str, tmp_path: Path) -> Iterator[Path]:
    with unpacked([SAMPLES / name], tmp_path) as files:
        (path,) = files.paths
        yield path


def read(paths: list[Path]) -> tuple[int, list[str], tuple[str, str]]:
    extract = open_extract(paths)
    kept, aside = 0, []
    for table in extract.tables:
        for batch in table.batches():
            kept += batch.kept.num_rows
            aside += batch.quarantined["reason"].to_pylist()
    return kept, aside, (extract.format, extract.release)


def entities(path: Path) -> int:
    """Tumors, and patients without one, counted apart from the reader."""
    tree = etree.parse(path, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    patients = [node for node in tree.getroot() if isinstance(node.tag, str) and node.tag.endswith("Patient")]
    return sum(max(sum(str(child.tag).endswith("Tumor") for child in node), 1) for node in patients)


@pytest.mark.parametrize("name", [name for name, verdict in TABLE.items() if isinstance(verdict, Reads)])
def test_what_is_sound_is_read(name: str, tmp_path: Path) -> None:
    verdict = TABLE[name]
    assert isinstance(verdict, Reads)
    with arrived(name, tmp_path) as path:
        beside = [] if verdict.beside is None else [SAMPLES / verdict.beside]
        if not beside:
            found = recognise(path)
            assert (found.format, found.release) == (verdict.format, verdict.release)
            assert found.error is None
        kept, aside, of = read([path, *beside])
        assert of == (verdict.format, verdict.release)
        assert kept == verdict.kept
        assert Counter(aside) == Counter(verdict.aside)
        if verdict.format == "naaccr_xml":
            assert kept + len(aside) == entities(path)
        else:
            lines = path.read_bytes().count(b"\n") + (not path.read_bytes().endswith(b"\n"))
            assert kept + len(aside) == lines - (verdict.format == "seerstat_case_listing")


@pytest.mark.parametrize("name", [name for name, verdict in TABLE.items() if isinstance(verdict, Describes)])
def test_what_describes_data_is_a_companion(name: str) -> None:
    verdict = TABLE[name]
    assert isinstance(verdict, Describes)
    found = recognise(SAMPLES / name)
    assert found.companion
    assert found.error is None
    assert verdict.words in found.explanation
    with pytest.raises(InputError, match="only what describes one"):
        open_extract([SAMPLES / name])


@pytest.mark.parametrize("name", [name for name, verdict in TABLE.items() if isinstance(verdict, Refused)])
def test_what_is_not_sound_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    verdict = TABLE[name]
    assert isinstance(verdict, Refused)
    beside = [] if verdict.beside is None else [SAMPLES / verdict.beside]
    with arrived(name, tmp_path) as path, pytest.raises(InputError) as error:
        read([path, *beside])
    assert verdict.words in str(error.value)
    assert error.value.where
    assert error.value.remedy


@pytest.mark.parametrize(
    "name", [name for name, verdict in TABLE.items() if isinstance(verdict, NeedsMapping)]
)
def test_a_table_of_no_registry_asks_for_a_mapping(name: str) -> None:
    verdict = TABLE[name]
    assert isinstance(verdict, NeedsMapping)
    found = recognise(SAMPLES / name)
    assert (found.format, found.columns) == ("mapped", verdict.columns)
    with pytest.raises(InputError, match="--mapping"):
        open_extract([SAMPLES / name])


def test_doctor_says_of_every_sample_what_it_is() -> None:
    """`cohorts doctor` on the folder prints this: one paragraph a file, whatever it is."""
    said = {entry["path"].split(" > ")[0]: entry["explanation"] for entry in examine([SAMPLES])}
    assert set(said) == {str(SAMPLES / name) for name in TABLE}
    assert all(len(words) > 30 and "\n" not in words for words in said.values())


@pytest.mark.parametrize("name", [name for name in TABLE if Path(name).name.startswith(("valid", "invalid"))])
def test_the_name_says_what_becomes_of_it(name: str, tmp_path: Path) -> None:
    """Nothing of an invalid file is kept; of a valid one every tumor is."""
    with arrived(name, tmp_path) as path:
        try:
            kept, aside, _ = read([path])
        except InputError:
            kept, aside = 0, ["refused"]
        if Path(name).name.startswith("invalid"):
            assert kept == 0
            assert aside
        else:
            assert set(aside) <= {NO_TUMOR}
            assert kept == entities(path) - len(aside)
