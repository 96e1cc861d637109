"""Published estimates pooled: the figures that must come out, what is flagged, and what the language refuses."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

from pipelines.errors import InputError
from pipelines.reporting import read_study, write_evidence_page
from pipelines.reporting.evidence import TABLES
from pipelines.reporting.evidence_tables import studies_table
from pipelines.settings import Settings
from pipelines.store import Submission
from pipelines.store.withheld import KEY
from pipelines.studies.catalog import is_evidence, list_studies, load_evidence, load_study, show_study
from pipelines.studies.compare import Target
from pipelines.studies.evidence import load_reviews, load_rows, run_evidence
from pipelines.studies.evidence.beside import pools_beside
from pipelines.studies.evidence.pools import pool_set
from pipelines.studies.evidence.site import years_of
from pipelines.studies.language.evidence import EvidenceDefinition, EvidencePool
from pipelines.studies.many import DONE
from pipelines.studies.many import record as record_of
from pipelines.studies.signing import switch_off

CATALOG = Settings().catalog_dir
NAME = "pooled_evidence"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped synthesis, run without a submission."""
    parent = tmp_path_factory.mktemp("evidence")
    return run_evidence(parent, load_evidence(NAME, CATALOG), CATALOG).folder


def read(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / f"{name}.csv", infer_schema_length=None)


def figures(folder: Path, pool: str, method: str) -> list[float]:
    rows = read(folder, "estimates").filter(
        (pl.col("subgroup") == pool) & (pl.col("analysis") == f"pooled_{method}")
    )
    return [float(value) for value in rows.select("estimate", "ci_low", "ci_high").row(0)]


def messages(folder: Path, pool: str, check: str) -> list[str]:
    rows = read(folder, "diagnostics").filter((pl.col("subgroup") == pool) & (pl.col("check") == check))
    return rows["message"].to_list()


def target(folder: Path, name: str) -> dict[str, object]:
    return read(folder, "comparison").filter(pl.col("target") == name).row(0, named=True)


def test_the_assumed_set_of_petrelli_comes_near_the_printed_ratio_and_is_called_an_assumption(
    ran: Path,
) -> None:
    assert figures(ran, "petrelli_assumed", "dersimonian_laird") == pytest.approx(
        [0.683, 0.621, 0.751], abs=6e-4
    )
    row = target(ran, "petrelli_hr")
    assert (row["published"], row["verdict"]) == (0.69, "match")
    assert (
        "No source says which studies Petrelli and Barni 2012 pooled"
        in messages(ran, "petrelli_assumed", "assumed_membership")[0]
    )
    studies = read(ran, "studies").filter(pl.col("pool") == "petrelli_assumed")["row"].to_list()
    assert len(studies) == 14
    assert not {"lang2013", "warschkow2016", "pons2019", "duchesneau2022"} & set(studies)


def test_the_five_trials_pool_near_no_effect_whatever_the_interval(ran: Path) -> None:
    assert figures(ran, "five_trials", "dersimonian_laird") == pytest.approx([0.931, 0.747, 1.161], abs=6e-4)
    assert figures(ran, "five_trials", "hartung_knapp") == pytest.approx([0.93, 0.67, 1.29], abs=6e-3)
    prediction = figures(ran, "five_trials", "prediction")  # Wald's variance, t on four degrees of freedom
    assert [round(value, 2) for value in prediction] == [0.93, 0.51, 1.69]
    wider = figures(ran, "five_trials", "prediction_hartung_knapp")
    assert [round(value, 2) for value in wider] == [0.93, 0.51, 1.70]


def test_mf0701_at_ten_years_hardly_moves_the_trials(ran: Path) -> None:
    assert figures(ran, "five_trials_10y", "dersimonian_laird") == pytest.approx(
        [0.930, 0.750, 1.154], abs=6e-4
    )


