"""Survival without a model: Kaplan–Meier curves, what is read off them, and tests between them."""

from .estimate import (
    KaplanMeier,
    KaplanMeierCurve,
    Quantile,
    kaplan_meier,
    median_follow_up,
    naive_median,
)

__all__ = [
    "KaplanMeier",
    "KaplanMeierCurve",
    "Quantile",
    "kaplan_meier",
    "median_follow_up",
    "naive_median",
]
