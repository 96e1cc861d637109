"""Matching: who is compared with whom."""

from .nearest import ORDERS, SPREADS, Matches, match_nearest

__all__ = ["ORDERS", "SPREADS", "Matches", "match_nearest"]
