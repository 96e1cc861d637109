"""What a study says to an item of a checklist: each answer from the definition, or from what a run wrote.

An answer states what is set, counted or recorded. What only authors can know is not guessed.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.cohorts.compile import steps_of
from pipelines.studies import protocol
from pipelines.studies.checklists import results
from pipelines.studies.checklists.at_hand import SOURCES, AtHand
from pipelines.studies.checklists.trial import EMULATION_ANSWERS
from pipelines.studies.language import Covariate


@dataclass(frozen=True)
class AnswerFacts:
    """An answer, and whether it needs a run."""

    say: Callable[[AtHand], list[str]]
    needs_run: bool = False


def design(known: AtHand) -> list[str]:
    """Design in a usual term, arms."""
    arms = f"{', '.join(known.cohort.arms.labels[:-1])} against {known.cohort.arms.reference.label}"
    what = "Retrospective cohort study of registry records"
    if known.study.emulation is not None:
        what += f" that emulates the trial {known.study.emulation.trial_name}"
    return [f"{what}: {arms}. Title of the definition: {known.study.title}."]


def references(known: AtHand) -> list[str]:
    """Papers that the definition names."""
    return [f"The definition rests on: {'; '.join(known.study.references) or 'no paper'}."]


def question(known: AtHand) -> list[str]:
    """The question; what was expected is the published numbers."""
    planned = [one.name for one in known.study.subgroups if one.planned]
    said = [known.study.question]
    return said + ([f"Subgroups declared beforehand: {', '.join(planned)}."] if planned else [])


def setting(known: AtHand) -> list[str]:
    """Sources and years; of a run the release."""
    years = known.cohort.years
    when = "any year the source covers" if years is None else f"{years.first} to {years.last}"
    said = [f"Diagnoses of {when}. Sources that can answer: {database(known)[0]}"]
    return said + (release(known) if known.run else [])


def database(known: AtHand) -> list[str]:
    """Sources by their name."""
    named = "; ".join(SOURCES[one] for one in known.study.sources) + "."
    return [named, *(release(known) if known.run else [])]


def release(known: AtHand) -> list[str]:
    """Source and release of the run."""
    run = known.ran.run
    years = run.get("covered_years")
    covered = f", diagnoses {years[0]} to {years[1]}" if years else ""
    return [f"This run: {SOURCES[run['source']]}, {run['format']} release {run['release']}{covered}."]


def eligibility(known: AtHand) -> list[str]:
    """The cohort's rules, the index tumor, how follow-up is counted."""
    rules = [f"{number}. {step.rule}" for number, step in enumerate(steps_of(known.cohort), start=1)]
    return [f"Cohort {known.cohort.name}: {known.cohort.title}.", *rules, *follow_up(known)]


def follow_up(known: AtHand) -> list[str]:
    """Time zero of each outcome, and its end."""
    return [
        *outcome_lines(known),
        "Follow-up ends at the event or at the last contact that the registry has.",
    ]


def outcome_lines(known: AtHand) -> list[str]:
    """Each outcome with how it is counted in one line."""
    lines: list[str] = []
    for line in protocol.outcomes(known.study):
        if line.startswith(" ") and lines:
            lines[-1] += f"; {line.strip()}"
        else:
            lines.append(line)
    return lines


def matching(known: AtHand) -> list[str]:
    """How pairs are made, and how many were."""
    if not protocol.OF_A_MATCHED_SET & set(known.study.analyses):
        return []
    made = results.people_of(known.ran, "matched_cox") if known.run else []
    return [protocol.matching(known.study.design.match), *made]


def variables(known: AtHand) -> list[str]:
    """Exposure, outcomes, covariates."""
    outcomes = outcome_lines(known)
    return [
        f"Exposure: {known.cohort.arms.words}",
        *(f"Outcome: {line}" for line in outcomes),
        *(f"Covariate: {protocol.covariate(one)}" for one in known.study.covariates),
        *(f"Effect modifier: {one.name}, {one.words}" for one in known.study.subgroups),
    ]


def measurement(known: AtHand) -> list[str]:
    """Where variables come from; what the source gives for some years only."""
    lines = [
        "Every variable is a column of the registry's tumor table, derived alike in both arms (docs/derivations.md):",
        *(f"{one.name}: {expression(one)}" for one in known.study.covariates),
    ]
    gaps = results.warned(known.ran, "covariate_not_collected") if known.run else []
    return lines + gaps


def expression(one: Covariate) -> str:
    """The SQL of a covariate with its groups."""
    groups = "; ".join(f"{value} as {level}" for value, level in one.groups.items())
    return one.expression + (f" ({groups})" if groups else "")


