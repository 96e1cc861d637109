"""The analyses: each takes the people of a study and gives estimates, findings and tables."""

from pipelines.studies.estimators.registry import ESTIMATORS, Estimator

__all__ = ["ESTIMATORS", "Estimator"]
