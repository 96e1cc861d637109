"""Made-up patients beside a cohort's definition, each with what should become of them: ``<name>.toys.yaml``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Self

import duckdb
import polars as pl
from pydantic import model_validator

from pipelines.cohorts.catalog import cohort_names, load_cohort
from pipelines.cohorts.compile import steps_of
from pipelines.cohorts.definition import KEYS, CohortDefinition, Identifier, Strict
from pipelines.cohorts.run import judge_tumors, rule_outcomes
from pipelines.cohorts.yaml_models import Document, Place, read_document
from pipelines.errors import GateError, InputError
from pipelines.registry.dictionary import DictionaryColumn, read_dictionary

ENDING = ".toys.yaml"
Value = bool | int | float | str | None
TYPES: Mapping[str, tuple[pl.DataType, tuple[type, ...]]] = {
    "varchar": (pl.String(), (str,)),
    "boolean": (pl.Boolean(), (bool,)),
    "double": (pl.Float64(), (float, int)),
    "bigint": (pl.Int64(), (int,)),
    "integer": (pl.Int32(), (int,)),
}
"""Types of the data dictionary: in a table, and as YAML reads them."""
LARGEST: Mapping[str, int] = {"bigint": 2**63 - 1, "integer": 2**31 - 1}


class Expected(Strict):
    """What should become of a patient.

    Attributes
    ----------
    member : str, optional
        Label of the arm of a member.
    left_at : str, optional
        Rule that leaves the patient out; also ``diagnosis_years``, ``index_tumor`` and ``arm_known``.
    unknown : bool
        The rule leaves them out because nobody can tell, not because it says no.
    """

    member: str | None = None
    left_at: Identifier | None = None
    unknown: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.member is None) == (self.left_at is None):
            raise ValueError("give either member or left_at")
        if self.unknown and self.left_at is None:
            raise ValueError("unknown is a way to be left out")
        return self

    @property
    def words(self) -> str:
        """The same for a reader."""
        if self.member is not None:
            return f"member, {self.member}"
        return f"left at {self.left_at}{' (unknown)' if self.unknown else ''}"


class Toy(Strict):
    """A made-up patient, or a further tumor of one.

    Attributes
    ----------
    id, words : str
        Name, and who it is.
    of : str, optional
        Id of the patient whose further tumor this is.
    columns : dict
        Tumor columns that differ from the default patient.
    expect : Expected
    """

    id: Identifier
    words: str
    of: Identifier | None = None
    columns: dict[str, Value] = {}
    expect: Expected


class Toys(Strict):
    """The patients beside a definition.

    Attributes
    ----------
    base : str, optional
        A cohort whose toys are taken over: its default patient, and those of its patients that are not named again
        or dropped here.
    default : dict
        Tumor columns of every patient that does not say otherwise; a column that nobody names is null.
    drop : tuple of str
        Patients of the base that do not fit here.
    arms : dict
        Arms of the base's expectations, and what those members are in here.
    patients : tuple of Toy
    """

    base: Identifier | None = None
    default: dict[str, Value] = {}
    drop: tuple[Identifier, ...] = ()
    arms: dict[str, str] = {}
    patients: tuple[Toy, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What became of one patient."""

    cohort: str
    toy: str
    words: str
    expected: str
    found: str

    @property
    def passed(self) -> bool:
        """Whether that was expected."""
        return self.expected == self.found


@dataclass(frozen=True)
class Judged:
    """What came of the patients of a cohort, and what of its definition none of them shows."""

    cohort: str
    path: Path
    verdicts: tuple[Verdict, ...]
    not_shown: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """The patients of a cohort with those taken over from its bases, by id, and the file they are written in."""

    document: Document
    own: Toys
    default: Mapping[str, Value]
    patients: Mapping[str, Toy]


def judge_toys(names: Sequence[str], catalog_dir: Path) -> list[Judged]:
    """Judge the toy patients of some cohorts, or of all that have any.

    Raises
    ------
    InputError
        A cohort has none, or a file has mistakes: all of them are named with their lines.
    """
    return [judge_toys_of(name, catalog_dir) for name in names or with_toys(catalog_dir)]


def with_toys(catalog_dir: Path) -> list[str]:
    """Names of the cohorts that have toy patients.

    Raises
    ------
    InputError
        Patients belong to a cohort that is not there.
    """
    found = [path.name.removesuffix(ENDING) for path in sorted((catalog_dir / "cohorts").glob(f"*{ENDING}"))]
    if strays := sorted(set(found) - set(cohort_names(catalog_dir))):
        raise InputError(
            f"Toy patients without a cohort: {', '.join(strays)}",
            where=str(catalog_dir / "cohorts"),
            remedy=f"Name the file as its cohort: <cohort>{ENDING}.",
        )
    return found


