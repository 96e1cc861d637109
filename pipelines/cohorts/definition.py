"""The cohort language: rules with ids, words and references, an index tumor, two arms."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


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
    when : str
        SQL boolean over the columns of ``registry/tumor``.
    """

    id: Identifier
    words: str
    reference: str
    kind: Literal["include", "exclude"]
    when: Sql


class Years(Strict):
    """Diagnosis years of the cohort, both included; a submission that covers less is refused."""

    first: int = Field(ge=1973, le=2100)
    last: int = Field(ge=1973, le=2100)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"the first year {self.first} is after the last {self.last}")
        return self


class IndexTumor(Strict):
    """Which tumor stands for a patient who has several eligible ones: the first in this order."""

    words: str = "Earliest eligible tumor of the patient; on a tie the lowest record number"
    reference: str = "derivations, index tumor"
    earliest_by: tuple[Identifier, ...] = ("year_of_diagnosis", "record_number")


class Arm(Strict):
    """One arm: how it is called and who is in it."""

    label: str = Field(min_length=1)
    when: Sql


class Arms(Strict):
    """The arms. Who is in none (the exposure is unknown) leaves the cohort with its own line.

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
        return (self.exposed.label, *(arm.label for arm in self.others), self.reference.label)


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
        Exposed and reference.
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
        ids = [rule.id for rule in (*self.rules, *self.rules_after_index)]
        reserved = {"received", "diagnosis_years", "index_tumor", "arm_known"}
        twice = sorted({one for one in ids if ids.count(one) > 1} | (reserved & set(ids)))
        if twice:
            raise ValueError(f"rule ids used twice or reserved: {', '.join(twice)}")
        return self

    @property
    def all_needs(self) -> tuple[str, ...]:
        """Needs of the cohort and of its arms, each once."""
        return tuple(dict.fromkeys((*self.needs, *self.arms.needs)))

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
