"""Propensity scores: the models that give them."""

from .score import Propensity, fit_propensity

__all__ = ["Propensity", "fit_propensity"]
