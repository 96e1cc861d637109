"""The SEER and time-trend studies: who is in which arm, what is refused, and an estimate for each published number."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines import steps
from pipelines.cohorts import materialise
from pipelines.errors import RefusedError
from pipelines.settings import Settings
from pipelines.store import Home
from pipelines.studies import load_published, load_study, run_study, show_study
from pipelines.synthetic import WorldSettings, write_extract
from pipelines.synthetic.life_table import life_table
from tests.unit.toy_registry import submission, tumors

CATALOG = Settings().catalog_dir
SEER = (
    "vohra2018",
    "gnerlich2007",
    "warschkow2016",
    "thomas2016",
    "tan2016",
    "wu2017",
    "yang2018",
    "xian2021",
    "stage_iv_facts",
    "andre2004",
)
OPERATED = [name for name in SEER if name not in ("stage_iv_facts", "andre2004")]


def arms(root: Path, cohort: str, rows: list[dict[str, Any]], **more: Any) -> list[str | None]:
    """The arm of each toy woman in a cohort, None where she is not a member."""
    given = {"source": "seer", "covered": (1975, 2018), **more}
    sub = submission(root, tumors(rows, source=given["source"]), **given)
    materialise(sub, cohort, CATALOG)
    members = pl.read_parquet(sub.root / "cohorts" / cohort / "members.parquet")
    found = dict(members.select("source_record", "arm").iter_rows())
    return [found.get(number) for number in range(1, len(rows) + 1)]


def test_tan_names_its_arms_by_what_was_done_as_seer_has_no_margin(tmp_path: Path) -> None:
    year = {"year_of_diagnosis": 2006}
    rows = [
        {**year, "operated": True, "other_site_surgery": "yes"},
        {**year, "operated": True, "other_site_surgery": "no"},
        {**year, "operated": False, "other_site_surgery": "yes"},
        {**year, "operated": False, "other_site_surgery": "no"},
        {**year, "operated": True, "other_site_surgery": "unknown"},
        {**year, "operated": None, "other_site_surgery": "no"},
    ]
    assert arms(tmp_path, "stage_iv_seer_2004_2008_four_arms", rows) == [
        "primary_and_other_site_surgery", "primary_only", "other_site_only", "none", None, None,
    ]  # fmt: skip


def test_xian_compares_by_extent_and_leaves_out_an_operation_of_unknown_kind(tmp_path: Path) -> None:
    known = {"year_of_diagnosis": 2012, "n_organ_sites": 1, "metastatic_pattern": "bone_only"}
    kinds = ("breast_conserving", "mastectomy", "none", "surgery_nos", "unknown")
    rows = [{**known, "primary_surgery": kind} for kind in kinds]
    assert arms(tmp_path, "stage_iv_seer_2010_2015_three_arms", rows) == [
        "breast_conserving", "mastectomy", "none", None, None,
    ]  # fmt: skip


def test_the_share_of_stage_iv_has_one_edition_to_2015_and_the_historic_stage_before_1988(
    tmp_path: Path,
) -> None:
    rows = [
        {
            "year_of_diagnosis": 1980,
            "summary_distant": True,
            "stage_iv": None,
            "stage_iv_adjusted_ajcc6": None,
        },
        {
            "year_of_diagnosis": 1980,
            "summary_distant": False,
            "stage_iv": None,
            "stage_iv_adjusted_ajcc6": None,
        },
        {
            "year_of_diagnosis": 2012,
            "summary_distant": True,
            "stage_iv": True,
            "stage_iv_adjusted_ajcc6": False,
        },
        {
            "year_of_diagnosis": 2012,
            "summary_distant": True,
            "stage_iv": True,
            "stage_iv_adjusted_ajcc6": None,
        },
        {
            "year_of_diagnosis": 2017,
            "summary_distant": False,
            "stage_iv": True,
            "stage_iv_adjusted_ajcc6": None,
        },
    ]
    assert arms(tmp_path, "breast_seer_all_stages", rows) == [
        "stage IV", "other stages", "other stages", None, "stage IV",
    ]  # fmt: skip


def test_no_radiation_leaves_the_irradiated_out_and_the_unknown_is_not_taken_for_no(tmp_path: Path) -> None:
    rows = [
        {"year_of_diagnosis": 1995, "radiation": word}
        for word in ("no_or_unknown", "no", "yes", "unknown", "not_released")
    ]
    found = arms(tmp_path, "stage_iv_seer_1988_2011_no_radiation", rows)
    assert [arm is not None for arm in found] == [True, True, False, False, False]


def test_a_woman_of_unknown_subtype_is_in_no_subtype_and_leaves_the_study_by_subtype(tmp_path: Path) -> None:
    rows = [
        {"year_of_diagnosis": 2011, "breast_subtype": word}
        for word in ("triple_negative", "unknown", "hr_pos_her2_pos")
    ]
    found = arms(tmp_path, "stage_iv_seer_2010_2013", rows)
    assert [arm is not None for arm in found] == [True, False, True]


def test_andre_takes_the_historic_stage_in_1987_alone_and_the_arms_are_years(tmp_path: Path) -> None:
    rows = [
        {"year_of_diagnosis": 1987, "summary_distant": True},
        {"year_of_diagnosis": 1990, "summary_distant": True, "metastatic_at_diagnosis": False},
        {"year_of_diagnosis": 1990, "metastatic_at_diagnosis": True},
        {"year_of_diagnosis": 2000, "metastatic_at_diagnosis": True},
    ]
    assert arms(tmp_path, "synchronous_1987_2000", rows) == ["1987-1993", None, "1987-1993", "1994-2000"]


def test_giordano_counts_its_eras_by_the_recurrence_and_wants_chemotherapy_before_it(tmp_path: Path) -> None:
    recurred = {
        "disease_presentation": "metachronous",
        "chemotherapy": "yes",
        "survival_from_metastasis_months": 20.0,
        "entry_from_metastasis_months": 0.0,
    }
    rows = [
        {**recurred, "year_of_diagnosis": 1973, "disease_free_interval_months": 30.0},
        {**recurred, "year_of_diagnosis": 1979, "disease_free_interval_months": 30.0},
        {**recurred, "year_of_diagnosis": 1990, "disease_free_interval_months": 70.0},
        {**recurred, "year_of_diagnosis": 1999, "disease_free_interval_months": 30.0},
        {**recurred, "year_of_diagnosis": 1990, "disease_free_interval_months": 70.0, "chemotherapy": "no"},
        {**recurred, "year_of_diagnosis": 1990, "disease_presentation": "de_novo"},
    ]
    found = arms(tmp_path, "recurrent_after_chemotherapy_1974_2000", rows, source="mapped", covered=None)
    assert found == ["1974-1979", "1980-1984", "1995-2000", None, None, None]


@pytest.mark.parametrize("name", SEER)
def test_the_protocol_reads_and_says_what_no_source_says(name: str) -> None:
    text = show_study(name, CATALOG)
    assert load_study(name, CATALOG).question in text
    if name in OPERATED:
        assert "stage_clinical" in text, "no estimator cures stage migration: the clinical stage is asked for"


@pytest.mark.parametrize("name", OPERATED)
def test_no_date_of_surgery_is_read_in_seer_and_what_needs_one_has_a_stand_in_or_is_not_asked(
    name: str,
) -> None:
    study = load_study(name, CATALOG)
    if "landmark" in study.analyses:
        (instead,) = study.fallbacks
        assert (instead.instead_of, instead.use) == (("landmark",), ("undated_landmark",))
    assert not {"time_varying_cox", "clone_censor_weight", "immortal_time_excluded"} & set(study.analyses)


@pytest.mark.parametrize("name", ["vohra2018", "gnerlich2007", "warschkow2016", "thomas2016", "andre2004"])
def test_a_release_that_starts_in_2000_is_refused_for_its_years(name: str, tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([{}], source="seer"), source="seer", covered=(2000, 2020))
    with pytest.raises(RefusedError, match="covers 2000 to 2020") as refused:
        run_study(sub, name, CATALOG)
    assert refused.value.reason_code == "period_not_covered"


@pytest.mark.parametrize(
    ("name", "column", "status", "code"),
    [
        ("giordano2004", "disease_presentation", "not_released", "not_released"),
        ("dawood2010", "disease_presentation", "not_released", "not_released"),
        ("thomas2016", "radiation", "not_released", "not_released"),
        ("wu2017", "breast_subtype", "not_collected_before_2011", "not_collected"),
        ("tan2016", "other_site_surgery", "not_collected_before_2005", "not_collected"),
        ("yang2018", "n_organ_sites", "not_collected_before_2011", "not_collected"),
    ],
)
def test_what_the_release_does_not_hold_is_refused_by_name_with_its_reason(
    name: str, column: str, status: str, code: str, tmp_path: Path
) -> None:
    sub = submission(
        tmp_path, tumors([{}], source="seer"), source="seer", covered=(1975, 2018), statuses={column: status}
    )
    with pytest.raises(RefusedError, match=f"made-up reason for {column}") as refused:
        run_study(sub, name, CATALOG)
    assert refused.value.reason_code == code


@pytest.mark.parametrize("name", OPERATED)
def test_the_ncdb_is_not_what_these_studies_are_defined_for(name: str, tmp_path: Path) -> None:
    sub = submission(tmp_path, tumors([{}]), covered=(1988, 2016))
    with pytest.raises(RefusedError, match="ncdb") as refused:
        run_study(sub, name, CATALOG)
    assert refused.value.reason_code == "source_not_suited"


@pytest.fixture(scope="module")
def seer(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A small synthetic SEER release with a life table beside it; studies are added, nothing else changed."""
    folder = tmp_path_factory.mktemp("seer")
    files = write_extract(WorldSettings(stage_iv_share=0.7), "seerstat-nov2018", 4_000, 3, folder)
    home = Home(folder / "home")
    steps.load(home, [path for path in files.paths if "truth" not in path.name], "seer")
    steps.build(home, "seer")
    steps.validate(home, "seer")
    (home.root / "life_tables").mkdir()
    life_table(1975, 2030).write_csv(home.root / "life_tables" / "seer.csv")
    return home


