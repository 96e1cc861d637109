"""Matching: who is compared with whom."""

from ._people import SCALES, SPREADS
from .coarsened_exact import match_coarsened_exact
from .full import match_full
from .intervals import matched_cox, strata_cox
from .lost import Lost, lost_treated
from .matches import MatchedSample, Matches
from .nearest import ORDERS, match_nearest
from .optimal import match_optimal
from .stability import MatchedDesign, Stability, matched_design, matching_stability
from .strata import Strata, StrataBalance, balance_within
from .subclassification import subclassify
from .within_pairs import adjusted_matched_cox, within_pairs_cox

__all__ = [
    "ORDERS",
    "SCALES",
    "SPREADS",
    "Lost",
    "MatchedDesign",
    "MatchedSample",
    "Matches",
    "Stability",
    "Strata",
    "StrataBalance",
    "adjusted_matched_cox",
    "balance_within",
    "lost_treated",
    "match_coarsened_exact",
    "match_full",
    "match_nearest",
    "match_optimal",
    "matched_cox",
    "matched_design",
    "matching_stability",
    "strata_cox",
    "subclassify",
    "within_pairs_cox",
]
