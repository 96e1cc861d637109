"""The item table of the NAACCR standard: versions, record types, columns, and ids old and new."""

import csv

import pytest

from pipelines.codebook.naaccr_items import (
    FLAT_VERSIONS,
    ITEMS_TABLE,
    RECORD_TYPES,
    VERSIONS,
    XML_VERSIONS,
    flat_layout,
    item_of,
    items,
    record_length,
    version_of,
    versions_of,
)
from pipelines.errors import InputError


@pytest.mark.parametrize(
    ("version", "number_of_items"),
    tuple(zip(XML_VERSIONS, (527, 534, 564, 772, 798, 810, 782, 783, 780, 771), strict=True)),
)
def test_a_full_abstract_has_as_many_items_as_the_base_dictionary_of_the_version(version, number_of_items):
    assert len(items(version, "A")) == number_of_items


def test_items_come_in_item_number_order_and_each_id_names_one():
    for version in VERSIONS:
        for record_type in RECORD_TYPES:
            found = items(version, record_type)
            assert [item.number for item in found] == sorted({item.number for item in found})
            assert len({item.id for item in found}) == len(found)


def test_no_id_old_or_new_belongs_to_two_items():
    with ITEMS_TABLE.open(encoding="utf-8", newline="") as stream:
        ids = [name for row in csv.DictReader(stream) for name in (row["id"], *row["other_ids"].split())]
    assert len(ids) == len(set(ids))


def test_first_and_last_version_are_those_whose_length_is_given():
    with ITEMS_TABLE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            there = [version for version in VERSIONS if row[f"length_{version}"]]
            assert (row["first_version"], row["last_version"]) == (there[0], there[-1])


@pytest.mark.parametrize("version", FLAT_VERSIONS)
@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_the_columns_of_a_flat_record_end_where_the_record_ends(version, record_type):
    layout = flat_layout(version, record_type)
    assert layout.length == record_length(version, record_type)
    named = [field.name for field in layout.fields if not field.name.startswith("columns_")]
    assert sorted(named) == sorted(item.id for item in items(version, record_type))


@pytest.mark.parametrize(
    ("version", "item", "start", "length"),
    [
        ("v12", "primarySite", 540, 4),
        ("v16", "primarySite", 540, 4),
        ("v18", "primarySite", 554, 4),
        ("v16", "tnmClinStageGroup", 970, 4),
        ("v18", "tnmClinStageGroup", 1077, 4),
        ("v18", "laterality", 558, 1),
        ("v15", "tnmPathStagedBy", 957, 1),
        ("v16", "tnmPathStagedBy", 834, 2),
    ],
)
def test_an_item_stands_where_its_version_has_it(version, item, start, length):
    field = flat_layout(version, "I").by_name[item]
    assert (field.start, field.width) == (start, length)


@pytest.mark.parametrize(
    ("old", "number", "newest"),
    [
        ("progesteroneReceptorSummary", 3915, "progesteroneRecepSummary"),
        ("oncotypeDxRecurrenceScoreInvasive", 3904, "oncotypeDxRecurrenceScoreInvasiv"),
        ("seerMets", 776, "eodMets"),
        ("directlyAssignedSs2017", 764, "summaryStage2018"),
    ],
)
def test_an_old_id_and_the_number_lead_to_the_newest_id(old, number, newest):
    by_old, by_number = item_of(old, "v18"), item_of(number, "v18")
    assert by_old is not None
    assert by_old == by_number
    assert by_old.id == newest


def test_sex_ends_with_version_25_and_sex_assigned_at_birth_begins_with_26():
    assert versions_of("sex")[-1] == "v25"
    assert versions_of("sexAssignedAtBirth") == ("v26",)
    assert item_of("sex", "v26") is None
    assert versions_of("noSuchItem") == ()


def test_an_item_that_moved_to_the_patient_is_a_tumor_item_before():
    levels = {version: item_of("followUpSourceCentral", version).level for version in XML_VERSIONS}
    assert {version for version, level in levels.items() if level == "Patient"} == {"v24", "v25", "v26"}


def test_an_item_that_changed_its_level_says_where_else_it_stood():
    assert (item_of(1791, "v23").level, item_of(1791, "v23").other_levels) == ("Tumor", ("Patient",))
    assert (item_of(1791, "v24").level, item_of(1791, "v24").other_levels) == ("Patient", ("Tumor",))
    assert item_of("dateOfLastCancerStatus", "v18").other_levels == ("Patient",)
    assert item_of("ncdbSarsCov2Test", "v21").other_levels == ("Tumor",)
    assert item_of("primarySite", "v21").other_levels == ()


def test_pathology_reports_are_confidential_items_until_version_16():
    confidential = {version: {item.id for item in items(version, "C")} for version in ("v16", "v18")}
    assert "pathReportNumber1" in confidential["v16"]
    assert "pathReportNumber1" not in confidential["v18"]


def test_long_texts_are_without_limit_until_version_22():
    assert item_of("textRemarks", "v22").unlimited
    assert not item_of("textRemarks", "v23").unlimited
    assert item_of("textRemarks", "v23").length == 4000


def test_a_code_in_a_record_names_its_version():
    codes = {"120": "v12", "121": "v12", "122": "v12", "180": "v18", "260": "v26"}
    assert {code: version_of(code) for code in codes} == codes
    assert [version_of(code) for code in ("170", "181", "270", "18", "", "1 0", "²60")] == [None] * 7


@pytest.mark.parametrize(
    "ask",
    [
        lambda: items("v17", "I"),
        lambda: items("v18", "U"),
        lambda: record_length("v21", "I"),
        lambda: record_length("v18", "X"),
    ],
)
def test_asking_for_what_the_standard_does_not_have_is_an_error_that_says_what_it_has(ask):
    with pytest.raises(InputError, match="Known: "):
        ask()
