"""The same analyses under another definition: subgroups, another rule of the cohort."""

from typing import Self

from pydantic import Field, model_validator

from pipelines.studies.language.base import Identifier, Sql, Strict


class OtherRule(Strict):
    """The study's cohort with one rule said otherwise, for a sensitivity analysis.

    Attributes
    ----------
    name : str
        Subgroup of its estimates; also the end of the name of its cohort.
    rule : str
        Id of the cohort's rule that it replaces.
    words : str
        The rule as a reader would say it.
    reference : str
        Why it may be said so: paper, manual, policy.
    when : str
        SQL boolean over tumor columns: who stays.
    needs : tuple of str
        Tumor columns that it needs beyond those of the cohort.
    """

    name: Identifier
    rule: Identifier
    words: str
    reference: str
    when: Sql
    needs: tuple[Identifier, ...] = ()


class Subgroup(Strict):
    """Subgroups declared beforehand: the levels of a variable, each analysed alone, and a test of interaction.

    Attributes
    ----------
    name : str
        Their estimates have the subgroup ``<name>=<level>``; the test is the analysis ``interaction``.
    words : str
        What people are told apart by, as a reader would say it.
    column : str, optional
        A tumor column; either this or ``sql``.
    sql : str, optional
        A SQL expression over tumor columns; either this or ``column``.
    levels : tuple of str
        Its values that are analysed; who has none of them is in no subgroup.
    analyses : tuple of str
        What is done in each level; the primary analysis where it is empty.
    outcomes : tuple of str
        Other outcomes for which it is done too (label ``<outcome>, <name>=<level>``).
    drop : tuple of str
        Covariates that say the same as the subgroup and leave the models within it.
    planned : bool
        False: looked at after the data were seen, by the paper or by us, and labelled so everywhere.
    needs : tuple of str
        Tumor columns; where the source cannot give one, the subgroup is absent with the reason.
    """

    name: Identifier
    words: str
    column: Identifier | None = None
    sql: Sql | None = None
    levels: tuple[str, ...] = Field(min_length=1)
    analyses: tuple[str, ...] = ()
    outcomes: tuple[Identifier, ...] = ()
    drop: tuple[Identifier, ...] = ()
    planned: bool = True
    needs: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) == (self.sql is None):
            raise ValueError("give either column or sql")
        return self

    @property
    def expression(self) -> str:
        """SQL over tumor columns."""
        return self.sql or self.column or ""

    def label(self, level: str) -> str:
        """Subgroup of the estimates of one level."""
        return f"{self.name}={level}"