def test_the_two_trials_of_the_cochrane_review_give_its_figures(ran: Path) -> None:
    assert figures(ran, "cochrane2018", "dersimonian_laird") == pytest.approx([0.834, 0.534, 1.302], abs=6e-4)
    row = target(ran, "cochrane2018_os")
    assert (row["verdict"], row["can_fail"]) == ("match", False)  # its figures are from memory


def test_reinhorns_figures_come_back_only_where_a_90_percent_interval_is_taken_for_95(ran: Path) -> None:
    as_printed = figures(ran, "reinhorn2021", "dersimonian_laird")
    misread = figures(ran, "reinhorn2021_misread", "dersimonian_laird")
    assert [round(value, 2) for value in misread] == [0.97, 0.72, 1.29]
    assert [round(value, 2) for value in as_printed] == [0.96, 0.71, 1.30]
    assert target(ran, "reinhorn_os")["verdict"] == "not_comparable"  # one of its figures is from memory
    assert target(ran, "reinhorn_os_misread")["verdict"] == "match"
    assert "read otherwise than printed" in messages(ran, "reinhorn2021_misread", "reading")[0]
    assert messages(ran, "reinhorn2021", "reading") == []


def test_a_trial_with_the_operated_arm_as_reference_moves_the_pool_where_it_is_not_turned(ran: Path) -> None:
    right = figures(ran, "reinhorn2021", "dersimonian_laird")[0]
    wrong = figures(ran, "abcsg28_as_printed", "dersimonian_laird")[0]
    assert wrong < 0.88 < 0.96 < right


def test_four_trials_that_nobody_names_are_not_compared_with_our_five(ran: Path) -> None:
    row = target(ran, "sidiropoulou_trials")
    assert (row["published"], row["verdict"]) == (1.03, "not_comparable")


def test_harris_percentages_give_a_crude_odds_ratio_beside_the_pooled_one(ran: Path) -> None:
    row = target(ran, "harris_or")
    assert row["estimated"] == pytest.approx(2.36, abs=5e-3)
    assert (row["published"], row["ci_low"], row["verdict"]) == (2.32, None, "match")


def test_observational_and_randomised_pools_stand_apart(ran: Path) -> None:
    observational = figures(ran, "observational", "hartung_knapp")
    randomised = figures(ran, "five_trials", "hartung_knapp")
    assert observational[2] < 0.75 < randomised[0]
    beside = pools_beside("surgery", CATALOG)
    assert [one.label.split(",")[0] for one in beside] == ["observational", "randomised"]
    assert [one.estimate for one in beside] == pytest.approx([observational[0], randomised[0]])
    assert pools_beside("something_else", CATALOG) == ()


def test_seer_studies_that_may_share_people_are_flagged_and_of_them_one_is_kept(ran: Path) -> None:
    overlaps = read(ran, "overlaps")
    pairs = set(overlaps.filter(pl.col("pool") == "observational_all").select("first", "second").rows())
    assert ("Gnerlich 2007", "Warschkow 2016") in pairs
    assert ("Khan 2002", "Gnerlich 2007") in pairs  # NCDB and SEER share hospitals
    assert overlaps.filter(pl.col("pool") == "observational").is_empty()
    studies = read(ran, "studies").filter(pl.col("pool") == "observational")
    registries = studies.filter(pl.col("data_source").is_in(["SEER", "NCDB"]) & pl.col("pooled"))
    kept = ["khan2002", "warschkow2016", "duchesneau2022", "mudgway2020"]
    assert registries["row"].to_list() == kept  # together more people than Thomas 2016 with any of the others
    assert "Gnerlich 2007" in messages(ran, "observational", "left_out_for_overlap")[0]


def test_intervals_that_need_more_deaths_than_people_are_said(ran: Path) -> None:
    assert "Dominici 2011" in messages(ran, "petrelli_assumed", "more_deaths_than_people")[0]
    assert "MF07-01, ten years" in messages(ran, "five_trials_10y", "more_deaths_than_people")[0]
    assert messages(ran, "five_trials", "more_deaths_than_people") == []
    symmetric = messages(ran, "observational_all", "interval_not_symmetric")
    assert any(one.startswith("Tan 2016") for one in symmetric)


