"""Synthetic NAACCR records: columns, levels, dates in order, recurrence, and codes that the codebook knows."""

import polars as pl
import pytest
from lxml import etree

from pipelines.codebook.naaccr_items import item_of
from pipelines.codebook.schemes import field_schemes, schemes
from pipelines.synthetic import WorldSettings, presentation_truth, write_extract

ROWS = 2_000
WORLD = WorldSettings(stage_iv_share=0.3)
PLACES = {  # 1-based first column and width, of the data dictionaries of versions 16 and 18
    "v16": {
        "length": 3_339,
        "version": (17, 3, "160"),
        "primarySite": (540, 4, r"^C50[0-689]$"),
        "laterality": (544, 1, "^[1249]$"),
        "dateOfDiagnosis": (530, 8, r"^20\d\d((0[1-9]|1[0-2])\d\d|(0[1-9]|1[0-2])  |    )$"),
        "csMetsAtDx": (996, 2, r"^(00|10|4[024]|50|60|99|  )$"),
        "vitalStatus": (2_126, 1, "^[01]$"),
        "recurrenceType1st": (2_206, 2, r"^(\d\d|  )$"),
    },
    "v18": {
        "length": 4_048,
        "version": (17, 3, "180"),
        "primarySite": (554, 4, r"^C50[0-689]$"),
        "laterality": (558, 1, "^[1249]$"),
        "dateOfDiagnosis": (544, 8, r"^20\d\d((0[1-9]|1[0-2])\d\d|(0[1-9]|1[0-2])  |    )$"),
        "csMetsAtDx": (1_309, 2, r"^(00|10|4[024]|50|60|99|  )$"),
        "vitalStatus": (2_785, 1, "^[01]$"),
        "recurrenceType1st": (2_877, 2, r"^(\d\d|  )$"),
    },
}


@pytest.fixture(scope="module", params=["v18", "v23", "v26"])
def xml(request, tmp_path_factory):
    """Version, root element, and one row of items by id for each tumour."""
    files = write_extract(WORLD, f"naaccr-xml-{request.param}", ROWS, 4, tmp_path_factory.mktemp("xml"))
    root = etree.parse(files.extracts[0]).getroot()
    rows = []
    for patient in root.findall("{*}Patient"):
        own = {item.get("naaccrId"): item.text for item in patient.findall("{*}Item")}
        for number, tumor in enumerate(patient.findall("{*}Tumor")):
            items = {item.get("naaccrId"): item.text for item in tumor.findall("{*}Item")}
            rows.append({**own, **items, "tumor": number})
    return request.param, root, pl.DataFrame(rows, infer_schema_length=None)


@pytest.mark.parametrize("version", PLACES)
def test_flat_records_have_their_items_in_the_dictionary_columns(tmp_path, version):
    files = write_extract(WORLD, f"naaccr-flat-{version}", ROWS, 4, tmp_path)
    lines = files.extracts[0].read_bytes().decode("ascii").splitlines()
    places = dict(PLACES[version])
    assert {len(line) for line in lines} == {places.pop("length")}
    assert {line[0] for line in lines} == {"I"}
    for start, width, pattern in places.values():
        values = pl.Series([line[start - 1 : start - 1 + width] for line in lines])
        assert values.str.contains(pattern).all()


def test_items_stand_at_their_level_and_none_is_empty(xml):
    version, root, _ = xml
    assert root.get("baseDictionaryUri").endswith(f"naaccr-dictionary-{version[1:]}0.xml")
    for element in root.iter("{*}Item"):
        item = item_of(element.get("naaccrId"), version)
        assert item is not None
        assert etree.QName(element.getparent()).localname == item.level
        assert element.get("naaccrNum") in (None, str(item.number))
        assert 0 < len(element.text) <= item.length


