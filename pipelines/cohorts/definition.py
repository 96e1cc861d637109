"""The cohort language: rules with ids, words and references, eras, an index tumor, two arms or more."""

from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipelines.cohorts.yaml_models import Mistakes, Place


def one_expression(text: str) -> str:
    """A SQL expression over tumor columns: one expression, no statement, no comment that hides the rest."""
    if not text.strip():
        raise ValueError("an empty SQL expression")
    for sign in (";", "--", "/*"):
        if sign in text:
            raise ValueError(f"{sign!r} has no place in a SQL expression")
    return " ".join(text.split())


Sql = Annotated[str, AfterValidator(one_expression)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Strict(BaseModel):
    """Base of the definitions: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Years(Strict):
    """Diagnosis years of the cohort, both included; a submission that covers less is refused."""

    first: int = Field(ge=1973, le=2100)
    last: int = Field(ge=1973, le=2100)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"the first year {self.first} is after the last {self.last}")
        return self


class Era(Years):
    """What a rule says for some diagnosis years, both included, because the registry recorded it otherwise then."""

    words: str
    reference: str
    when: Sql


class Rule(Strict):
    """One step of the flow diagram.

    Attributes
    ----------
    id : str
        Stable name, used in attrition tables.
    words : str
        The rule as a reader would say it.
    reference : str
        Why it is there: paper, manual, policy.
    kind : {'include', 'exclude'}
        Whether a tumor stays or goes where ``when`` is true. Where ``when`` is null the tumor goes in
        both cases and is counted as unknown: missing is never "no".
    when : str, optional
        SQL boolean over the columns of ``registry/tumor``.
    eras : tuple of Era
        In place of ``when`` where the rule reads other items in other diagnosis years. A year outside every
        era is unknown.
    """

    id: Identifier
    words: str
    reference: str
    kind: Literal["include", "exclude"]
    when: Sql | None = None
    eras: tuple[Era, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if (self.when is None) == (not self.eras):
            raise ValueError("give either when or eras")
        in_order = sorted(self.eras, key=lambda era: era.first)
        both = [f"{later.first}" for era, later in pairwise(in_order) if later.first <= era.last]
        if both:
            raise ValueError(f"two eras hold for {', '.join(both)}: each diagnosis year has one")
        return self

    @property
    def condition(self) -> str:
        """The SQL boolean of the rule, by diagnosis year where it has eras."""
        if self.when is not None:
            return self.when
        cases = (
            f"when year_of_diagnosis between {era.first} and {era.last} then ({era.when})"
            for era in self.eras
        )
        return f"case {' '.join(cases)} end"


class SortKey(NamedTuple):
    """An expression that tumors are sorted by, and whether its highest value comes first."""

    expression: str
    descending: bool


def sort_key(text: str) -> SortKey:
    """Read ``<SQL expression> [asc|desc]``."""
    expression, _, direction = text.rpartition(" ")
    if direction in ("asc", "desc") and expression:
        return SortKey(expression, direction == "desc")
    return SortKey(text, False)


EARLIEST = ("year_of_diagnosis", "record_number")
EARLIEST_IN_WORDS = "Earliest eligible tumor of the patient; on a tie the lowest record number"


class IndexTumor(Strict):
    """Which tumor stands for a patient who has several eligible ones: the first in this order.

    Attributes
    ----------
    words, reference : str
    order_by : tuple of str
        SQL expressions over tumor columns, each with ``asc`` (as it is without) or ``desc``; an unknown value
        comes last. Tumors that tie in all of them follow the order of the extract.
    """

    words: str = EARLIEST_IN_WORDS
    reference: str = "derivations, index tumor"
    order_by: tuple[Sql, ...] = Field(default=EARLIEST, min_length=1)

    @model_validator(mode="after")
    def _words_say_the_order(self) -> Self:
        if self.order_by != EARLIEST and self.words == EARLIEST_IN_WORDS:
            raise ValueError("another order needs words that say which tumor comes first")
        return self

    @property
    def sort_keys(self) -> tuple[SortKey, ...]:
        """The order, read."""
        return tuple(sort_key(text) for text in self.order_by)


class Arm(Strict):
    """One arm: how it is called and who is in it."""

    label: str = Field(min_length=1)
    when: Sql


class Arms(Strict):
    """The arms; nobody may be in two. Who is in none (the exposure is unknown) leaves with a line of its own.

    Attributes
    ----------
    exposed, reference : Arm
    others : tuple of Arm
        Further arms, for a study that compares more than two.
    """

    words: str
    reference_words: str = "The arm must be known"
    needs: tuple[Identifier, ...]
    exposed: Arm
    reference: Arm
    others: tuple[Arm, ...] = ()

    @model_validator(mode="after")
    def _own_labels(self) -> Self:
        twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
        if twice:
            raise ValueError(f"two arms are called {', '.join(map(repr, twice))}")
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the arms: exposed, others, reference."""
        return tuple(arm.label for arm in self.by_role.values())

    @property
    def by_role(self) -> dict[str, Arm]:
        """The arms under the names that attrition and queries have for them: exposed, arm_2, arm_3 …, reference."""
        others = {f"arm_{number}": arm for number, arm in enumerate(self.others, start=2)}
        return {"exposed": self.exposed, **others, "reference": self.reference}


KEYS = ("submission", "source_file", "source_record", "patient_id", "tumor_id")
STEPS_OF_ITS_OWN = ("received", "diagnosis_years", "index_tumor", "arm_known")
RESERVED_IDS = {*STEPS_OF_ITS_OWN, *KEYS, "arm", "arm_role", "left_at_step", "left_at_rule", "left_because"}
"""What no rule may be called: steps that every cohort has, and the other columns of the rule outcomes."""


class CohortDefinition(Strict):
    """A cohort: everything that decides who is in it, and in which arm.

    Attributes
    ----------
    name, title, words : str
        File stem, heading, and what it is for.
    needs : tuple of str
        Tumor columns that the source must be able to give.
    years : Years, optional
        Diagnosis years; also compiled to the first rule.
    rules : tuple of Rule
        Judged on each tumor, in this order, before the index tumor is chosen.
    index_tumor : IndexTumor
        One tumor per patient.
    rules_after_index : tuple of Rule
        Judged on the index tumor alone, so that a patient is not kept through a later tumor.
    arms : Arms
        Exposed, reference, and any others.
    """

    name: Identifier
    title: str
    words: str
    needs: tuple[Identifier, ...] = ()
    years: Years | None = None
    rules: tuple[Rule, ...] = Field(min_length=1)
    index_tumor: IndexTumor = IndexTumor()
    rules_after_index: tuple[Rule, ...] = ()
    arms: Arms

    @model_validator(mode="after")
    def _ids_once(self) -> Self:
        places: list[Place] = [
            (key, number, "id")
            for key in ("rules", "rules_after_index")
            for number in range(len(getattr(self, key)))
        ]
        ids = [rule.id for rule in (*self.rules, *self.rules_after_index)]
        mistakes = [
            (place, f"rule id used twice or reserved: {one}")
            for number, (place, one) in enumerate(zip(places, ids, strict=True))
            if one in ids[:number] or one in RESERVED_IDS
        ]
        if mistakes:
            raise Mistakes(mistakes)
        return self

    @property
    def all_needs(self) -> tuple[str, ...]:
        """Needs of the cohort and of its arms, each once."""
        return tuple(dict.fromkeys((*self.needs, *self.arms.needs)))

    @property
    def numbered_rules(self) -> tuple[tuple[int, Rule], ...]:
        """Rules with the step that they are in the flow diagram; the index tumor has a step between them."""
        before = self.rules_before_index
        return (*enumerate(before, start=1), *enumerate(self.rules_after_index, start=len(before) + 2))

    @property
    def rules_before_index(self) -> tuple[Rule, ...]:
        """The rules on each tumor, the diagnosis years first where the cohort has them."""
        if self.years is None:
            return self.rules
        between = Rule(
            id="diagnosis_years",
            words=f"Diagnosed {self.years.first} to {self.years.last}",
            reference="years of the cohort",
            kind="include",
            when=f"year_of_diagnosis between {self.years.first} and {self.years.last}",
        )
        return (between, *self.rules)
