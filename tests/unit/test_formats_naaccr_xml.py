"""NAACCR XML: what a file is, what each tumor's row holds, what is set aside and what is refused."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.codebook.naaccr_items import RECORD_TYPES, XML_VERSIONS, items
from pipelines.errors import InputError
from pipelines.formats import open_extract, recognise
from pipelines.formats.naaccr.columns import dictionary_of
from pipelines.formats.naaccr.dictionary import read_dictionary
from pipelines.formats.naaccr.xml import open_naaccr_xml
from pipelines.formats.naaccr.xml_records import read_records
from pipelines.formats.naaccr.xml_root import read_root
from pipelines.formats.types import Options
from tests.unit.formats_files import write_lines
from tests.unit.naaccr_files import (
    NAMESPACE,
    flat_lines,
    one_tumor,
    user_dictionary,
    write_xml,
    xml_patients,
    xml_text,
)

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "samples"
PRIMARY_SITE = '<Item naaccrId="primarySite">C504</Item>'


def tables_of(path: Path, *others: Path, layout: object = None) -> tuple[pa.Table, pa.Table]:
    extract = open_extract([path, *others], layout=layout)
    batches = list(extract.tables[0].batches())
    kept = pa.concat_tables(batch.kept for batch in batches)
    assert tuple(kept.column_names[:-2]) == extract.tables[0].columns
    return kept, pa.concat_tables(batch.quarantined for batch in batches)


def rows_of(path: Path, *others: Path) -> list[dict]:
    return tables_of(path, *others)[0].to_pylist()


def reasons_of(path: Path, *others: Path) -> dict[int, str]:
    _, bad = tables_of(path, *others)
    return dict(zip(bad["source_record"].to_pylist(), bad["reason"].to_pylist(), strict=True))


def notes_of(path: Path, *others: Path) -> str:
    return " ".join(open_extract([path, *others]).notes)


def beside(row: dict) -> dict:
    return json.loads(row["items_not_in_dictionary"] or "{}")


# What a file is.


@pytest.mark.parametrize("version", XML_VERSIONS)
@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_every_version_and_record_type_tells_itself(tmp_path, version, record_type):
    path = write_xml(tmp_path, xml_text(xml_patients(version, record_type), version, record_type))
    found = recognise(path)
    assert (found.format, found.source, found.release, found.records) == ("naaccr_xml", "naaccr", version, 3)
    assert f"record type {record_type}" in found.explanation
    assert "2 patients, 3 records" in found.explanation
    extract = open_extract([path])
    assert (extract.format, extract.dialect, extract.release) == ("naaccr_xml", "naaccr", version)
    kept, bad = tables_of(path)
    assert bad.num_rows == 0
    expected = [item.id for item in items(version, record_type)]
    assert kept.column_names == [*expected, "items_not_in_dictionary", "source_file", "source_record"]
    assert kept["naaccrRecordVersion"].to_pylist() == [f"{version[1:]}0"] * 3
    assert kept["recordType"].to_pylist() == [record_type] * 3


@pytest.mark.parametrize("version", ["v14", "v15", "v16", "v18"])
@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_flat_and_xml_of_the_same_records_give_the_same_table(tmp_path, version, record_type):
    flat = write_lines(tmp_path / "cases.dat", flat_lines(version, record_type))
    xml = write_xml(tmp_path, xml_text(xml_patients(version, record_type), version, record_type))
    one, two = tables_of(flat)[0], tables_of(xml)[0]
    assert one.schema == two.schema
    assert one.drop(["source_file"]).to_pylist() == two.drop(["source_file"]).to_pylist()


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the reference samples are not on this machine")
@pytest.mark.parametrize(
    ("flat", "xml"),
    [
        ("werthpadoh_synthetic-naaccr-18-incidence.txt", "werthpadoh_synthetic-naaccr-18-incidence.xml"),
        (
            "imsweb_synthetic-data_naaccr-180-incidence_10-records.txt",
            "imsweb_synthetic-data_naaccr-180-incidence_10-tumors.xml",
        ),
    ],
)
def test_flat_and_xml_samples_of_others_give_the_same_table(flat, xml):
    one, two = tables_of(SAMPLES / "naaccr_flat" / flat)[0], tables_of(SAMPLES / "naaccr_xml" / xml)[0]
    assert one.schema == two.schema
    assert one.drop(["source_file"]).to_pylist() == two.drop(["source_file"]).to_pylist()


def test_root_and_patient_items_are_repeated_on_each_tumor_of_a_patient(tmp_path):
    rows = rows_of(write_xml(tmp_path, xml_text(xml_patients("v24", "I"))))
    assert [row["registryId"] for row in rows] == ["0000000042"] * 3
    assert [row["patientIdNumber"] for row in rows] == ["00000001", "00000001", "00000002"]
    assert [row["primarySite"] for row in rows] == ["C504", "C509", "C501"]
    assert [row["race1"] for row in rows] == ["01", "01", ""]
    assert [row["laterality"] for row in rows] == ["2", "", ""]
    assert [row["source_record"] for row in rows] == [1, 2, 3]
    assert {row["source_file"] for row in rows} == {"cases.xml"}


def test_batches_have_one_schema_and_do_not_change_the_rows(tmp_path):
    path = write_xml(
        tmp_path,
        xml_text(
            xml_patients("v24", "A") + xml_patients("v24", "A").partition("</Item>\n")[2] * 30,
            record_type="A",
        ),
    )
    root, dictionary = read_root(path), dictionary_of("v24", "A")
    batches = list(read_records(path, root, dictionary, rows=1))
    assert len({str(batch.kept.schema) for batch in batches}) == 1
    assert sum(batch.kept.num_rows for batch in batches) == 93


# Names, numbers and levels.


@pytest.mark.parametrize(
    ("item", "column"),
    [
        ('<Item naaccrId="progesteroneReceptorSummary">1</Item>', "progesteroneRecepSummary"),
        ('<Item naaccrId="seerMets">1</Item>', "eodMets"),
        ('<Item naaccrId="eodMets" naaccrNum="776">1</Item>', "eodMets"),
        ('<Item naaccrNum="776" naaccrId="eodMets">1</Item>', "eodMets"),
        ('<Item naaccrId=" eodMets " naaccrNum="0776">1</Item>', "eodMets"),
        ('<Item naaccrId="metastasesByAnotherName" naaccrNum="776">1</Item>', "eodMets"),
        ('<Item naaccrNum="776">1</Item>', "eodMets"),
    ],
)
def test_an_item_is_found_by_its_newest_id_an_older_one_or_its_number(tmp_path, item, column):
    row = rows_of(write_xml(tmp_path, xml_text(one_tumor(item))))[0]
    assert row[column] == "1"
    assert row["items_not_in_dictionary"] == ""


def test_an_item_that_no_dictionary_has_is_kept_beside_the_others(tmp_path):
    body = one_tumor(
        PRIMARY_SITE + '<Item naaccrId="zOwn">1</Item><Item naaccrId="aOwn">ü</Item>',
        '<Item naaccrId="patientOwn" naaccrNum="99001">2</Item>',
    )
    path = write_xml(tmp_path, xml_text('<Item naaccrId="rootOwn">3</Item>' + body))
    row = rows_of(path)[0]
    assert row["items_not_in_dictionary"] == '{"aOwn": "ü", "patientOwn": "2", "rootOwn": "3", "zOwn": "1"}'
    assert "4 items that no dictionary has" in notes_of(path)


def test_an_extension_is_kept_beside_the_items_as_xml(tmp_path):
    extension = '<o:Outer a="1"><o:Inner>Some &amp; thing</o:Inner></o:Outer>'
    body = one_tumor(PRIMARY_SITE + extension, f'<Item naaccrId="sex">2</Item>{extension}')
    path = write_xml(tmp_path, xml_text(body, attributes='xmlns:o="http://own.example" o:mine="x"'))
    row = rows_of(path)[0]
    kept = (
        '<ns0:Outer xmlns:ns0="http://own.example" a="1"><ns0:Inner>Some &amp; thing</ns0:Inner></ns0:Outer>'
    )
    assert beside(row) == {"{http://own.example}Outer": kept + kept}
    assert (row["sex"], row["primarySite"]) == ("2", "C504")
    assert "2 extensions (kept in items_not_in_dictionary)" in notes_of(path)
    assert "1 attribute(s) of the root" in notes_of(path)


def test_an_extension_of_the_root_is_counted(tmp_path):
    text = xml_text("<o:Outer/>" + one_tumor(), attributes='xmlns:o="http://own.example"')
    path = write_xml(tmp_path, text)
    assert "1 extensions of the root (not kept)" in notes_of(path)
    assert len(rows_of(path)) == 1


@pytest.mark.parametrize(
    ("patient", "tumor", "reason"),
    [
        ("", '<Item naaccrId="race1">01</Item>', "item race1 belongs to Patient and stands in Tumor"),
        (PRIMARY_SITE, "", "item primarySite belongs to Tumor and stands in Patient"),
        ("", PRIMARY_SITE + '<Item naaccrId="primarySite">C509</Item>', "item primarySite is there twice"),
        (
            "",
            '<Item naaccrId="own">1</Item><Item naaccrId="own">2</Item>',
            "no dictionary has is there twice",
        ),
        (
            "",
            '<Item naaccrId="primarySite" naaccrNum="390">C504</Item>',
            "item primarySite has the number of another",
        ),
        (
            "",
            '<Item naaccrId="primarySite" naaccrNum="99001">C504</Item>',
            "item primarySite has the number of another",
        ),
        ("", '<Item naaccrId="comorbidComplication1">1</Item>', "comorbidComplication1 is none of v26"),
        ("", '<Item naaccrId="own" naaccrNum="3110">1</Item>', "number 3110 is none of v26"),
        ('<Item naaccrId="nameLast">M</Item>', "", "item nameLast is none of v26, record type I"),
    ],
)
def test_a_record_that_breaks_the_dictionary_is_set_aside(tmp_path, patient, tumor, reason):
    body = one_tumor() + one_tumor(tumor, patient) + one_tumor()
    path = write_xml(tmp_path, xml_text(body, "v26"))
    kept, bad = tables_of(path)
    assert kept["source_record"].to_pylist() == [1, 3]
    assert reason in bad["reason"][0].as_py()
    start, end = bad["byte_start"][0].as_py(), bad["byte_end"][0].as_py()
    assert path.read_bytes()[start:end].startswith(b"<Tumor>")
    assert path.read_bytes()[end:].startswith(b"</Tumor>")


def test_an_item_that_changed_its_level_in_the_standard_may_stand_at_either(tmp_path):
    item = '<Item naaccrId="dateOfLastCancerStatus">2020{}</Item>'
    for body in (one_tumor(item.format("")), one_tumor(patient=item.format(""))):
        assert rows_of(write_xml(tmp_path, xml_text(body, "v18")))[0]["dateOfLastCancerStatus"] == "2020"
    both = write_xml(tmp_path, xml_text(one_tumor(item.format("02"), item.format("01")), "v18"))
    assert reasons_of(both) == {1: "item dateOfLastCancerStatus is there twice with different values"}


def test_a_fault_of_the_patient_sets_all_its_tumors_aside_and_one_of_a_tumor_only_that(tmp_path):
    tumor, bad_tumor = f"<Tumor>{PRIMARY_SITE}</Tumor>", '<Tumor><Item naaccrId="sex">2</Item></Tumor>'
    body = f"<Patient>{PRIMARY_SITE}{tumor}{tumor}</Patient><Patient>{tumor}{bad_tumor}{tumor}</Patient>"
    assert set(reasons_of(write_xml(tmp_path, xml_text(body)))) == {1, 2, 4}


def test_an_item_twice_with_one_value_is_kept_once(tmp_path):
    path = write_xml(tmp_path, xml_text(one_tumor(PRIMARY_SITE * 2 + '<Item naaccrId="primarySite"/>')))
    assert rows_of(path)[0]["primarySite"] == "C504"
    assert "2 items that are there twice" in notes_of(path)


def test_a_patient_without_a_tumor_is_a_record_that_is_set_aside(tmp_path):
    lonely = '<Patient><Item naaccrId="sex">2</Item></Patient>'
    path = write_xml(tmp_path, xml_text(lonely + one_tumor() + lonely))
    kept, _ = tables_of(path)
    assert kept["source_record"].to_pylist() == [2]
    assert reasons_of(path) == {1: "patient without a tumor", 3: "patient without a tumor"}
    assert recognise(path).records == 3


@pytest.mark.parametrize("body", ["", '<Item naaccrId="registryId">1</Item>'])
def test_a_file_without_patients_has_columns_and_no_rows(tmp_path, body):
    kept, bad = tables_of(write_xml(tmp_path, xml_text(body)))
    assert (kept.num_rows, bad.num_rows) == (0, 0)
    assert kept.num_columns == len(items("v24", "I")) + 3


def test_a_value_that_is_too_long_is_kept_whole_and_counted(tmp_path):
    path = write_xml(tmp_path, xml_text(one_tumor('<Item naaccrId="primarySite">C5041</Item>')))
    assert rows_of(path)[0]["primarySite"] == "C5041"
    assert "1 values longer than the standard allows" in notes_of(path)


def test_values_are_read_across_lines_entities_and_sections(tmp_path):
    tumor = (
        '<Item naaccrId="primarySite">\n  C504\t</Item><Item naaccrId="histologyIcdO2"><!-- c -->85<!-- c -->00</Item>'
        '<Item naaccrId="rxTextChemo">one\r\ntwo &lt;3&#62; <![CDATA[<AC & T>]]></Item>'
        '<Item naaccrId="laterality"> </Item>'
    )
    row = rows_of(write_xml(tmp_path, xml_text(one_tumor(tumor), record_type="A")))[0]
    assert row["primarySite"] == "C504"
    assert row["histologyIcdO2"] == "8500"
    assert row["rxTextChemo"] == "one\ntwo <3> <AC & T>"
    assert row["laterality"] == ""


# Dictionaries.


OWN = 'naaccrId="ownStage" naaccrNum="10001" length="2" parentXmlElement="Tumor"'
OWN_PATIENT = 'naaccrId="ownGroup" naaccrNum="10002" length="2" parentXmlElement="Patient" recordTypes="A,M"'


def test_a_user_dictionary_gives_its_items_columns(tmp_path):
    dictionary = write_xml(tmp_path, user_dictionary(OWN, OWN_PATIENT), name="own.xml")
    found = recognise(dictionary)
    assert found.companion
    assert "user dictionary of version v24 with 2 items" in found.explanation
    uri = 'userDictionaryUri="http://registry.example/dictionary.xml"'
    body = one_tumor(PRIMARY_SITE + '<Item naaccrId="ownStage" naaccrNum="10001">4</Item>')
    path = write_xml(tmp_path, xml_text(body, attributes=uri))
    kept, _ = tables_of(path, dictionary)
    assert kept.column_names[-4:] == ["ownStage", "items_not_in_dictionary", "source_file", "source_record"]
    assert kept["ownStage"].to_pylist() == ["4"]
    assert tables_of(path, layout=dictionary)[0].equals(kept)
    assert open_extract([path, dictionary]).companions == (dictionary,)
    assert notes_of(path, dictionary) == ""
    assert "names a user dictionary that was not brought" in notes_of(path)
    assert beside(rows_of(path)[0]) == {"ownStage": "4"}


def test_a_user_dictionary_that_the_file_does_not_name_is_used_and_told(tmp_path):
    dictionary = write_xml(tmp_path, user_dictionary(OWN), name="own.xml")
    path = write_xml(tmp_path, xml_text(one_tumor('<Item naaccrId="ownStage">4</Item>')))
    assert rows_of(path, dictionary)[0]["ownStage"] == "4"
    assert "does not name the user dictionary own.xml" in notes_of(path, dictionary)


def test_a_base_dictionary_of_the_site_takes_the_place_of_the_built_in_items(tmp_path):
    base = write_xml(
        tmp_path,
        user_dictionary(
            'naaccrId="recordType" naaccrNum="10" length="1" parentXmlElement="NaaccrData"',
            'naaccrId="naaccrRecordVersion" naaccrNum="50" length="3" parentXmlElement="NaaccrData"',
            'naaccrId="progesteroneReceptorSummary" naaccrNum="3915" length="1" parentXmlElement="Tumor"',
            'naaccrId="brandNew" naaccrNum="4999" length="1" parentXmlElement="Tumor"',
            uri=f"{NAMESPACE}/naaccr-dictionary-240.xml",
        ),
        name="base.xml",
    )
    assert "base dictionary of version v24" in recognise(base).explanation
    tumor = '<Item naaccrId="progesteroneRecepSummary">1</Item><Item naaccrId="brandNew">2</Item>'
    kept, _ = tables_of(write_xml(tmp_path, xml_text(one_tumor(tumor))), base)
    expected = ["recordType", "naaccrRecordVersion", "progesteroneRecepSummary", "brandNew"]
    assert kept.column_names[:4] == expected
    assert kept.select(expected).to_pylist() == [dict(zip(expected, ["I", "240", "1", "2"], strict=True))]


@pytest.mark.parametrize(
    ("dictionary", "words"),
    [
        (user_dictionary(OWN, version="230"), "dictionary is of NAACCR version v23, the data of v24"),
        (user_dictionary(OWN, version="170"), "dictionary is of NAACCR version 170, the data of v24"),
        (user_dictionary(OWN.replace("ownStage", "primarySite")), "id primarySite or the number 10001"),
        (user_dictionary(OWN.replace("10001", "400")), "id ownStage or the number 400"),
        (user_dictionary(OWN.replace('length="2"', "")), "Item definition 1 of the dictionary is not whole"),
        (user_dictionary(OWN.replace("Tumor", "Table")), "Item definition 1 of the dictionary is not whole"),
        (user_dictionary(OWN)[:-30], "The file is cut"),
    ],
)
def test_a_dictionary_that_does_not_fit_is_refused(tmp_path, dictionary, words):
    path = write_xml(tmp_path, xml_text(one_tumor()))
    with pytest.raises(InputError, match=words):
        open_naaccr_xml([path], Options(layout=(write_xml(tmp_path, dictionary, name="own.xml"),)))


def test_a_dictionary_alone_is_no_submission_and_data_are_no_dictionary(tmp_path):
    dictionary = write_xml(tmp_path, user_dictionary(OWN), name="own.xml")
    with pytest.raises(InputError, match="No data file is named"):
        open_extract([dictionary])
    with pytest.raises(InputError, match="no NAACCR dictionary"):
        read_dictionary(write_xml(tmp_path, xml_text("")))


# What a root may say.


def test_a_prefix_may_stand_for_the_namespace(tmp_path):
    text = xml_text(one_tumor()).replace("xmlns=", "xmlns:any=")
    for tag in ("NaaccrData", "Patient", "Tumor", "Item"):
        text = text.replace(f"<{tag}", f"<any:{tag}").replace(f"</{tag}", f"</any:{tag}")
    path = write_xml(tmp_path, text)
    assert recognise(path).records == 1
    assert rows_of(path)[0]["primarySite"] == "C504"


def test_a_file_that_names_no_namespace_is_read_and_that_is_told(tmp_path):
    path = write_xml(tmp_path, xml_text(one_tumor()).replace(f'xmlns="{NAMESPACE}"', ""))
    assert rows_of(path)[0]["primarySite"] == "C504"
    assert "does not name the NAACCR namespace" in notes_of(path)


def test_record_type_and_version_may_be_items_of_the_root(tmp_path):
    said = '<Item naaccrId="recordType">A</Item><Item naaccrId="naaccrRecordVersion">240</Item>'
    path = write_xml(tmp_path, xml_text(said + one_tumor()).replace('recordType="I"', ""))
    assert "record type A" in recognise(path).explanation
    assert rows_of(path)[0]["recordType"] == "A"
    assert notes_of(path) == ""


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        ("dictionary-240", "dictionary-170", "version 17"),
        ("dictionary-240", "dictionary-270", "version 27"),
        ("dictionary-240", "dictionary-130", "version 13"),
        ("naaccr-dictionary-240.xml", "own.xml", "no NAACCR version"),
        ("baseDictionaryUri", "other", "does not name its base dictionary"),
        ('recordType="I"', "", "does not say its record type"),
        ('recordType="I"', 'recordType="L"', "none that has cases"),
        ('recordType="I"', 'recordType="i"', "none that has cases"),
        ('"1.7"', '"2.0"', "specification of NAACCR XML"),
        ("<Patient>", '<Item naaccrId="recordType">A</Item><Patient>', "contradicts itself.*recordType"),
        (
            "<Patient>",
            '<Item naaccrId="naaccrRecordVersion">230</Item><Patient>',
            "contradicts itself.*Version",
        ),
    ],
)
def test_a_root_that_does_not_say_what_the_file_is_refuses_it(tmp_path, wrong, right, words):
    path = write_xml(tmp_path, xml_text(one_tumor()).replace(wrong, right, 1))
    found = recognise(path)
    assert found.error is not None
    assert found.format == "naaccr_xml"
    with pytest.raises(InputError, match=words):
        open_extract([path])


def test_what_the_root_says_that_is_not_used_is_told(tmp_path):
    text = xml_text(one_tumor(), attributes='timeGenerated="2021-04-12T9:12:41" own="x"')
    notes = notes_of(write_xml(tmp_path, text.replace('"1.7"', '"1.9"')))
    assert "timeGenerated is no time" in notes
    assert "specification 1.9; it was read as 1.8" in notes
    assert "1 attribute(s) of the root" in notes


def test_files_of_two_versions_or_types_are_no_one_submission(tmp_path):
    one = write_xml(tmp_path, xml_text(one_tumor()), name="one.xml")
    for version, record_type, words in (("v23", "I", "versions"), ("v24", "A", "record types")):
        two = write_xml(tmp_path, xml_text(one_tumor(), version, record_type), name="two.xml")
        with pytest.raises(InputError, match=f"different {words}: one.xml"):
            open_extract([one, two])
    with pytest.raises(InputError, match="version v24, not v23"):
        open_extract([one], layout="v23")


@pytest.mark.parametrize(
    "text",
    ['<?xml version="1.0"?><html/>', '  <x:schema xmlns:x="http://own.example"/>', "<NaaccrDat xmlns='x'/>"],
)
def test_xml_of_another_kind_is_told_as_such(tmp_path, text):
    path = write_xml(tmp_path, text)
    assert "an XML file, and neither NAACCR XML nor" in recognise(path).explanation
    with pytest.raises(InputError, match="an XML file"):
        open_extract([path])
    with pytest.raises(InputError, match="no NAACCR XML"):
        open_naaccr_xml([path])


# Grammar and encodings.


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("<Patient>", "<Patien>"),
        ("<Tumor>", '<Tumor some="x">'),
        ("<Patient>", '<Patient some="x">'),
        ("<Item", "<Ite"),
        ("C504", "<b>C504</b>"),
        ("C504", "<o:b xmlns:o='http://own.example'>C504</o:b>"),
        ("<Tumor>", "<Tumor>words"),
        ("</Tumor>", "</Tumor><Item naaccrId='sex'>2</Item>"),
        ("</Tumor>", "</Tumor><o:own xmlns:o='http://own.example'/>"),
        ("</Patient>", "</Patient><Item naaccrId='registryId'>2</Item>"),
        ("<Tumor>", "<Tumor><Tumor>"),
        ("<Tumor>", "<Tumor><Patient>"),
        ('naaccrId="primarySite"', ""),
        ('naaccrId="primarySite"', 'naaccrId="primarySite" naaccrNum="four"'),
        ('naaccrId="primarySite"', f'naaccrId="primarySite" naaccrNum="{"4" * 5000}"'),
        ('naaccrId="primarySite"', 'naaccrId="primarySite" naaccrId="primarySite"'),
        ("</Tumor>", ""),
        ("C504", "C504 & more"),
        ("C504", "C504&unknown;"),
        ("C504", "C504\0"),
        ("</NaaccrData>", "</NaaccrData><NaaccrData/>"),
        ("</NaaccrData>", "</NaaccrData>words"),
    ],
)
def test_a_file_that_breaks_the_grammar_is_refused_with_line_and_column(tmp_path, wrong, right):
    text = xml_text(one_tumor())
    path = write_xml(tmp_path, text.replace(wrong, right, 1))
    with pytest.raises(InputError, match=r"line \d+, column \d+") as error:
        tables_of(path)
    assert "C504" not in str(error.value)
    assert "words" not in str(error.value)


@pytest.mark.parametrize("cut", [30, 200, 350, 400])
def test_a_file_that_is_cut_is_refused_wherever_it_ends(tmp_path, cut):
    text = xml_text(one_tumor() * 5)
    path = write_xml(tmp_path, text[:cut])
    assert "cut" in recognise(path).explanation or recognise(path).format == "naaccr_xml"
    with pytest.raises(InputError, match="The file is cut"):
        tables_of(path)


@pytest.mark.parametrize("between", ["", "\n\n", '<?xml version="1.0"?>'])
def test_files_that_were_joined_are_told(tmp_path, between):
    path = write_xml(tmp_path, xml_text(one_tumor()) + between + xml_text(one_tumor()))
    with pytest.raises(InputError, match="Two files were joined here"):
        tables_of(path)


def test_damage_in_the_middle_of_a_large_file_refuses_it_when_it_is_reached(tmp_path):
    good = one_tumor() * 20_000
    path = write_xml(tmp_path, xml_text(good + "<Tumor/>" + good))
    assert open_extract([path]).release == "v24"
    with pytest.raises(InputError, match="line 80002, column 1"):
        tables_of(path)


NAME = "Zoë “Muster”"
TEXT = xml_text(one_tumor(patient=f'<Item naaccrId="nameLast">{NAME}</Item>'), record_type="A")


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("", "utf-8"),
        ("UTF-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("", "utf-8-sig"),
        ("UTF-16", "utf-16"),
        ("", "utf-16"),
        ("windows-1252", "cp1252"),
        ("Cp1252", "cp1252"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_it_says_or_marks(tmp_path, declared, encoding):
    declaration = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    path = write_xml(tmp_path, declaration + TEXT, encoding)
    assert recognise(path).records == 1
    assert rows_of(path)[0]["nameLast"] == NAME


def test_latin_1_is_read_as_such(tmp_path):
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n' + TEXT.replace("“", "«").replace("”", "»")
    assert rows_of(write_xml(tmp_path, text, "latin-1"))[0]["nameLast"] == "Zoë «Muster»"


@pytest.mark.parametrize(
    ("declared", "encoding", "words"),
    [
        ("UTF-8", "cp1252", "not in the encoding that its first line says"),
        ("no-such-encoding", "utf-8", "encoding that is not known"),
        ("shift_jis", "utf-8", "encoding that is not known"),
        ("UTF-32", "utf-8", "encoding that is not known"),
    ],
)
def test_a_file_in_another_encoding_than_it_says_is_refused(tmp_path, declared, encoding, words):
    path = write_xml(tmp_path, f'<?xml version="1.0" encoding="{declared}"?>\n' + TEXT, encoding)
    with pytest.raises(InputError, match=words):
        tables_of(path)


def test_control_characters_are_read_as_blanks(tmp_path):
    text = xml_text(one_tumor('<Item naaccrId="rxTextChemo">a\x07b\x1f</Item>'), record_type="A")
    path = write_xml(tmp_path, text)
    assert rows_of(path)[0]["rxTextChemo"] == "a b"
    assert "2 control characters (read as blanks)" in notes_of(path)


# Samples of others.


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the reference samples are not on this machine")
def test_every_validity_sample_is_read_or_refused_as_its_name_says():
    paths = sorted((SAMPLES / "naaccr_xml" / "validity").glob("*.xml"))
    assert paths
    for path in paths:
        refused, reasons = "", set()
        try:
            reasons = set(reasons_of(path).values())
        except InputError as error:
            refused = str(error)
        sound = not refused and reasons <= {"patient without a tumor"}
        if path.name.startswith(("valid_", "test_")):
            assert sound, (path.name, refused, reasons)
        elif path.name.startswith("invalid_"):
            assert not sound, path.name


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the reference samples are not on this machine")
def test_packed_samples_of_every_version_give_ten_tumors(tmp_path):
    for packed in sorted((SAMPLES / "naaccr_xml").glob("*.gz")):
        path = tmp_path / packed.stem
        path.write_bytes(gzip.decompress(packed.read_bytes()))
        assert len(rows_of(path)) == 10
        assert recognise(path).release == f"v{packed.name.split('-v')[1][:2]}"
        assert open_extract([path]).notes == ()


def test_what_is_odd_far_down_the_file_is_told_when_it_has_been_read(tmp_path):
    """Notes at opening come from the first records; a reading to the end adds the rest."""
    odd = '<Item naaccrId="nobodyKnowsThis">1</Item>'
    people = one_tumor(PRIMARY_SITE + " " * 400) * 5_999
    extract = open_extract([write_xml(tmp_path, xml_text(people + one_tumor(PRIMARY_SITE + odd)))])
    assert extract.notes == ()
    assert sum(batch.kept.num_rows for batch in extract.tables[0].batches()) == 6_000
    (note,) = extract.tables[0].notes_after()
    assert "whole file: 1 items that no dictionary has" in note
