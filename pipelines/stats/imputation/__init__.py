"""Multiple imputation: what is unknown is drawn many times, analysed each time, and pooled."""

from .chained_equations import Imputations, Variable, impute
from .rubin import Pooled, pool, pool_effects

__all__ = ["Imputations", "Pooled", "Variable", "impute", "pool", "pool_effects"]