def ran(home: Home, name: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Estimates and comparison of a study."""
    folder = steps.run_study(home, "seer", name).folder
    return pl.read_csv(folder / "estimates.csv", infer_schema_length=None), pl.read_csv(
        folder / "comparison.csv", infer_schema_length=None
    )


def test_every_fact_of_stage_iv_finds_its_estimate_and_relative_survival_is_near_the_cause_specific(
    seer: Home,
) -> None:
    estimates, comparison = ran(seer, "stage_iv_facts")
    assert comparison.height == len(load_published("stage_iv_facts", CATALOG))
    at_five = estimates.filter(
        (pl.col("analysis") == "group_survival") & (pl.col("contrast") == "at 60 months")
    )
    value = {(row["subgroup"], row["measure"]): row["estimate"] for row in at_five.iter_rows(named=True)}
    observed, relative = value["all", "survival_probability"], value["all", "relative_survival"]
    assert observed < relative
    assert relative == pytest.approx(value["cancer_specific", "survival_probability"], abs=0.02)
    shares = estimates.filter((pl.col("analysis") == "share_by_year") & (pl.col("term") == "stage"))
    over_years = shares.filter(pl.col("contrast") == "stage IV, of all years")["estimate"].sum()
    assert over_years == pytest.approx(100)
    assert estimates.filter(
        (pl.col("analysis") == "share_by_year") & pl.col("subgroup").str.starts_with("stage IV, year=")
    ).height, "the share operated on by year"


def test_four_arms_and_a_subgroup_of_them_find_their_numbers_and_the_misprint_is_named(seer: Home) -> None:
    estimates, comparison = ran(seer, "tan2016")
    assert comparison.height == len(load_published("tan2016", CATALOG))
    contrasts = set(estimates.filter(pl.col("analysis") == "cox_adjusted")["contrast"])
    assert {
        f"{arm} vs none" for arm in ("primary_and_other_site_surgery", "primary_only", "other_site_only")
    } <= (contrasts)
    (note,) = comparison.filter(pl.col("target") == "hr_primary")["note"]
    assert "misprint" in note


def test_eras_as_arms_compare_three_year_survival_and_the_ratio_of_a_cox_model(seer: Home) -> None:
    _, comparison = ran(seer, "andre2004")
    compared = comparison.filter(pl.col("verdict") != "not_comparable")["target"].to_list()
    assert compared == ["three_year_1987_1993", "three_year_1994_2000", "rr_death"]


def test_a_hazard_ratio_for_each_year_and_the_clinical_stage_that_seer_does_not_release(seer: Home) -> None:
    estimates, comparison = ran(seer, "warschkow2016")
    assert comparison.height == len(load_published("warschkow2016", CATALOG))
    by_year = estimates.filter(pl.col("analysis") == "cox_effect_by")["subgroup"].to_list()
    assert {"year=1998", "year=2009"} <= set(by_year)
    diagnostics = pl.read_csv(
        seer.published("seer").root / "studies" / "warschkow2016" / "diagnostics.csv",
        infer_schema_length=None,
    )
    unknown = diagnostics.filter(pl.col("check") == "outcome_unknown")["subgroup"].to_list()
    assert "cancer_specific" in " ".join(unknown)
    assert "all" not in unknown, "that somebody died is known, whatever she died of"
    clinical = diagnostics.filter((pl.col("subgroup") == "stage_clinical") & (pl.col("status") == "absent"))
    assert clinical.height
    assert all("does not release" in message for message in clinical["message"])


@pytest.mark.parametrize("cohort", ["stage_iv_seer_1998_2009", "stage_iv_seer_1988_2011"])
def test_no_rule_of_a_cohort_leaves_out_the_dead_alone(cohort: str, tmp_path: Path) -> None:
    causes = ("alive", "breast_cancer", "other_cause", "missing_cause", "unknown")
    rows = [{"year_of_diagnosis": 2003, "cause_of_death_group": cause} for cause in causes]
    assert None not in arms(tmp_path, cohort, rows)


def women(n: int, seed: int, **levels: list[Any]) -> list[dict[str, Any]]:
    """Toy women with a level of each column drawn at random, most of whom die within twenty years."""
    draw = np.random.default_rng(seed)
    months = np.ceil(draw.exponential(40, n)).clip(1, 240)
    columns = {
        name: [values[place] for place in draw.integers(0, len(values), n)] for name, values in levels.items()
    }
    return [
        {
            "survival_months": float(months[row]),
            "died": bool(months[row] < 240),
            **{name: values[row] for name, values in columns.items()},
        }
        for row in range(n)
    ]


def test_before_1988_survival_is_that_of_the_historic_stage_and_two_registries_have_their_fifteen_years(
    tmp_path: Path,
) -> None:
    rows = women(
        900,
        1,
        year_of_diagnosis=list(range(1975, 1988)),
        registry=["Connecticut", "San Francisco-Oakland SMSA", "Iowa"],
        summary_distant=[True, True, False],
        age_at_diagnosis_years=list(range(40, 80)),
    )
    for row in rows:
        row |= {"stage_iv": None, "stage_iv_adjusted_ajcc6": None, "died_of_breast_cancer": row["died"]}
    sub = submission(tmp_path, tumors(rows, source="seer"), source="seer", covered=(1975, 2018))
    folder = run_study(sub, "stage_iv_facts", CATALOG).folder
    verdicts = dict(
        pl.read_csv(folder / "comparison.csv", infer_schema_length=None)
        .filter(pl.col("estimated").is_not_null())
        .select("target", "verdict")
        .iter_rows()
    )
    assert {"five_year_1970s_low", "fifteen_year_connecticut", "fifteen_year_san_francisco_oakland"} <= set(
        verdicts
    )
    assert not [target for target in verdicts if "2010" in target], "nobody here was diagnosed then"


def test_a_hospital_that_maps_recurrence_years_and_chemotherapy_can_answer_giordano(tmp_path: Path) -> None:
    rows = women(
        600,
        2,
        year_of_diagnosis=list(range(1973, 1998)),
        disease_free_interval_months=[20.0, 30.0, 40.0],
        derived_t=["T1", "T2", "T3", "T4b"],
        derived_n=["N0", "N1", "N2a"],
        er_status=["positive", "negative"],
        grade=["well", "moderate", "poor"],
    )
    for row in rows:
        row |= {
            "disease_presentation": "metachronous",
            "chemotherapy": "yes",
            "survival_from_metastasis_months": row["survival_months"],
            "entry_from_metastasis_months": 0.0,
        }
    sub = submission(tmp_path, tumors(rows, source="mapped"), source="mapped", covered=None)
    folder = run_study(sub, "giordano2004", CATALOG).folder
    comparison = pl.read_csv(folder / "comparison.csv", infer_schema_length=None)
    judged = comparison.filter(pl.col("verdict") != "not_comparable")
    assert judged.height == comparison.height - 1, "all but the number of women of that center"
