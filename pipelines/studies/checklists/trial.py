"""TARGET's protocol items from the emulation of a study: what the trial did, and what stands for it here."""

from collections.abc import Callable

from pipelines.studies.checklists.at_hand import SOURCES, AtHand
from pipelines.studies.language import Emulation
from pipelines.studies.target_trial import STATUS, protocol_table

COMPONENTS = {
    "eligibility": ("eligibility",),
    "strategies": ("treatment_strategies", "grace_period"),
    "assignment": ("assignment",),
    "follow_up": ("time_zero", "follow_up"),
    "outcome": ("outcome",),
    "estimand": ("estimand",),
    "analysis": ("analysis",),
}
"""Components of the protocol table by the item that asks for them."""


def emulation_of(known: AtHand) -> Emulation:
    """The emulation of a study that has one.

    Raises
    ------
    ValueError
        It has none; TARGET is not asked of such a study.
    """
    if known.study.emulation is None:
        raise ValueError(f"study {known.study.id} emulates no trial")
    return known.study.emulation


def about(component: str, item: str) -> str:
    """Name of a component, where an item asks for several."""
    return f"{component.replace('_', ' ').capitalize()}: " if len(COMPONENTS[item]) > 1 else ""


def trial_side(item: str) -> Callable[[AtHand], list[str]]:
    """What the trial did."""

    def say(known: AtHand) -> list[str]:
        rows = protocol_table(known.study).iter_rows(named=True)
        return [
            about(row["component"], item) + row["target_trial"]
            for row in rows
            if row["component"] in COMPONENTS[item]
        ]

    return say


def registry_side(item: str) -> Callable[[AtHand], list[str]]:
    """What stands for it here, and whether it is recorded."""

    def say(known: AtHand) -> list[str]:
        rows = protocol_table(known.study).iter_rows(named=True)
        return [
            about(row["component"], item)
            + row["emulation"]
            + (f" ({STATUS[row['status']]})" if row["status"] else "")
            for row in rows
            if row["component"] in COMPONENTS[item]
        ]

    return say


def emulates(known: AtHand) -> list[str]:
    """Which trial, in which data."""
    one = emulation_of(known)
    where = " or ".join(SOURCES[name] for name in known.study.sources)
    return [f"Emulates the trial {one.trial_name} in: {where}."]


def why_emulated(known: AtHand) -> list[str]:
    """A trial that is there is the benchmark."""
    return [
        f"The trial {emulation_of(known).trial_name} was done: it is the benchmark that the emulation is held against."
    ]


def trial_assumptions(known: AtHand) -> list[str]:
    """Randomisation; what is left are adherence and follow-up."""
    return [
        "Assignment at random makes the arms alike; what is left rests on adherence and complete follow-up."
    ]


def here_assumptions(known: AtHand) -> list[str]:
    """What the emulation rests on: adjustment, positivity, and what is not recorded."""
    study = known.study
    terms = study.models.propensity or study.models.cox
    missing = [one.trial for one in emulation_of(known).criteria if one.status == "not_recorded"]
    said = [
        f"No confounding beyond: {', '.join(terms) or 'nothing is adjusted for'}.",
        "Everybody could have followed either strategy, given those; the gate looks at balance and common support.",
        "Whoever is lost to follow-up is like those who stay, given those.",
    ]
    return said + [f"Not recorded, so that nothing here can adjust for it: {one}." for one in missing]


def data_sources(known: AtHand) -> list[str]:
    """Sources, release, quality."""
    from pipelines.studies.checklists.answers import database, linkage
    from pipelines.studies.checklists.results import cleaning

    return [*database(known), *linkage(known), *(cleaning(known) if known.run else [])]


def here_analysis(known: AtHand) -> list[str]:
    """The emulation's analysis with missing values and sensitivity analyses."""
    from pipelines.studies.checklists.answers import missing, sensitivity

    return [*registry_side("analysis")(known), *missing(known), *sensitivity(known)]


def emulation_limits(known: AtHand) -> list[str]:
    """What the trial's question rests on and no registry records; outcomes that are refused; the run's warnings."""
    from pipelines.studies.checklists.results import limits

    one = emulation_of(known)
    said = [f"The trial's question rests on what is not recorded: {lack.trial}." for lack in one.undecidable]
    said += [f"Refused, {name.replace('_', ' ')}: {reason}" for name, reason in one.refused_outcomes.items()]
    return said + (limits(known) if known.run else [])


def registration(known: AtHand) -> list[str]:
    """The definition is the protocol; registering it is the authors'."""
    return [
        f"The protocol is catalog/studies/{known.study.id}/study.yaml; registering it is up to the authors."
    ]


EMULATION_ANSWERS: dict[str, Callable[[AtHand], list[str]]] = {
    **{f"trial_{item}": trial_side(item) for item in COMPONENTS},
    **{f"here_{item}": registry_side(item) for item in COMPONENTS if item != "analysis"},
    "emulates": emulates,
    "why_emulated": why_emulated,
    "trial_assumptions": trial_assumptions,
    "here_assumptions": here_assumptions,
    "here_analysis": here_analysis,
    "data_sources": data_sources,
    "emulation_limits": emulation_limits,
    "registration": registration,
}