def test_ratios_from_memory_are_named(ran: Path) -> None:
    named = messages(ran, "petrelli_assumed", "not_verified")[0]
    assert "Shien 2009" in named
    assert "Khan 2002" not in named
    assert messages(ran, "five_trials", "not_verified") == []


def test_spread_asymmetry_and_the_study_that_decides_are_given(ran: Path) -> None:
    found = read(ran, "diagnostics").filter(pl.col("subgroup") == "five_trials")
    values = dict(found.select("check", "value").iter_rows())
    assert values["studies"] == 5
    assert values["i_squared"] == pytest.approx(55, abs=0.5)
    assert 0 < values["small_studies"] < 1
    assert "MF07-01" in messages(ran, "five_trials", "strongest_study")[0]
    left_out = read(ran, "leave_one_out").filter(pl.col("pool") == "five_trials")
    assert left_out["left_out"].n_unique() == 5


@pytest.mark.parametrize(
    ("row", "value", "limit"),
    [
        ("mudgway2020", 2.35, 1.69),
        ("gnerlich2007", 2.10, 2.00),
        ("warschkow2016", 2.47, 2.39),
        ("khan2002", 2.16, 2.03),
        ("yang2018", 2.56, 2.39),
        ("pons2019", 2.03, 1.71),
        ("duchesneau2022", 2.43, 2.31),
        ("headon2016", 2.10, 1.88),
        ("bometin2025", 3.44, 2.86),
        ("mf0701", 2.00, 1.41),
        ("badwe2015", 1.20, 1.00),
    ],
)
def test_e_values_of_published_estimates(ran: Path, row: str, value: float, limit: float) -> None:
    found = read(ran, "e_values").filter(pl.col("analysis") == row).row(0, named=True)
    assert (found["e_value"], found["e_value_limit"]) == pytest.approx((value, limit), abs=6e-3)


def test_an_e_value_says_that_immortal_time_is_another_matter(ran: Path) -> None:
    notes = dict(read(ran, "e_values").select("analysis", "notes").iter_rows())
    assert "immortal time" in notes["gnerlich2007"]
    assert not notes["pons2019"]  # a landmark analysis
    assert not notes["badwe2015"]


def test_the_same_tables_give_the_same_bytes(ran: Path, tmp_path: Path) -> None:
    again = run_evidence(tmp_path, load_evidence(NAME, CATALOG), CATALOG).folder
    for path in sorted(ran.iterdir()):
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_the_synthesis_is_a_study_of_the_catalog_with_a_protocol_of_its_own() -> None:
    assert is_evidence(NAME, CATALOG)
    assert not is_evidence("mudgway2020", CATALOG)
    listed = {one.id: one.cohort for one in list_studies(CATALOG)}
    assert listed[NAME] == ""
    text = show_study(NAME, CATALOG)
    assert "petrelli_assumed: The studies that Petrelli and Barni 2012 are assumed to have pooled" in text
    assert "left out for overlap: " in text
    with pytest.raises(InputError, match="there is no such key"):
        load_study(NAME, CATALOG)


def test_every_review_has_its_figures_once_in_the_table_and_as_a_target() -> None:
    reviews = load_reviews(CATALOG)
    with (CATALOG / "studies" / NAME / "published.csv").open(encoding="utf-8", newline="") as stream:
        targets = {row["target"]: row for row in csv.DictReader(stream)}
    for review, name in {
        "petrelli2012": "petrelli_hr_interval",
        "headon2016": "headon_hr",
        "harris2013": "harris_or",
        "sidiropoulou2023_observational": "sidiropoulou_observational",
        "sidiropoulou2023_trials": "sidiropoulou_trials",
        "reinhorn2021": "reinhorn_os",
        "cochrane2018": "cochrane2018_os",
    }.items():
        one, row = reviews[review], targets[name]
        printed = [float(row[column]) for column in ("published", "ci_low", "ci_high")]
        assert [one.printed, one.printed_ci_low, one.printed_ci_high] == printed


