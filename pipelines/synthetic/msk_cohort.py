"""The people of the synthetic cohort with recurrence."""

from dataclasses import dataclass, fields

import numpy as np

from .draws import BoolArray, Coded, FloatArray, IntArray


@dataclass(frozen=True)
class Cohort:
    """People of the cohort (arrays of shape (n,), months from diagnosis unless said otherwise).

    Attributes
    ----------
    age : ndarray
        At diagnosis (months).
    de_novo, primary_sequenced : ndarray of bool
    metastasis, death, sequencing, last_contact : ndarray
        First distant metastasis (infinite for none), death, first sequencing, death or end of follow-up.
    hazard : ndarray
        Of death after metastasis (per month).
    """

    number: IntArray
    age: FloatArray
    de_novo: BoolArray
    primary_sequenced: BoolArray
    metastasis: FloatArray
    death: FloatArray
    sequencing: FloatArray
    last_contact: FloatArray
    hazard: FloatArray
    covariates: dict[str, Coded]

    @property
    def metastatic(self) -> BoolArray:
        """Metastasis seen by the last contact (n,)."""
        return np.less_equal(self.metastasis, self.last_contact)

    @property
    def died(self) -> BoolArray:
        """Death seen by the last contact (n,)."""
        return np.less_equal(self.death, self.last_contact)

    def take(self, rows: IntArray) -> "Cohort":
        """The same for some people."""
        arrays = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if field.name != "covariates"
        }
        return Cohort(
            **arrays, covariates={name: coded.take(rows) for name, coded in self.covariates.items()}
        )
