"""Cox's proportional hazards model and what is asked of it: tests, residuals, intervals, curves."""

from .fit import ChiSquareTest, CoxFit, fit_cox

__all__ = ["ChiSquareTest", "CoxFit", "fit_cox"]
