"""Survival without a model: Kaplan–Meier curves, what is read off them, and tests between them."""

from .curve import KaplanMeier, KaplanMeierCurve, Quantile
from .estimate import kaplan_meier
from .follow_up import (
    Completeness,
    completeness_of_follow_up,
    median_follow_up,
    naive_median,
    reverse_kaplan_meier,
)

__all__ = [
    "Completeness",
    "KaplanMeier",
    "KaplanMeierCurve",
    "Quantile",
    "completeness_of_follow_up",
    "kaplan_meier",
    "median_follow_up",
    "naive_median",
    "reverse_kaplan_meier",
]
