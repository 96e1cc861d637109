"""Synthetic people for the cross-checks: known hazards, whole months (ties) or exact times, from a seed."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

NAMES = ("age", "grade", "her2")


@dataclass(frozen=True)
class People:
    """n people; `cause` is 0 where censored, 1 the cancer, 2 something else."""

    time: np.ndarray
    cause: np.ndarray
    entry: np.ndarray
    covariates: np.ndarray  # columns NAMES
    treated: np.ndarray
    arm: np.ndarray  # of three
    site: np.ndarray
    weight: np.ndarray
    count: np.ndarray

    @property
    def died(self) -> np.ndarray:
        return (self.cause > 0).astype(int)

    @property
    def frame(self) -> pd.DataFrame:
        """What the peers take."""
        columns = {name: self.covariates[:, j] for j, name in enumerate(NAMES)}
        return pd.DataFrame(
            {
                "time": self.time,
                "died": self.died,
                "entry": self.entry,
                "treated": self.treated,
                "site": self.site,
                "weight": self.weight,
                "count": self.count,
                **columns,
            }
        )

    def of(self, rows: np.ndarray) -> "People":
        return replace(self, **{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def people(n: int = 400, seed: int = 1, *, months: bool = True) -> People:
    """Draw people whose treatment depends on covariates, with times in whole months or exact."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(60, 10, n) / 10, rng.integers(1, 4, n), rng.binomial(1, 0.3, n)])
    lean = 0.4 * (x[:, 0] - 6) - 0.5 * (x[:, 1] - 2) + 0.6 * x[:, 2]
    treated = rng.binomial(1, 1 / (1 + np.exp(-lean)))
    arms = np.column_stack([np.ones(n), np.exp(lean), np.exp(-0.3 - lean)])
    arm = (rng.random(n)[:, None] > np.cumsum(arms / arms.sum(axis=1, keepdims=True), axis=1)).sum(axis=1)
    hazard = 0.03 * np.exp(0.3 * (x[:, 0] - 6) + 0.35 * (x[:, 1] - 2) - 0.4 * x[:, 2] - 0.3 * treated)
    own, other, censored = rng.exponential(1 / hazard), rng.exponential(80, n), rng.uniform(12, 60, n)
    time = np.minimum(np.minimum(own, other), censored)
    cause = np.where(time == censored, 0, np.where(time == own, 1, 2))
    time = np.ceil(time) if months else time
    entry = np.where(rng.random(n) < 0.4, time * rng.uniform(0, 0.6, n), 0.0)
    return People(
        time=time,
        cause=cause,
        entry=np.floor(entry) if months else entry,
        covariates=x,
        treated=treated,
        arm=arm,
        site=rng.integers(0, 12, n),
        weight=rng.uniform(0.4, 2.5, n),
        count=rng.integers(1, 4, n),
    )
