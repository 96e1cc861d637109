"""Balance: whether the arms of a design are alike."""

from .measures import Balance, balance

__all__ = ["Balance", "balance"]
