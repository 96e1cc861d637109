"""A cohort that is another cohort with some rules dropped, said otherwise or added."""

import re
from collections.abc import Iterable

from pipelines.cohorts.definition import (
    RESERVED_IDS,
    Arms,
    CohortDefinition,
    Identifier,
    IndexTumor,
    Rule,
    Strict,
    Years,
)
from pipelines.cohorts.yaml_models import Document, Place

YEARS_RULE = "diagnosis_years"


class Composition(Strict):
    """What a cohort changes of its base; whatever it does not name it takes over.

    Attributes
    ----------
    name, title, words : str
        Its own.
    base : str
        A cohort of the catalog, which may have a base itself.
    drop : tuple of str
        Ids of rules of the base that do not hold here; ``diagnosis_years`` drops the years.
    replace : tuple of Rule
        Rules that take the place of the base's rules of the same ids.
    rules, rules_after_index : tuple of Rule
        Further rules, after those of the base.
    years : Years, optional
        In place of the base's.
    needs : tuple of str
        Beside the base's. A need that only rules dropped or replaced here read goes with them.
    index_tumor : IndexTumor, optional
    arms : Arms, optional
        In place of the base's.
    """

    name: Identifier
    title: str
    words: str
    base: Identifier
    drop: tuple[Identifier, ...] = ()
    replace: tuple[Rule, ...] = ()
    rules: tuple[Rule, ...] = ()
    rules_after_index: tuple[Rule, ...] = ()
    years: Years | None = None
    needs: tuple[Identifier, ...] = ()
    index_tumor: IndexTumor | None = None
    arms: Arms | None = None


def compose(document: Document, changes: Composition, base: CohortDefinition) -> CohortDefinition:
    """The whole definition, as if it had been written out.

    Parameters
    ----------
    document : Document
        The file of the changes, for the lines of mistakes.
    changes : Composition
    base : CohortDefinition

    Raises
    ------
    InputError
        All the changes that the base does not allow, each with its line.
    """
    if mistakes := [*wrong_ids(changes, base), *wrong_years(changes, base)]:
        raise document.wrong(mistakes)
    said = {rule.id: rule for rule in changes.replace}

    def kept(rules: Iterable[Rule]) -> tuple[Rule, ...]:
        return tuple(said.get(rule.id, rule) for rule in rules if rule.id not in changes.drop)

    whole = CohortDefinition.model_construct(
        name=changes.name,
        title=changes.title,
        words=changes.words,
        needs=(),
        years=changes.years or (None if YEARS_RULE in changes.drop else base.years),
        rules=(*kept(base.rules), *changes.rules),
        index_tumor=changes.index_tumor or base.index_tumor,
        rules_after_index=(*kept(base.rules_after_index), *changes.rules_after_index),
        arms=changes.arms or base.arms,
    )
    if not whole.rules:
        raise document.wrong([(("drop",), "drop: no rule is left that is judged on each tumor")])
    needs = (*remaining_needs(base, whole), *changes.needs)
    return CohortDefinition.model_validate(
        {**whole.model_dump(), "needs": tuple(dict.fromkeys(needs))},
    )


def wrong_ids(changes: Composition, base: CohortDefinition) -> list[tuple[Place, str]]:
    """Rules that the base does not have, or has already."""
    there = [rule.id for rule in (*base.rules, *base.rules_after_index)]
    has = f"cohort '{base.name}' has {', '.join(there)}"
    mistakes: list[tuple[Place, str]] = [
        (("drop", number), f"drop: there is no rule '{one}'; {has}")
        for number, one in enumerate(changes.drop)
        if one not in (*there, YEARS_RULE)
    ]
    for number, rule in enumerate(changes.replace):
        place: Place = ("replace", number, "id")
        if rule.id not in there:
            mistakes.append((place, f"replace: there is no rule '{rule.id}'; {has}"))
        if rule.id in changes.drop:
            mistakes.append((place, f"replace: rule '{rule.id}' is dropped too"))
    seen = [one for one in there if one not in changes.drop]
    for key in ("rules", "rules_after_index"):
        for number, rule in enumerate(getattr(changes, key)):
            if rule.id in seen:
                what = "is one of the base: say it under replace" if rule.id in there else "is there twice"
                mistakes.append(((key, number, "id"), f"{key}: rule '{rule.id}' {what}"))
            if rule.id in RESERVED_IDS:
                mistakes.append(((key, number, "id"), f"{key}: no rule may be called '{rule.id}'"))
            seen.append(rule.id)
    replaced = [rule.id for rule in changes.replace]
    mistakes += [
        (("replace", number, "id"), f"replace: rule '{one}' is there twice")
        for number, one in enumerate(replaced)
        if one in replaced[:number]
    ]
    return mistakes


def wrong_years(changes: Composition, base: CohortDefinition) -> list[tuple[Place, str]]:
    """Years that are dropped and are not there, or are given too."""
    if YEARS_RULE not in changes.drop:
        return []
    place: Place = ("drop", changes.drop.index(YEARS_RULE))
    if base.years is None:
        return [(place, f"drop: cohort '{base.name}' has no years")]
    return [(place, "drop: the years are dropped and given at once")] if changes.years else []


def remaining_needs(base: CohortDefinition, whole: CohortDefinition) -> tuple[str, ...]:
    """Needs of the base without those that only rules read which are no longer there."""
    before, after = read_by(base), read_by(whole)
    return tuple(need for need in base.needs if need in after or need not in before)


def read_by(definition: CohortDefinition) -> set[str]:
    """Every word in the conditions of the rules, the columns among them."""
    rules = (*definition.rules, *definition.rules_after_index)
    return {word for rule in rules for word in re.findall(r"\w+", rule.condition)}