def judge_toys_of(name: str, catalog_dir: Path) -> Judged:
    """Judge the toy patients of one cohort with its real query.

    Raises
    ------
    InputError
        There are none, or the file has mistakes.
    """
    definition = load_cohort(name, catalog_dir)
    family = read_toys(name, catalog_dir, definition=definition)
    outcomes = outcomes_of(definition, tumors(family))
    found = found_of(outcomes)
    verdicts = tuple(
        Verdict(name, toy.id, toy.words, toy.expect.words, found[toy.id].words)
        for toy in family.patients.values()
    )
    return Judged(name, family.document.path, verdicts, tuple(not_shown(definition, outcomes)))


def read_toys(
    name: str,
    catalog_dir: Path,
    based_on_it: tuple[str, ...] = (),
    *,
    definition: CohortDefinition | None = None,
) -> Family:
    """Read ``<name>.toys.yaml`` with its bases; whether the expectations fit a cohort is looked at if it is given.

    Raises
    ------
    InputError
        There is no file, it has mistakes, or files are based on each other in a circle.
    """
    path = catalog_dir / "cohorts" / f"{name}{ENDING}"
    if not path.is_file():
        raise InputError(
            f"Cohort '{name}' has no toy patients",
            where=str(path),
            remedy="Write some: a default patient, and for every rule one whom it leaves out.",
        )
    if name in based_on_it:
        circle = " on ".join((*based_on_it, name))
        raise InputError(f"Toy patients are based on each other in a circle: {circle}", where=str(path))
    document = read_document(path)
    own = document.as_model(Toys)
    base = read_toys(own.base, catalog_dir, (*based_on_it, name)) if own.base else None
    inherited = base.patients if base else {}
    patients = {id_: moved(toy, own.arms) for id_, toy in inherited.items() if id_ not in own.drop}
    patients |= {toy.id: toy for toy in own.patients}
    family = Family(document, own, {**(base.default if base else {}), **own.default}, patients)
    mistakes = [*wrong_columns(own), *wrong_names(own, inherited)]
    if definition is not None:
        mistakes += [*wrong_expectations(definition, family), *unfit_of_base(definition, family)]
    if mistakes:
        raise document.wrong(mistakes)
    return family


def moved(toy: Toy, arms: Mapping[str, str]) -> Toy:
    """A patient of the base in the arm that they are in here."""
    arm = arms.get(toy.expect.member or "")
    return toy if arm is None else toy.model_copy(update={"expect": Expected(member=arm)})


def wrong_expectations(definition: CohortDefinition, family: Family) -> Iterator[tuple[Place, str]]:
    """Arms, rules and patients that an expectation of the file's own names and that are not there."""
    for number, toy in enumerate(family.own.patients):
        place: Place = ("patients", number, "expect")
        yield from ((place, f"patient '{toy.id}': {words}") for words in not_there(definition, toy.expect))
        if toy.of is not None and toy.of not in family.patients:
            yield place, f"patient '{toy.id}' is a tumor of '{toy.of}', who is not there"


def not_there(definition: CohortDefinition, expect: Expected) -> Iterator[str]:
    """An arm or a rule that a cohort does not have."""
    labels, steps = definition.arms.labels, [step.rule_id for step in steps_of(definition)]
    if expect.member is not None and expect.member not in labels:
        yield f"there is no arm '{expect.member}', but {', '.join(labels)}"
    if expect.left_at is not None and expect.left_at not in steps:
        yield f"there is no rule '{expect.left_at}', but {', '.join(steps)}"


def unfit_of_base(definition: CohortDefinition, family: Family) -> Iterator[tuple[Place, str]]:
    """Patients of the base whose expectations do not fit here: those with one reason together, and what to do."""
    own = {toy.id for toy in family.own.patients}
    unfit: dict[str, list[str]] = {}
    for toy in family.patients.values():
        if toy.id in own:
            continue
        for words in not_there(definition, toy.expect):
            unfit.setdefault(words, []).append(toy.id)
        if toy.of is not None and toy.of not in family.patients:
            unfit.setdefault(f"there is no patient '{toy.of}' whose tumor it is", []).append(toy.id)
    for words, ids in unfit.items():
        yield (
            ("base",),
            f"of the patients of {family.own.base}{ENDING} {', '.join(ids)} do not fit here: {words}; say under arms "
            "which arm stands for it, or name them again under patients, or put them under drop",
        )


