"""Pooling: published estimates checked, turned to one orientation, pooled with every interval in use."""

from .agreement import Agreement, Comparison, agreement, compare_ratios
from .bias import AsymmetryTest, TrimAndFill, begg, egger, egger_mixed, trim_and_fill
from .influence import LEAVE_ONE_OUT, leave_one_out
from .intervals import PooledInterval
from .overlap import Overlap, find_overlaps, overlaps_frame
from .pool import Pooled, pool
from .published import log_effects, pool_studies
from .regression import MetaRegression, SubgroupPools, meta_regression, pool_subgroups
from .study import StudyCheck, StudyEstimate, check_studies, check_study

__all__ = [
    "LEAVE_ONE_OUT",
    "Agreement",
    "AsymmetryTest",
    "Comparison",
    "MetaRegression",
    "Overlap",
    "Pooled",
    "PooledInterval",
    "StudyCheck",
    "StudyEstimate",
    "SubgroupPools",
    "TrimAndFill",
    "agreement",
    "begg",
    "check_studies",
    "check_study",
    "compare_ratios",
    "egger",
    "egger_mixed",
    "find_overlaps",
    "leave_one_out",
    "log_effects",
    "meta_regression",
    "overlaps_frame",
    "pool",
    "pool_studies",
    "pool_subgroups",
    "trim_and_fill",
]
