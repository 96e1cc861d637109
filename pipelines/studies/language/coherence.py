"""What cannot be together in a study, although each key is right by itself: every mistake with its place."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipelines.cohorts.yaml_models import Place
from pipelines.stats.immortal_time import STRATEGIES
from pipelines.studies.language.analyses import ANALYSES
from pipelines.studies.language.base import RESERVED_LABELS

if TYPE_CHECKING:  # the study asks this module, which only reads it
    from pipelines.studies.language.study import StudyDefinition

Mistake = tuple[Place, str]
IN_EXACT_PAIRS = ("matched_cox", "matched_km", "stratified_cox", "rosenbaum")
"""Analyses of a matched set, which needs no score where pairs are exact."""


def mistakes_of(study: "StudyDefinition") -> list[Mistake]:
    """Every mistake across keys, with the place of the key that is nearest to it."""
    return [
        *names_twice(study),
        *unknown_terms(study),
        *unknown_analyses(study),
        *unmet_analyses(study),
        *wrong_primaries(study),
    ]


def names_twice(study: "StudyDefinition") -> Iterator[Mistake]:
    """Covariates, binary outcomes and labels that are there twice, or reserved; entries of a list twice in it."""
    for block, words in (("covariates", "covariate"), ("binary_outcomes", "binary outcome")):
        names = [one.name for one in getattr(study, block)]
        for number, name in repeated(names):
            yield (block, number), f"{words} {name} is there twice"
    for number, name in repeated([one.name for one in study.models.extra]):
        yield ("models", "extra", number), f"model {name} is there twice"
    for place, words, terms in terms_used(study):
        for number, name in repeated(list(terms)):
            yield (*place, number), f"{words} names {name} twice"
    yield from analyses_twice(study)
    blocks = ("other_outcomes", "subgroups", "sensitivity")
    places = [(block, number) for block in blocks for number in range(len(getattr(study, block)))]
    labels = [getattr(study, block)[number].name for block, number in places]
    for number, name in repeated(labels):
        yield places[number], f"{name} names two of outcomes, subgroups, sensitivity"
    for place, name in zip(places, labels, strict=True):
        if name in RESERVED_LABELS:
            yield place, f"{name} is a reserved label"


def analyses_twice(study: "StudyDefinition") -> Iterator[Mistake]:
    """Analyses that one list asks for twice."""
    seen: set[tuple[Place, str]] = set()
    for place, words, word in analyses_asked(study):
        if (place[:-1], word) in seen:
            yield place, f"{words} names {word} twice"
        seen.add((place[:-1], word))


def repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    """Names that were there before, with their position."""
    for number, name in enumerate(names):
        if name in names[:number]:
            yield number, name


def terms_used(study: "StudyDefinition") -> Iterator[tuple[Place, str, Iterable[str]]]:
    """Every place that names covariates, in words, with the names."""
    for model in ("logistic", "cox", "propensity"):
        yield ("models", model), f"model {model}", getattr(study.models, model)
    for number, extra in enumerate(study.models.extra):
        yield ("models", "extra", number, "covariates"), f"model {extra.name}", extra.covariates
    yield ("design", "match", "exact"), "design.match.exact", study.design.match.exact
    yield ("effect_by",), "effect_by", study.effect_by
    if study.group_survival is not None:
        yield ("group_survival", "by"), "group_survival.by", study.group_survival.by
        yield ("group_survival", "order"), "group_survival.order", study.group_survival.order
    for number, outcome in enumerate(study.binary_outcomes):
        yield (
            ("binary_outcomes", number, "covariates"),
            f"binary outcome {outcome.name}",
            outcome.covariates,
        )
    for number, group in enumerate(study.subgroups):
        yield ("subgroups", number, "drop"), f"subgroup {group.name}", group.drop


def unknown_terms(study: "StudyDefinition") -> Iterator[Mistake]:
    """Terms that are no covariates."""
    names = {one.name for one in study.covariates}
    for place, words, terms in terms_used(study):
        for term in terms:
            if term not in names:
                yield place, f"{words} uses {term}, which is not a covariate"


def analyses_asked(study: "StudyDefinition") -> Iterator[tuple[Place, str, str]]:
    """Every analysis that is done, with its place, and what asks for it."""
    for number, word in enumerate(study.analyses):
        yield ("analyses", number), "analyses", word
    for number, fallback in enumerate(study.fallbacks):
        for at, word in enumerate(fallback.use):
            yield ("fallbacks", number, "use", at), f"fallbacks[{number}].use", word
    for number, outcome in enumerate(study.other_outcomes):
        for at, word in enumerate(outcome.analyses):
            yield ("other_outcomes", number, "analyses", at), f"outcome {outcome.name}", word
    for number, group in enumerate(study.subgroups):
        for at, word in enumerate(group.analyses):
            yield ("subgroups", number, "analyses", at), f"subgroup {group.name}", word


def unknown_analyses(study: "StudyDefinition") -> Iterator[Mistake]:
    """Analyses that there are not, and outcomes of subgroups that there are not."""
    named = list(analyses_asked(study))
    for number, fallback in enumerate(study.fallbacks):
        place: Place = ("fallbacks", number, "instead_of")
        named += [(place, f"fallbacks[{number}].instead_of", word) for word in fallback.instead_of]
    for at, words, name in named:
        if name not in ANALYSES:
            yield at, f"{words}: there is no analysis {name}"
    outcomes = {one.name for one in study.other_outcomes}
    for number, group in enumerate(study.subgroups):
        for name in group.outcomes:
            if name not in outcomes:
                yield (
                    ("subgroups", number, "outcomes"),
                    f"subgroup {group.name}: there is no other outcome {name}",
                )


def unmet_analyses(study: "StudyDefinition") -> Iterator[Mistake]:
    """Analyses that need what the study does not say; each told once, where it is first asked for."""
    first: dict[str, Place] = {}
    for place, _, word in analyses_asked(study):
        if word in ANALYSES:
            first.setdefault(word, place)
    for word, place in first.items():
        for words in unmet(study, word, first):
            yield place, words
    if study.timing is not None and study.timing.strategy not in STRATEGIES:
        yield ("timing", "strategy"), f"timing.strategy is one of {', '.join(STRATEGIES)}"


def unmet(study: "StudyDefinition", word: str, asked: Iterable[str]) -> Iterator[str]:
    """What an analysis needs and does not find."""
    facts = ANALYSES[word]
    if facts.survival and study.outcome is None:
        yield f"{word} needs outcome"
    exact = study.design.match.method == "exact" and bool(study.design.match.exact)
    if facts.terms and not getattr(study.models, facts.terms) and not (exact and word in IN_EXACT_PAIRS):
        yield f"{word} has no covariates under models.{facts.terms}"
    if facts.block and not getattr(study, facts.block):
        yield f"{word} needs {facts.block}"
    if facts.within and facts.within not in asked:
        yield f"{word} needs {facts.within}"
    if facts.causes and (study.outcome is None or study.outcome.other_cause is None):
        yield f"{word} needs outcome.other_cause"


def wrong_primaries(study: "StudyDefinition") -> Iterator[Mistake]:
    """A primary analysis, of the study, a fallback or a trial, that is not done."""
    names = study.analysis_names
    if study.primary not in names:
        yield ("primary",), f"the primary analysis {study.primary} is not one of the analyses"
    for number, one in enumerate(study.fallbacks):
        if one.primary is not None and one.primary not in study.names_of(one.use):
            yield (
                ("fallbacks", number, "primary"),
                f"fallbacks[{number}]: the primary {one.primary} is not one of what it uses",
            )
    instead = study.names_of(word for one in study.fallbacks for word in one.use)
    if study.emulation is not None and study.emulation.analysis not in (*names, *instead):
        yield (
            ("emulation", "analysis"),
            f"emulation: the analysis {study.emulation.analysis} is not one of the analyses",
        )
    if study.emulation is not None and study.timing is None:
        yield ("emulation",), "emulation needs timing, whose window is its grace period"