def test_a_study_of_many_years_does_not_put_out_several_that_hold_more_people_together(
    catalog: Path,
) -> None:
    path = catalog / "evidence" / "observational.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0]
    tail = "surgery,0.7,0.6,0.8166667,0.95,as_printed,,measured_confounding"
    lines = [
        f"wide,Wide,SEER,1990-2010,500,200,{tail},abstract,no,no,,",
        f"early,Early,SEER,1990-1999,300,200,{tail},abstract,no,no,,",
        f"late,Late,SEER,2000-2010,300,200,{tail},abstract,no,no,,",
        f"hearsay,Hearsay,SEER,1990-2010,9000,200,{tail},memory,no,no,,",
        f"elsewhere,Elsewhere,Geneva,1990-2010,20,10,{tail},memory,no,no,,",
    ]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    definition = load_evidence(NAME, catalog)
    chosen = pool_set(definition.pool("observational"), definition, catalog)
    assert [one.row for one in chosen.rows] == ["early", "late", "elsewhere"]
    assert [one.row for one in chosen.left_out] == ["wide", "hearsay"]


def test_a_ratio_is_verified_alike_in_the_evidence_and_in_its_own_study() -> None:
    own = {"bomet2021": "bomet", "bometin2025": "bomet"}
    joined = 0
    for row in (one for table in ("observational", "trials") for one in load_rows(table, CATALOG)):
        path = CATALOG / "studies" / own.get(row.row, row.row) / "published.csv"
        if not row.usable or not path.is_file():
            continue
        figures = (row.printed_hr, row.printed_ci_low, row.printed_ci_high)
        for target in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            printed = [target[name] for name in ("published", "ci_low", "ci_high")]
            if target["measure"] == "hr" and all(printed) and tuple(map(float, printed)) == figures:
                assert (row.row, row.verification) == (row.row, target["verification"])
                joined += 1
    assert joined >= 17


def test_the_trial_without_an_estimate_is_in_the_table_alone(ran: Path) -> None:
    submit = next(one for one in load_rows("trial_reports", CATALOG) if one.row == "submit")
    assert not submit.usable
    assert "submit" not in read(ran, "studies")["row"].to_list()


