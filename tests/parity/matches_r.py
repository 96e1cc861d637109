"""One helper that compares our numbers with R's; what of a fixture is not compared has to be named."""

import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

FIXTURES = Path(__file__).parent / "fixtures"


@cache
def r_value(name: str) -> dict:
    """What R returned, by name of the number."""
    return json.loads((FIXTURES / f"{name}.json").read_text())["value"]


@cache
def data(name: str) -> pl.DataFrame:
    """A data set R was given; R's NA is null."""
    return pl.read_csv(FIXTURES / f"{name}.csv", null_values="NA", infer_schema_length=None)


def assert_matches_r(
    actual: Mapping[str, object], fixture: str, rtol: float = 1e-6, leave: Collection[str] = ()
) -> None:
    """Fail where a number differs from R's by more than `rtol` of it (zeros: by 1e-12).

    `actual` maps R's names to our values. `leave` names what of the fixture another test compares, or what
    is an input. R's NA is NaN or None here. A fixture without compared numbers, and a number that is
    neither compared nor left, are failures.
    """
    expected = {k: v for k, v in r_value(fixture).items() if k not in leave and not _is_null(v)}
    assert expected, f"{fixture} compares nothing"
    assert set(actual) == set(expected), f"{fixture}: compared {set(actual)}, R has {set(expected)}"
    for key, value in expected.items():
        ours, theirs = _numbers(actual[key]), _numbers(value)
        assert ours.shape == theirs.shape, f"{fixture}.{key}: {ours.shape} against R's {theirs.shape}"
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12, err_msg=f"{fixture}.{key}")


def _is_null(value: object) -> bool:
    return value == {}  # how jsonlite writes NULL


def _numbers(value: object) -> np.ndarray:
    if isinstance(value, dict):
        value = list(value.values())
    return np.array(value, dtype=np.float64)  # None becomes NaN
