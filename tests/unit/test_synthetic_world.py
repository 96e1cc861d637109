"""The simulator: same seed, same people; marginals near the published ones; nothing unmeasured confounds."""

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from pipelines.errors import InputError
from pipelines.synthetic import FORMATS, WorldSettings, write_extract
from pipelines.synthetic.draws import Draws
from pipelines.synthetic.ncdb import release
from pipelines.synthetic.outcomes import time_of_death
from pipelines.synthetic.seerstat import release as seer_release
from pipelines.synthetic.world import World, make_world

ROWS = 20_000


@pytest.fixture(scope="module")
def metastatic() -> World:
    return make_world(WorldSettings(stage_iv_share=1.0, immortal_time=True), release("2016"), ROWS, 11)


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path, format_name):
    first, again, other = (
        write_extract(WorldSettings(), format_name, 60, seed, tmp_path / name)
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    for one, two, three in zip(first.paths, again.paths, other.paths, strict=True):
        assert one.read_bytes() == two.read_bytes()
        if one.suffix != ".dic":  # the dictionary describes columns, not people
            assert one.read_bytes() != three.read_bytes()


@pytest.mark.parametrize("format_name", ["ncdb-2016", "seerstat-nov2018", "mapped-msk"])
def test_a_longer_file_begins_with_the_shorter_one(tmp_path, format_name):
    short = write_extract(WorldSettings(), format_name, 40, 3, tmp_path / "short").extracts[0]
    long = write_extract(WorldSettings(), format_name, 90, 3, tmp_path / "long").extracts[0]
    # the last person of a short SEER file may turn out to have a second tumour in the longer one
    kept = short.read_bytes().splitlines()[:-1]
    assert long.read_bytes().splitlines()[: len(kept)] == kept


def test_a_variable_has_the_same_stream_whatever_else_is_drawn():
    draws = Draws(seed=5, rows=100)
    before = draws.uniform("age")
    draws.uniform("something new")
    np.testing.assert_array_equal(before, draws.uniform("age"))
    assert not np.array_equal(before, Draws(5, 100, block=1).uniform("age"))


def test_unknown_formats_and_years_outside_the_release_are_refused(tmp_path):
    with pytest.raises(InputError, match="no synthetic format"):
        write_extract(WorldSettings(), "ncdb-1066", 10, 1, tmp_path)
    with pytest.raises(InputError, match="outside the release"):
        write_extract(WorldSettings(years=(1999, 2005)), "ncdb-2016", 10, 1, tmp_path)
    assert not list(tmp_path.glob("*.dat"))


def test_more_than_thirty_percent_operated_is_refused():
    with pytest.raises(ValidationError):
        WorldSettings(operated_share=0.31)


def test_time_of_death_spends_the_hazard_before_and_after_the_operation():
    # hazard 0.1 before: 2 months spend 0.2; 0.8 is left at 0.05 + 0.0 after: 16 months more
    time = time_of_death(
        unit=np.array([1.0, 0.1, 1.0]),
        cancer=np.array([0.1, 0.1, 0.1]),
        other=np.zeros(3),
        surgery_hr=np.array([0.5, 0.5, 0.5]),
        surgery=np.array([2.0, 2.0, np.inf]),
    )
    np.testing.assert_allclose(time, [18.0, 1.0, 10.0])


def test_survival_and_shares_lie_near_the_published_ones(metastatic):
    years = (metastatic.year >= 2010) & (metastatic.year <= 2013)
    alive_at_36 = (metastatic.course.death > 36)[years].mean()
    assert alive_at_36 == pytest.approx(0.525, abs=0.03)  # NCDB 2010-13
    pattern = metastatic.latent["pattern"]
    assert pattern.is_("bone_only").mean() == pytest.approx(0.398, abs=0.03)
    assert pattern.is_("multiple").mean() == pytest.approx(0.331, abs=0.03)
    assert np.percentile(metastatic.age, 50) == pytest.approx(61, abs=2.5)


@pytest.mark.parametrize("world_release", [release("2016"), seer_release("nov2018")])
@pytest.mark.parametrize("immortal_time", [True, False])
def test_at_most_thirty_percent_are_operated(world_release, immortal_time):
    settings = WorldSettings(stage_iv_share=1.0, immortal_time=immortal_time)
    world = make_world(settings, world_release, ROWS, 4)
    assert 0.15 < world.course.operated.mean() <= 0.30


def test_visceral_disease_is_deadlier_than_disease_of_bone_alone(metastatic):
    pattern, death = metastatic.latent["pattern"], metastatic.course.death
    bone = np.median(death[pattern.is_("bone_only")])
    assert np.median(death[pattern.is_("nodal_only", "bone_only")]) > np.median(
        death[pattern.is_("multiple")]
    )
    assert bone > np.median(death[pattern.is_("brain_only")])


def test_immortal_time_is_a_switch():
    on = make_world(WorldSettings(stage_iv_share=1.0, immortal_time=True), release("2016"), ROWS, 8).course
    off = make_world(WorldSettings(stage_iv_share=1.0, immortal_time=False), release("2016"), ROWS, 8).course
    np.testing.assert_array_equal(np.isfinite(on.planned_surgery), np.isfinite(off.planned_surgery))
    assert set(off.planned_surgery[np.isfinite(off.planned_surgery)]) == {0.0}
    assert on.operated.sum() < off.operated.sum()  # some died first
    assert (on.planned_surgery[on.operated] <= on.death[on.operated]).all()


def test_what_a_registry_does_not_record_does_not_move_the_decision_to_operate():
    """Where the receptor is recorded as unknown, the true receptor says nothing about surgery."""
    world = make_world(WorldSettings(stage_iv_share=1.0, immortal_time=False), release("2016"), 200_000, 2)
    unknown = world.recorded["er"].is_("unknown")
    positive = world.latent["er"].is_("positive")
    operated = world.course.operated

    def z(rows):
        p, q = operated[rows & positive], operated[rows & ~positive]
        return (p.mean() - q.mean()) / np.sqrt(p.var() / len(p) + q.var() / len(q))

    assert abs(z(unknown)) < 3.5
    assert z(~unknown) > 5  # recorded, it does


def test_without_confounding_nothing_moves_it():
    world = make_world(WorldSettings(stage_iv_share=1.0, confounding=0.0), release("2016"), ROWS, 2)
    planned = np.isfinite(world.course.planned_surgery)
    for group in ("under", "over"):
        rows = (world.age < 60) == (group == "under")
        assert planned[rows].mean() == pytest.approx(0.24, abs=0.02)


def test_the_truth_has_one_row_per_record_and_no_truth_in_the_extract(tmp_path):
    files = write_extract(WorldSettings(), "ncdb-2016", 500, 1, tmp_path)
    truth = pl.read_parquet(files.truth)
    assert truth["source_record"].to_list() == list(range(1, 501))
    assert truth["source_file"].unique().to_list() == [files.extracts[0].name]
    assert truth.filter(pl.col("arm") == "surgery")["planned_surgery"].is_finite().all()
