"""A checklist as a table: every item with what the study says to it, and what is left to the authors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from pipelines.cohorts.catalog import study_in_use, table_file
from pipelines.errors import InputError
from pipelines.studies.catalog import is_evidence
from pipelines.studies.checklists.answers import ANSWERS, AnswerFacts
from pipelines.studies.checklists.at_hand import AtHand, at_hand
from pipelines.studies.csv_rows import read_rows
from pipelines.studies.language import StudyDefinition

CHECKLISTS = {
    "strobe": "STROBE: observational studies",
    "record": "RECORD: studies of routinely collected health data, beside STROBE",
    "target": "TARGET 2025: observational studies that emulate a target trial",
}
AUTHORS = "To be written by the authors."
REST = "The rest is to be written by the authors."
AFTER_A_RUN = "Known after a run on a submission."
NOT_HERE = "Not applicable: the study has nothing of the kind."


class ChecklistItem(BaseModel):
    """One row of ``catalog/checklists/<name>.csv``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: str
    section: str
    asks: str
    answer: str
    authors: Literal["none", "part", "all"]
    verification: Literal["read", "memory"]

    @field_validator("answer")
    @classmethod
    def _known(cls, value: str) -> str:
        if value and value not in ANSWERS:
            raise ValueError(f"there is no answer {value}; there are {', '.join(ANSWERS)}")
        return value

    @property
    def facts(self) -> AnswerFacts | None:
        """How it is answered, None where only authors can."""
        return ANSWERS[self.answer] if self.answer else None


@dataclass(frozen=True)
class ChecklistLine:
    """One item, answered.

    Attributes
    ----------
    item, section, asks : str
    answer : tuple of str
        Paragraphs.
    by : {'software', 'software and authors', 'authors', 'after a run'}
    verification : {'read', 'memory'}
        Of the item's number and content.
    """

    item: str
    section: str
    asks: str
    answer: tuple[str, ...]
    by: str
    verification: str


def applicable(study: StudyDefinition) -> tuple[str, ...]:
    """The checklists that a study is reported by: TARGET where it emulates a trial, else STROBE and RECORD."""
    return ("target",) if study.emulation is not None else ("strobe", "record")


def checklist_lines(which: str, known: AtHand, catalog_dir: Path) -> list[ChecklistLine]:
    """Answer every item of a checklist.

    Parameters
    ----------
    which : str
        A key of `CHECKLISTS`.
    known : AtHand
    catalog_dir : Path

    Raises
    ------
    InputError
        No such checklist, its table has mistakes, or it is TARGET and the study emulates no trial.
    """
    if which == "target" and known.study.emulation is None:
        raise InputError(
            f"Study '{known.study.id}' emulates no trial, so there is no TARGET table of it",
            where=study_in_use(known.study.id),
            remedy="Ask for strobe or record; a study that emulates a trial has the block emulation.",
        )
    return [answered(item, known) for item in read_items(which, catalog_dir)]


def answered(item: ChecklistItem, known: AtHand) -> ChecklistLine:
    """One item with its answer, and who gives it."""
    answer: tuple[str, ...] = (AUTHORS,)
    by = "authors"
    if item.facts is not None and item.facts.needs_run and known.run is None:
        answer, by = (AFTER_A_RUN,), "after a run"
    elif item.facts is not None:
        answer, by = tuple(item.facts.say(known)) or (NOT_HERE,), "software"
        if item.authors == "part":
            answer, by = (*answer, REST), "software and authors"
    return ChecklistLine(item.item, item.section, item.asks, answer, by, item.verification)


def read_items(which: str, catalog_dir: Path) -> list[ChecklistItem]:
    """Rows of a checklist's table: the catalog's, or the shipped ones where it has none.

    Raises
    ------
    InputError
        No such checklist, or every wrong row with its line.
    """
    path = table_file("checklists", which, catalog_dir)
    if which not in CHECKLISTS or not path.is_file():
        raise InputError(
            f"There is no checklist '{which}'",
            where=str(path.parent),
            remedy=f"There are: {', '.join(CHECKLISTS)}.",
        )
    return read_rows(path, ChecklistItem, of="the checklist", folder="checklists")


def checklist_text(name: str, which: str, catalog_dir: Path, folder: Path | None = None) -> str:
    """A checklist as text for a terminal.

    Parameters
    ----------
    name : str
        A study of the catalog.
    which : str
        A key of `CHECKLISTS`.
    catalog_dir : Path
    folder : Path, optional
        Where a run of it was written.

    Raises
    ------
    InputError
        As `checklist_lines`; or the study pools published estimates and is no study of people.
    """
    if is_evidence(name, catalog_dir):
        raise InputError(
            f"'{name}' pools published estimates: these checklists are for studies of people",
            where=study_in_use(name),
            remedy="Read its protocol with `cohorts study show`.",
        )
    known = at_hand(name, catalog_dir, folder)
    told = [f"{CHECKLISTS.get(which, which)}, {known.study.title} ({name})"]
    section = ""
    for line in checklist_lines(which, known, catalog_dir):
        if line.section != section:
            section = line.section
            told += ["", section]
        told += [f"  {line.item}  {line.asks}{mark(line)}", *(f"      {part}" for part in line.answer)]
    return "\n".join(told)


def mark(line: ChecklistLine) -> str:
    """What is said of an item that nobody read in the guideline."""
    return " [item from memory: hold it against the guideline]" if line.verification == "memory" else ""