def wrong_names(own: Toys, base: Mapping[str, Toy]) -> Iterator[tuple[Place, str]]:
    """Patients that are there twice, or that are dropped and not there."""
    for number, one in enumerate(own.drop):
        if one not in base:
            yield ("drop", number), f"drop: there is no patient '{one}'"
    ids = [toy.id for toy in own.patients]
    for number, one in enumerate(ids):
        if one in ids[:number]:
            yield ("patients", number, "id"), f"patient '{one}' is there twice"


def wrong_columns(own: Toys) -> Iterator[tuple[Place, str]]:
    """Columns that the registry does not have, and values that they cannot hold."""
    known = {one.column: one for one in read_dictionary() if one.table == "tumor"}
    yield from wrong_values(own.default, ("default",), known)
    for number, toy in enumerate(own.patients):
        yield from wrong_values(toy.columns, ("patients", number, "columns"), known)


def wrong_values(
    columns: Mapping[str, Value], place: Place, known: Mapping[str, DictionaryColumn]
) -> Iterator[tuple[Place, str]]:
    """The same for one patient."""
    for name, value in columns.items():
        here, column = (*place, name), known.get(name)
        if column is None or name in KEYS:
            yield here, f"{name} is not a column that a patient here may have"
        elif value is None:
            continue
        elif type(value) not in TYPES[column.type][1]:
            yield here, f"{name} holds {column.type}, not {value!r} (texts of digits in quotes)"
        elif not within(column.type, value):
            yield here, f"{name} holds {column.type}, which has no {value!r}"
        elif column.coded and value not in column.words:
            yield here, f"{name} has no word '{value}', but {', '.join(column.words)}"


def within(kind: str, value: Value) -> bool:
    """Whether a column of a type has room for a number; every other value is within."""
    if kind in LARGEST and isinstance(value, int):
        return abs(value) <= LARGEST[kind]
    return not isinstance(value, float | int) or isfinite(value)


def tumors(family: Family) -> pl.DataFrame:
    """The tumor table of the patients, in the order of the file; a column that nobody names is null."""
    rows = [
        {
            "submission": "toys",
            "source_file": "toys",
            "source_record": number,
            "patient_id": toy.of or toy.id,
            "tumor_id": toy.id,
            **family.default,
            **toy.columns,
        }
        for number, toy in enumerate(family.patients.values(), start=1)
    ]
    return pl.DataFrame(rows, schema=tumor_schema(), orient="row")


def outcomes_of(definition: CohortDefinition, table: pl.DataFrame) -> pl.DataFrame:
    """Rule outcomes of tumors that are no submission, by the compiled query in memory."""
    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as con:
        con.register("tumor", table.to_arrow())
        return rule_outcomes(judge_tumors(con, definition), definition)


def found_of(outcomes: pl.DataFrame) -> dict[str, Expected]:
    """What became of each tumor, by its id, in the words of an expectation."""
    return {
        row["tumor_id"]: Expected(member=row["arm"])
        if row["left_at_rule"] is None
        else Expected(left_at=row["left_at_rule"], unknown=row["left_because"] == "unknown")
        for row in outcomes.iter_rows(named=True)
    }


def not_shown(definition: CohortDefinition, outcomes: pl.DataFrame) -> list[str]:
    """What no patient shows: a member of an arm, someone left out by a rule, someone of whom it cannot tell.

    A rule can be unknown if a tumor without any value is unknown to it.
    """
    members = outcomes.filter(pl.col("left_at_rule").is_null())["arm"].to_list()
    reasons = {*outcomes["left_at_rule"], *(["arm_known"] if outcomes["arm"].null_count() else [])}
    blank = outcomes_of(definition, pl.DataFrame([{"tumor_id": "blank"}], schema=tumor_schema()))
    unknowable = [rule.id for _, rule in definition.numbered_rules if blank[rule.id][0] is None]
    return [
        *(f"a member of the arm {arm}" for arm in definition.arms.labels if arm not in members),
        *(f"left at {step.rule_id}" for step in steps_of(definition) if step.rule_id not in reasons),
        *(f"{rule} unknown" for rule in unknowable if not outcomes[rule].null_count()),
    ]


def tumor_schema() -> dict[str, pl.DataType]:
    """Types of the columns of the tumor table."""
    return {one.column: TYPES[one.type][0] for one in read_dictionary() if one.table == "tumor"}


def require_passed(judged: Iterable[Judged]) -> None:
    """Refuse definitions whose patients did not come out as expected.

    Raises
    ------
    GateError
        With how many they are and the files they are in; who they are, the verdicts say.
    """
    failed = {one.path: sum(not verdict.passed for verdict in one.verdicts) for one in judged}
    if n_failed := sum(failed.values()):
        raise GateError(
            f"{n_failed} toy patient(s) did not come out as expected",
            where=", ".join(str(path) for path, number in failed.items() if number),
            remedy="Correct the rule or, if the definition is right, the expectation.",
        )
