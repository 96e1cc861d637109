"""Propensity scores: the models that give them."""

from .firth import FirthFit, fit_firth_logistic
from .logistic import LogisticFit, fit_logistic
from .multinomial import MultinomialFit, fit_multinomial
from .overlap import Overlap, overlap, positivity, preference_score
from .score import MODELS, Propensity, fit_propensity

__all__ = [
    "MODELS",
    "FirthFit",
    "LogisticFit",
    "MultinomialFit",
    "Overlap",
    "Propensity",
    "fit_firth_logistic",
    "fit_logistic",
    "fit_multinomial",
    "fit_propensity",
    "overlap",
    "positivity",
    "preference_score",
]
