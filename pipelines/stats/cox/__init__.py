"""Cox's proportional hazards model and what is asked of it: tests, residuals, intervals, curves."""

from .concordance import Concordance, concordance_of
from .firth import FirthCoxFit, fit_firth_cox
from .fit import ChiSquareTest, CoxFit, fit_cox
from .prediction import baseline_hazard, survival_curve, survival_curves
from .profile import ProfileIntervals, profile_intervals
from .splines import hazard_ratio_curve, natural_spline, nonlinearity_test, restricted_cubic_spline
from .terms import Design, Term, design, factor, interaction, numeric
from .tests import contrasts, joint_tests, likelihood_ratio_test
from .time_split import split_follow_up, time_split_hazard_ratios
from .variance import ClusteredCovariance, clustered_covariance

__all__ = [
    "ChiSquareTest",
    "ClusteredCovariance",
    "Concordance",
    "CoxFit",
    "Design",
    "FirthCoxFit",
    "ProfileIntervals",
    "Term",
    "baseline_hazard",
    "clustered_covariance",
    "concordance_of",
    "contrasts",
    "design",
    "factor",
    "fit_cox",
    "fit_firth_cox",
    "hazard_ratio_curve",
    "interaction",
    "joint_tests",
    "likelihood_ratio_test",
    "natural_spline",
    "nonlinearity_test",
    "numeric",
    "profile_intervals",
    "restricted_cubic_spline",
    "split_follow_up",
    "survival_curve",
    "survival_curves",
    "time_split_hazard_ratios",
]