def test_some_people_have_two_tumours_with_one_last_contact(xml):
    _, root, frame = xml
    assert frame.height == ROWS
    assert frame["patientIdNumber"].n_unique() == len(root.findall("{*}Patient"))
    second = frame.filter(pl.col("tumor") == 1)
    assert 0.03 < second.height / ROWS < 0.10
    assert set(second["sequenceNumberCentral"]) == {"02"}
    assert set(second["seerCauseSpecificCod"]) == {"9"}


def test_items_come_and_go_with_the_version(xml):
    version, _, frame = xml
    assert ("sex" in frame.columns) == (version != "v26")
    assert ("sexAssignedAtBirth" in frame.columns) == (version == "v26")
    assert ("comorbidComplication1" in frame.columns) == (version != "v26")
    assert ("rxDateSurgeryFlag" in frame.columns) == (version == "v18")
    year = pl.col("dateOfDiagnosis").str.head(4).cast(pl.Int64)
    if version == "v26":
        for first, last, pattern in ((2023, 2023, r"^A\d{3}$"), (2024, 2025, r"^B\d{3}$")):
            codes = frame.filter(year.is_between(first, last))["rxSummSurgPrimSite2023"]
            assert codes.str.contains(pattern).all()
        assert (
            frame.filter(year >= 2023)["rxSummSurgPrimSite"].null_count() == frame.filter(year >= 2023).height
        )


def test_complete_dates_are_in_order_and_some_are_partial(xml):
    _, _, frame = xml
    lengths = set(frame["dateOfDiagnosis"].str.len_chars())
    assert lengths == {4, 6, 8}
    complete = frame.filter(
        (pl.col("dateOfDiagnosis").str.len_chars() == 8) & (pl.col("dateOfLastContact").str.len_chars() == 8)
    )
    for event in ("rxDateSurgery", "rxDateChemo", "rxDateRadiation", "recurrenceDate1st"):
        dated = complete.filter(pl.col(event).str.len_chars() == 8)
        assert dated.height > 50
        assert (dated["dateOfDiagnosis"] <= dated[event]).all()
        assert (dated[event] <= dated["dateOfLastContact"]).all()
    dead = frame.filter(pl.col("vitalStatus") == "0")
    assert set(frame.filter(pl.col("vitalStatus") == "1")["causeOfDeath"]) == {"0000"}
    assert set(dead["causeOfDeath"]) == {"C509", "I219", "7797"}


def test_recurrence_is_of_those_without_metastasis_at_diagnosis(xml):
    _, _, frame = xml
    kind = pl.col("recurrenceType1st")
    distant = frame.filter(
        kind.is_in(["40", "51", "52", "53", "54", "55", "56", "57", "58", "59", "60", "62"])
    )
    assert distant.height > 60
    assert distant["recurrenceDate1st"].null_count() < 0.1 * distant.height
    never = frame.filter(kind == "70")
    assert never["recurrenceDate1st"].null_count() == never.height > 300
    assert frame.filter(kind.is_in(["10", "13", "21", "22"])).height > 20
    assert frame["recurrenceType1st"].null_count() > 0


def test_every_code_is_in_the_codebook(xml):
    _, _, frame = xml
    known = schemes()
    strangers = {}
    for field, scheme in field_schemes().filter(source="naaccr").select("field", "scheme").iter_rows():
        if scheme is None or field not in frame.columns:
            continue
        seen = set(frame[field].drop_nulls().unique().to_list())
        if unknown := seen - set(known[scheme]["code"].to_list()):
            strangers[field] = sorted(unknown)
    assert strangers == {}


def test_the_truth_of_a_recurrence_is_the_setting_less_what_others_die_of():
    """Without an effect there is none to find; with one, age and other diseases thin it out."""
    none = presentation_truth(
        WorldSettings(metachronous_hr=1.0, stage_iv_share=0.3),
        format="naaccr-xml-v23",
        replicates=3,
        rows=30_000,
    )
    double = presentation_truth(
        WorldSettings(metachronous_hr=2.0, stage_iv_share=0.3),
        format="naaccr-xml-v23",
        replicates=3,
        rows=30_000,
    )
    assert 0.75 < none.hr < 1.05
    assert 1.35 < double.hr < 2.0
