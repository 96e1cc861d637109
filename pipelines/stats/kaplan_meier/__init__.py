"""Survival without a model: Kaplan–Meier curves, what is read off them, and tests between them."""

from .comparisons import paired_logrank, pairwise_logrank
from .conditional import conditional_survival, landmark_survival
from .curve import KaplanMeier, KaplanMeierCurve, Quantile
from .estimate import kaplan_meier
from .follow_up import (
    Completeness,
    completeness_of_follow_up,
    median_follow_up,
    naive_median,
    reverse_kaplan_meier,
)
from .restricted_mean import restricted_mean_survival
from .truncation import quasi_independence_test

__all__ = [
    "Completeness",
    "KaplanMeier",
    "KaplanMeierCurve",
    "Quantile",
    "completeness_of_follow_up",
    "conditional_survival",
    "kaplan_meier",
    "landmark_survival",
    "median_follow_up",
    "naive_median",
    "paired_logrank",
    "pairwise_logrank",
    "quasi_independence_test",
    "restricted_mean_survival",
    "reverse_kaplan_meier",
]
