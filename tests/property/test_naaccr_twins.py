"""Any patients written as NAACCR flat and as NAACCR XML come back as one and the same table."""

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.codebook.naaccr_items import PATIENT, TUMOR, items
from pipelines.formats.naaccr.flat import open_naaccr_flat
from pipelines.formats.naaccr.xml import open_naaccr_xml
from tests.unit.formats_files import write_lines
from tests.unit.naaccr_files import flat_line, write_xml, xml_items, xml_text

VERSION, RECORD_TYPE = "v18", "A"
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"]), max_size=12)


def values_of(level: str, always: dict[str, str]) -> st.SearchStrategy[dict[str, str]]:
    """Some items of a level with some text that fits, and a few that are always there."""
    widths = {
        item.id: item.length
        for item in items(VERSION, RECORD_TYPE)
        if item.level == level and item.id not in always
    }
    drawn = st.dictionaries(st.sampled_from(sorted(widths)), TEXT, max_size=8)
    return drawn.map(lambda found: always | {name: text[: widths[name]] for name, text in found.items()})


PATIENTS = st.lists(
    st.tuples(
        values_of(PATIENT, {"patientIdNumber": "00000001"}),
        st.lists(values_of(TUMOR, {"primarySite": "C504", "pathReportType5": "x"}), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATIENTS)
def test_flat_and_xml_of_any_patients_are_one_table(tmp_path, patients):
    lines = [
        flat_line(VERSION, RECORD_TYPE, patient | tumor) for patient, tumors in patients for tumor in tumors
    ]
    body = "".join(
        f"<Patient>{xml_items(patient)}"
        + "".join(f"<Tumor>{xml_items(tumor)}</Tumor>" for tumor in tumors)
        + "</Patient>"
        for patient, tumors in patients
    )
    flat = open_naaccr_flat([write_lines(tmp_path / "cases.dat", lines)])
    xml = open_naaccr_xml([write_xml(tmp_path, xml_text(body, VERSION, RECORD_TYPE))])
    one, two = (
        pa.concat_tables(batch.kept for batch in extract.tables[0].read()).drop(["source_file"])
        for extract in (flat, xml)
    )
    assert one.num_rows == len(lines)
    assert one.schema == two.schema
    assert one.to_pylist() == two.to_pylist()
