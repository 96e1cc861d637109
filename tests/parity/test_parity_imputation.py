"""Rubin's rules give the numbers of `mice::pool.scalar`."""

from matches_r import assert_matches_r

from pipelines.stats.imputation import pool


def test_pool_scalar() -> None:
    pooled = pool([0.50, 0.55, 0.47, 0.60, 0.52], [0.010, 0.011, 0.012, 0.010, 0.009], n=300, n_parameters=4)
    assert_matches_r(
        {
            "qbar": pooled.estimate,
            "ubar": pooled.within,
            "b": pooled.between,
            "t": pooled.std_err**2,
            "df": pooled.df,
            "fmi": pooled.fraction_missing,
        },
        "rubin_pool_scalar",
        rtol=1e-12,
    )