# A catalog of its own


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A copy of the evidence and its synthesis, to be broken."""
    folder = tmp_path / "catalog"
    shutil.copytree(CATALOG / "evidence", folder / "evidence")
    shutil.copytree(CATALOG / "studies" / NAME, folder / "studies" / NAME)
    return folder


def rewrite(catalog: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = catalog / "studies" / NAME / "study.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def append(catalog: Path, table: str, line: str) -> None:
    path = catalog / "evidence" / f"{table}.csv"
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


def test_every_mistake_of_a_definition_is_told_with_its_line(catalog: Path) -> None:
    def break_it(content: dict[str, object]) -> None:
        content["shown"] = ["five_trials", "nobody"]
        pools = content["pools"]
        assert isinstance(pools, list)
        pools[0]["overlap"] = "ignore"
        pools[1]["colour"] = "red"

    rewrite(catalog, break_it)
    with pytest.raises(InputError) as caught:
        load_evidence(NAME, catalog)
    message = str(caught.value)
    assert "pools.0.overlap" in message
    assert "pools.1.colour: there is no such key" in message
    assert "2 mistake(s)" in message
    assert "line " in message


def test_pools_that_are_not_there_are_told(catalog: Path) -> None:
    rewrite(catalog, lambda content: content.update(shown=["five_trials", "nobody"]))
    with pytest.raises(InputError, match="shown: there is no pool nobody"):
        load_evidence(NAME, catalog)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "x,X,SEER,1990-1991,100,50,surgery,0.7,0.5,0.9,,as_printed,,measured_confounding,abstract,no,no,,",
            "level",
        ),
        (
            "x,X,SEER,1990-1991,100,50,surgery,0.7,0.5,0.9,0.95,,,measured_confounding,abstract,no,no,,",
            "orientation",
        ),
        (
            "x,X,SEER,1990-1991,100,50,surgery,0.4,0.5,0.9,0.95,as_printed,,measured_confounding,abstract,no,no,,",
            "outside its interval",
        ),
        (
            "x,X,SEER,1990-1991,100,500,surgery,0.7,0.5,0.9,0.95,as_printed,,measured_confounding,abstract,no,no,,",
            "no more than the study",
        ),
    ],
)
def test_a_row_without_level_or_orientation_or_with_impossible_figures_is_refused(
    catalog: Path, line: str, reason: str
) -> None:
    append(catalog, "observational", line)
    with pytest.raises(InputError, match=reason) as caught:
        load_rows("observational", catalog)
    assert "line 30" in str(caught.value)


def test_rows_tables_columns_and_reviews_that_are_not_there_are_told(catalog: Path) -> None:
    definition = load_evidence(NAME, catalog)
    first = definition.pools[0]
    strange = first.model_copy(update={"without": ("nobody2001",), "members": "assumed_nobody"})
    with pytest.raises(InputError, match="there is no row nobody2001; there is no column assumed_nobody"):
        pool_set(strange, definition, catalog)
    with pytest.raises(InputError, match="There is no table of evidence 'nowhere'"):
        pool_set(first.model_copy(update={"tables": ("nowhere",)}), definition, catalog)
    unusable = first.model_copy(update={"rows": ("cady2008", "khan2002")})
    with pytest.raises(InputError, match="row cady2008 has no ratio with an interval"):
        pool_set(unusable, definition, catalog)
    with pytest.raises(InputError, match="fewer than two studies"):
        pool_set(first.model_copy(update={"rows": ("khan2002",)}), definition, catalog)
    with pytest.raises(InputError, match="petrelli2012"):  # prints no percentages
        run_evidence(catalog, definition.model_copy(update={"crude": ("petrelli2012",)}), catalog)


def test_a_target_that_joins_to_nothing_is_an_error_and_nothing_is_written(
    catalog: Path, tmp_path: Path
) -> None:
    path = catalog / "studies" / NAME / "published.csv"
    path.write_text(
        path.read_text(encoding="utf-8").replace(",cochrane2018,", ",cochrane,"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="cochrane2018_os"):
        run_evidence(tmp_path / "out", load_evidence(NAME, catalog), catalog)
    assert not (tmp_path / "out" / NAME).exists()


def test_a_synthesis_of_two_studies_without_published_targets_and_by_one_method_has_its_page(
    tmp_path: Path,
) -> None:
    pools = {"observational": ["khan2002", "gnerlich2007"], "trials": ["badwe2015", "mf0701"]}
    definition = EvidenceDefinition(
        kind="evidence",
        id="own",
        title="A site's own",
        question="Does a page stand?",
        exposure="surgery",
        exposed="surgery",
        reference="no surgery",
        e_values=False,
        pools=[
            {
                "name": name,
                "words": name,
                "side": "randomised" if name == "trials" else name,
                "tables": [name],
                "rows": rows,
                "methods": ["fixed"],
            }
            for name, rows in pools.items()
        ],
        shown=list(pools),
    )
    (tmp_path / "studies" / "own").mkdir(parents=True)
    heads = ",".join(Target.model_fields)
    (tmp_path / "studies" / "own" / "published.csv").write_text(f"{heads}\n", encoding="utf-8")
    folder = run_evidence(tmp_path / "ran", definition, tmp_path).folder
    assert {path.stem for path in folder.glob("*.csv")} >= set(TABLES)
    assert read(folder, "leave_one_out").is_empty()
    write_evidence_page(read_study(folder), tmp_path / "own.html")
    page = (tmp_path / "own.html").read_text(encoding="utf-8")
    assert page.count("one effect") >= 4, "each pool on its forest and in its table"
    with pytest.raises(ValueError, match="at least 1 item"):
        EvidencePool(name="x", words="x", side="randomised", tables=["trials"], methods=[])


# The site's own


def submission_with(
    tmp_path: Path, *, hidden: bool = False, source: str = "ncdb", years: dict[str, int] | None = None
) -> Submission:
    """A submission on which mudgway2020 ran, as far as the synthesis looks."""
    root = tmp_path / "submissions" / "toy"
    folder = root / "studies" / "mudgway2020"
    folder.mkdir(parents=True)
    manifest = {
        "submission": "toy",
        "source": source,
        "format": "ncdb-puf",
        "release": "2016",
        "covered_years": [2004, 2016],
    }
    (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    run = {
        "study": "mudgway2020",
        "settings_hash": "0123456789abcdef",
        "gate_verdict": {"status": "passed"},
        "cohort": "toy",
        "cohort_settings": {"years": years},
        "arms": {"exposed": "surgery", "others": [], "reference": "no surgery"},
    }
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    key = ["matched_cox", "all", "surgery", "surgery vs no surgery", "hr"]
    columns = ["analysis", "subgroup", "term", "contrast", "measure"]
    row = dict(zip(columns, key, strict=True))
    numbers = {
        "estimate": 0.8,
        "ci_low": 0.7,
        "ci_high": 0.915,
        "ci_level": 0.95,
        "p_value": 0.001,
        "n": 3000,
        "n_exposed": 1500,
        "events": 1500,
    }
    pl.DataFrame([row | numbers]).write_csv(folder / "estimates.csv")
    names = [row] if hidden else []
    pl.DataFrame(names, schema=dict.fromkeys(columns, pl.String)).write_csv(folder / "hidden.csv")
    return Submission("toy", root)


def stub_manifest(monkeypatch: pytest.MonkeyPatch, source: str = "ncdb") -> None:
    class Facts:
        format, release, covered_years = "ncdb-puf", "2016", (2004, 2016)

        def __init__(self) -> None:
            self.source = source

    monkeypatch.setattr(Submission, "manifest", property(lambda _: Facts()))


def test_the_sites_estimate_stands_on_the_forest_and_takes_the_place_of_who_may_be_the_same_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_manifest(monkeypatch)
    sub = submission_with(tmp_path)
    folder = run_evidence(sub.root / "studies", load_evidence(NAME, CATALOG), CATALOG, sub).folder
    site = read(folder, "studies").filter((pl.col("pool") == "observational") & pl.col("site"))
    assert site["estimate"].to_list() == pytest.approx([0.8])
    assert site["pooled"].to_list() == [False]  # the published pool stays as it is
    assert figures(folder, "observational", "dersimonian_laird")[0] < 0.65
    joined = read(folder, "studies").filter(pl.col("pool") == "observational_with_site")
    left_out = joined.filter(~pl.col("pooled"))["name"].to_list()
    assert "Duchesneau 2022 (ever or never)" in left_out  # NCDB 2013 to 2016
    assert "Warschkow 2016" in left_out  # SEER shares hospitals with the NCDB
    assert "Khan 2002" not in left_out  # NCDB, but years before
    assert 0.6 < figures(folder, "observational_with_site", "hartung_knapp")[0] < 0.75
    inside = read(folder, "diagnostics").filter(pl.col("check") == "within_prediction")
    assert inside["status"].to_list() == ["ok"]
    others = read(folder, "diagnostics").filter(pl.col("check") == "site")
    assert any("duchesneau2022 has not run" in message for message in others["message"])
    assert set(others["status"]) == {"info"}
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (one,) = record["site"]
    assert (one["study"], one["settings_hash"]) == ("mudgway2020", "0123456789abcdef")


def test_people_of_the_sites_own_analysis_are_not_told_beside_the_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_manifest(monkeypatch)
    folder = run_evidence(
        tmp_path / "out", load_evidence(NAME, CATALOG), CATALOG, submission_with(tmp_path)
    ).folder
    studies = read(folder, "studies").with_columns(
        people=pl.when("site").then(735191).otherwise(pl.col("people"))
    )
    assert studies["site"].any()
    told = studies_table(studies, read(folder, "checks"), ["observational"])
    assert "735,191" not in told
    assert f"{studies.filter(name='Khan 2002')['people'][0]:,}" in told


def test_a_cohort_of_some_years_takes_the_place_of_studies_of_those_years_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_manifest(monkeypatch)
    sub = submission_with(tmp_path, years={"first": 2010, "last": 2012})
    folder = run_evidence(sub.root / "studies", load_evidence(NAME, CATALOG), CATALOG, sub).folder
    joined = read(folder, "studies").filter(pool="observational_with_site")
    left_out = joined.filter(~pl.col("pooled"))["name"].to_list()
    assert "Duchesneau 2022 (ever or never)" not in left_out  # NCDB 2013 to 2016: none of the site's people
    assert "Mudgway 2020" in left_out or "Thomas 2016" in left_out  # 2010 to 2012 among their years
    assert years_of(submission_with(tmp_path / "b", years={"first": 2000, "last": 2012}), "mudgway2020") == (
        2004,
        2012,
    )


def test_an_estimate_that_its_gate_hides_stays_off_the_forest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_manifest(monkeypatch)
    sub = submission_with(tmp_path, hidden=True)
    folder = run_evidence(sub.root / "studies", load_evidence(NAME, CATALOG), CATALOG, sub).folder
    assert not read(folder, "studies")["site"].any()
    written = "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert "mudgway2020 by matched_cox is hidden until its gate passes or a reviewer signs" in written
    assert "0.915" not in written


def test_a_synthesis_is_set_aside_when_the_estimate_it_read_is_hidden_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_manifest(monkeypatch)
    sub = submission_with(tmp_path)
    read_then = run_evidence(sub.root / "studies", load_evidence(NAME, CATALOG), CATALOG, sub).folder
    record_of(sub.root, "mudgway2020", DONE)
    assert read_then.is_dir(), "the same run again shows the same numbers"

    key = pl.read_csv(sub.root / "studies" / "mudgway2020" / "estimates.csv").select(KEY)
    key.write_csv(sub.root / "studies" / "mudgway2020" / "hidden.csv")
    page = sub.root / "report" / f"{NAME}.html"
    page.parent.mkdir()
    page.write_text("0.8 (0.7 to 0.915)", encoding="utf-8")
    record_of(sub.root, "mudgway2020", DONE)
    assert not read_then.exists()
    assert not page.exists(), "nor may its page tell the number until it is drawn again"
    assert (sub.root / "superseded" / NAME / "run.json").is_file()
    said = json.loads((sub.root / "failures" / f"{NAME}.json").read_text(encoding="utf-8"))
    assert "'mudgway2020'" in said["reason"]
    assert "run it again" in said["reason"]

    run_evidence(sub.root / "studies", load_evidence(NAME, CATALOG), CATALOG, sub)
    record_of(sub.root, NAME, DONE)
    assert not (sub.root / "failures" / f"{NAME}.json").exists()
    assert not (sub.root / "superseded" / NAME).exists()


def test_a_synthesis_says_where_an_estimate_is_shown_without_its_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_manifest(monkeypatch)
    sub = submission_with(tmp_path, hidden=True)
    switch_off(sub.root / "studies" / "mudgway2020")
    folder = run_evidence(sub.root / "studies", load_evidence(NAME, CATALOG), CATALOG, sub).folder
    (name,) = read(folder, "studies").filter(pl.col("site"))["name"].unique()
    assert name == "toy: mudgway2020, matched cox (gate off)"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["site"][0]["shown_because"] == "gate off"
