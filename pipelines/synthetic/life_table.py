"""The general population of the synthetic world: a life table like the one that a site puts into its home."""

import numpy as np
import polars as pl

from pipelines.synthetic.world import OTHER_DEATH_AT_50, OTHER_DEATH_PER_YEAR_OF_AGE

OLDEST = 110


def life_table(first_year: int, last_year: int) -> pl.DataFrame:
    """Death rates of people without the cancer, as `pipelines.stats.relative_survival` reads them.

    Parameters
    ----------
    first_year, last_year : int
        Calendar years, both included; the rates are the same in all of them.

    Returns
    -------
    pl.DataFrame
        ``age, year, sex, hazard_per_year``: the hazard from which the world draws the other deaths of people
        without another illness, women and men alike, so that relative survival comes out a little below survival of
        the cancer alone.
    """
    rate = 12 * OTHER_DEATH_AT_50
    ages = pl.DataFrame({"age": np.arange(OLDEST + 1)}).with_columns(
        hazard_per_year=rate * (OTHER_DEATH_PER_YEAR_OF_AGE * (pl.col("age") - 50.0)).exp()
    )
    years = pl.DataFrame({"year": np.arange(first_year, last_year + 1)})
    sexes = pl.DataFrame({"sex": ["female", "male"]})
    cells = sexes.join(years, how="cross").join(ages, how="cross")
    return cells.select("age", "year", "sex", "hazard_per_year")
