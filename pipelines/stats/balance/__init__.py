"""Balance: whether the arms of a design are alike."""

from .levels import ArmsBalance, FactorBalance, balance_of_arms, factor_balance
from .measures import Balance, balance, effective_sample_size

__all__ = [
    "ArmsBalance",
    "Balance",
    "FactorBalance",
    "balance",
    "balance_of_arms",
    "effective_sample_size",
    "factor_balance",
]
