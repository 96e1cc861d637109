"""What is switched on in each scenario of the study."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """One way in which a comparison of operated and unoperated people can go wrong, or several at once.

    Attributes
    ----------
    name : str
    hazard_ratio : float
        What surgery does to the hazard of death, given everything else.
    confounding : bool
        C: surgery depends on z, v and h.
    immortal : bool
        I: surgery happens in the months after the diagnosis. Off: the same people are operated at 0.
    migration : bool
        M: some people's metastases are few, found only after an early operation.
    clinical_only : bool
        The cohort keeps those whose metastases were known before surgery: it drops M's people.
    unmeasured : bool
        U: u acts on surgery and on death and is in no model.
    late : bool
        Surgery goes on after month 8, more rarely.
    """

    name: str
    hazard_ratio: float = 1.0
    confounding: bool = False
    immortal: bool = False
    migration: bool = False
    clinical_only: bool = False
    unmeasured: bool = False
    late: bool = False

    @property
    def measured(self) -> bool:
        """Whether everything that acts on death is in z, v and h."""
        return not self.unmeasured and (self.clinical_only or not self.migration)


HAZARD_RATIOS = (1.0, 0.8)
_C_AND_I = {"confounding": True, "immortal": True}
_SWITCHES: dict[str, dict[str, bool]] = {
    "none": {},
    "C": {"confounding": True},
    "I": {"immortal": True},
    "C+I": _C_AND_I,
    "C+I+M": {**_C_AND_I, "migration": True},
    "C+I+M, clinical M1": {**_C_AND_I, "migration": True, "clinical_only": True},
    "C+I+U": {**_C_AND_I, "unmeasured": True},
    "C+I+Late": {**_C_AND_I, "late": True},
}
DESCRIPTIONS = {
    "none": "Nothing wrong: surgery by chance, at 0.",
    "C": "Confounding only: the healthier are operated, at 0.",
    "I": "Immortal time only: surgery by chance, in the first eight months.",
    "C+I": "Both.",
    "C+I+M": "Both, and stage migration: 12 % have occult disease that is found by their operation.",
    "C+I+M, clinical M1": "The same people; the cohort is those whose metastases were known before surgery.",
    "C+I+U": "Both, and a confounder that nobody measured.",
    "C+I+Late": "Both, and surgery that goes on after month 8.",
}


def scenarios(names: tuple[str, ...] = tuple(_SWITCHES)) -> tuple[Scenario, ...]:
    """Scenarios under a hazard ratio of 1 and of 0.8, in the order of the document."""
    return tuple(Scenario(name, ratio, **_SWITCHES[name]) for name in names for ratio in HAZARD_RATIOS)
