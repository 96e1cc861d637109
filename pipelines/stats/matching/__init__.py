"""Matching: who is compared with whom."""

from ._people import SCALES, SPREADS
from .matches import Lost, Matches, lost_treated
from .nearest import ORDERS, match_nearest

__all__ = ["ORDERS", "SCALES", "SPREADS", "Lost", "Matches", "lost_treated", "match_nearest"]
