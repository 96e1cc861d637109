"""The analyses: each takes the people of a study and gives estimates, findings and tables."""

from pipelines.studies.estimators.registry import ESTIMATORS, SUMMARIES, Estimator, Summary

__all__ = ["ESTIMATORS", "SUMMARIES", "Estimator", "Summary"]