def bias(known: AtHand) -> list[str]:
    """What the definition does about each bias, and what it does not."""
    study = known.study
    timing = "Immortal time: " + (
        f"the date of the exposure is used where the source has it, within {study.timing.window_months:g} months."
        if study.timing
        else "no date of the exposure is used, so no analysis takes it out."
    )
    after = [one.name for one in study.covariates if one.post_baseline]
    said = [timing]
    said += (
        [f"Known only after diagnosis and left out of the re-analysis: {', '.join(after)}."] if after else []
    )
    said += [f"Under another rule ({one.rule}): {one.words}." for one in study.sensitivity]
    limits = list(protocol.gate(study))
    return [*said, f"No estimate of the effect is shown before its design reaches: {'; '.join(limits)}."]


def size(known: AtHand) -> list[str]:
    """Everybody who is there."""
    said = "Everybody in the source who meets the rules; no number was calculated beforehand."
    return [said, *(results.size(known.ran) if known.run else [])]


def quantities(known: AtHand) -> list[str]:
    """Continuous terms, and levels of grouped ones."""
    continuous = [one for one in known.study.covariates if one.kind == "continuous"]
    said = [f"{one.name}: per {one.per:g}." for one in continuous]
    levels = [one for one in known.study.covariates if one.kind == "categorical" and one.known_levels]
    return said + [f"{one.name} in levels: {', '.join(one.known_levels)}." for one in levels]


def methods(known: AtHand) -> list[str]:
    """Models, designs, analyses."""
    study = known.study
    return [*protocol.models(study), *protocol.designs(study), *protocol.analyses(study)]


def subgroups(known: AtHand) -> list[str]:
    """Subgroups and their test."""
    return list(protocol.subgroups(known.study))


def missing(known: AtHand) -> list[str]:
    """What becomes of missing values, covariate by covariate."""
    levels = [one.name for one in known.study.covariates if one.missing == "category"]
    complete = [one.name for one in known.study.covariates if one.missing == "complete_case"]
    said = [f"Missing values are a level of their own: {', '.join(levels)}."] if levels else []
    said += (
        [f"Without a value out of every model that has the term: {', '.join(complete)}."] if complete else []
    )
    imputed = "imputed_cox" in known.study.analyses
    return said + (["Multiple imputation is an analysis of its own (imputed_cox)."] if imputed else [])


def loss(known: AtHand) -> list[str]:
    """Censoring; deaths of other causes."""
    outcome = known.study.outcome
    if outcome is None:
        return ["Outcomes are seen or not: who is not seen long enough leaves the analysis and is counted."]
    said = ["Censored at the last contact that the registry has."]
    said += ["Deaths of other causes are a competing event."] if outcome.other_cause else []
    return said


def sensitivity(known: AtHand) -> list[str]:
    """Other rules of the cohort, and analyses of what could explain an estimate away."""
    said = [f"{one.name}: rule {one.rule} said otherwise: {one.words}." for one in known.study.sensitivity]
    words = {
        "e_value",
        "unmeasured_confounder",
        "rosenbaum",
        "matching_grid",
        "imputed_cox",
        "complete_case_cox",
    }
    asked = [name for name in known.study.analyses if name in words]
    said += [f"Analyses of what could explain it away or change it: {', '.join(asked)}."] if asked else []
    if known.study.has_reanalysis:
        said.append("Every analysis again on what was known at diagnosis alone (baseline_only).")
    return said


def cuts(known: AtHand) -> list[str]:
    """How levels are made."""
    return [f"{one.name}: {expression(one)}" for one in known.study.covariates if one.groups or one.sql]


def linkage(known: AtHand) -> list[str]:
    """None is done here."""
    return [
        "No databases are linked by this software; what a registry linked before its release is in its manual."
    ]


def algorithms(known: AtHand) -> list[str]:
    """Where the SQL of the rules is."""
    return [
        f"Every rule as SQL: `cohorts cohort show {known.cohort.name}`; identity of the definition: its settings hash."
    ]


def validation(known: AtHand) -> list[str]:
    """Toy patients; nothing against charts."""
    return [
        f"Toy patients of the cohort: `cohorts cohort test {known.cohort.name}`. Nothing was held against charts here."
    ]


def codes(known: AtHand) -> list[str]:
    """Where the codes are."""
    return [
        "Registry codes of every column: the codebook and docs/derivations.md. Expressions of this study:",
        *(f"{one.name}: {expression(one)}" for one in known.study.covariates),
    ]


ANSWERS: dict[str, AnswerFacts] = {
    **{
        say.__name__: AnswerFacts(say)
        for say in (
            design,
            references,
            question,
            setting,
            database,
            eligibility,
            matching,
            variables,
            measurement,
            bias,
            size,
            quantities,
            methods,
            subgroups,
            missing,
            loss,
            sensitivity,
            cuts,
            linkage,
            algorithms,
            validation,
            codes,
        )
    },
    **{name: AnswerFacts(say) for name, say in EMULATION_ANSWERS.items()},
    **{name: AnswerFacts(say, needs_run=True) for name, say in results.RUN_ANSWERS.items()},
}
"""Every answer by the name that the tables of ``catalog/checklists`` use."""
