"""Whether the exposure's effect differs between the levels of a declared subgroup: one test for each."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import polars as pl

from pipelines.stats.errors import StatsError
from pipelines.stats.pooling import compare_ratios, pool
from pipelines.stats.sensitivity import holm, subgroup_effects
from pipelines.studies.analysis_set import AnalysisSet
from pipelines.studies.design import build_design
from pipelines.studies.estimators.describe import label_of
from pipelines.studies.estimators.rows import between
from pipelines.studies.language import ANALYSES, MISSING_WORDS, StudyDefinition, Subgroup
from pipelines.studies.results import UNPLANNED, Counts, Estimate, Finding, Outcomes

INTERACTION = "interaction"
REST = "other"
"""Everybody else whose value is known, where a subgroup has one level alone."""


def interactions(people: AnalysisSet, groups: tuple[Subgroup, ...]) -> Outcomes:
    """Test every declared subgroup, and adjust the planned tests for their number.

    Parameters
    ----------
    people : AnalysisSet
        Of all levels.
    groups : tuple of Subgroup

    Returns
    -------
    Outcomes
        Estimates ``interaction`` with the subgroup ``<name>``: the ratio of the hazard ratios where there are two
        levels, and the p-value of the test. Findings: Holm's p of the planned tests; which tests were not planned.

    References
    ----------
    Wang R et al. Statistics in medicine: reporting of subgroup analyses in clinical trials. N Engl J Med
    2007;357:2189-2194.
    """
    found = Outcomes()
    if is_dated(people.study):
        return found  # `interactions_of_estimates` has them, once the subgroups are done
    for group in groups:
        alone = len(group.levels) == 1 and len(levels_of(people, group)[1]) == 1  # nobody to compare with
        for arm in () if alone else people.labels[:-1]:
            try:
                found += tested(people, arm, group)
            except StatsError as error:
                label = label_of(people, group.name)
                reason = Finding(INTERACTION, label, "not_fitted", "absent", error.without_count)
                found += Outcomes(findings=(reason,))
    planned = {label_of(people, group.name) for group in groups if group.planned}
    declared = len(planned) * len(people.labels[:-1])
    return found + Outcomes(findings=tuple(adjusted(found.estimates, planned, declared)))


def is_dated(study: StudyDefinition) -> bool:
    """Whether the primary analysis needs the date of the exposure: a model of ever against never is no test of it."""
    return any(facts.dated and study.primary in study.names_of([word]) for word, facts in ANALYSES.items())


def interactions_of_estimates(people: AnalysisSet, estimates: Sequence[Estimate]) -> Outcomes:
    """Test the subgroups of a dated primary analysis by its own estimates, which are of different people.

    References
    ----------
    Altman DG, Bland JM. Interaction revisited: the difference between two estimates. BMJ 2003;326:219.
    """
    study, found = people.study, Outcomes()
    if not is_dated(study):
        return found
    by_key = {one.key: one for one in estimates}
    for group in (one for one in study.subgroups if len(one.levels) > 1):
        keys = [
            (study.primary, group.label(level), study.exposure, people.contrast, "hr")
            for level in group.levels
        ]
        levels = [by_key[key] for key in keys if key in by_key and by_key[key].ci_low is not None]
        if len(levels) == len(keys):
            found += Outcomes((compared(people, group, levels),))
        else:
            reason = f"{study.primary} is not there in every level"
            found += Outcomes(findings=(Finding(INTERACTION, group.name, "not_fitted", "absent", reason),))
    planned = {group.name for group in study.subgroups if group.planned}
    return found + Outcomes(findings=tuple(adjusted(found.estimates, planned, len(planned))))


def compared(people: AnalysisSet, group: Subgroup, levels: Sequence[Estimate]) -> Estimate:
    """The second level over the first where there are two, else Cochran's test that all are alike."""
    study, level = people.study, people.study.confidence_level
    ratios = [(float(one.estimate or 0), float(one.ci_low or 0), float(one.ci_high or 0)) for one in levels]
    counts = [one.counts for one in levels]
    row = Estimate(
        INTERACTION,
        group.name,
        f"{study.exposure}_by_{group.name}",
        "any level",
        "hr",
        None,
        counts=Counts(
            sum(one.n or 0 for one in counts),
            sum(one.n_exposed or 0 for one in counts),
            sum(one.events or 0 for one in counts),
        ),
        estimand=levels[0].estimand,
        effect_type=levels[0].effect_type,
        method=f"ratio of hazard ratios; test between the estimates of {study.primary}",
    )
    if len(ratios) > 2:
        widths = np.log([high / low for _, low, high in ratios])
        std_errs = widths / (2 * NormalDist().inv_cdf((1 + level) / 2))
        test = pool(np.log([value for value, _, _ in ratios]), std_errs**2, method="fixed", level=level)
        return replace(row, p_value=test.q_p)
    test_of_two = compare_ratios(ratios[1], ratios[0], level=level)
    return replace(
        row,
        contrast=f"{group.levels[1]} vs {group.levels[0]}",
        estimate=test_of_two.ratio,
        ci_low=test_of_two.ci_low,
        ci_high=test_of_two.ci_high,
        p_value=test_of_two.p_value,
    )


def tested(people: AnalysisSet, arm: str, group: Subgroup) -> Outcomes:
    """Wald's test of one arm and the reference in the adjusted Cox model, the crude one where the study has none."""
    study, label = people.study, label_of(people, group.name)
    pair = between(people, arm, people.reference_label)
    level, levels = levels_of(pair, group)
    inside = replace(
        pair.where(level.is_in(levels).fill_null(False).to_numpy()), dropped=(*people.dropped, *group.drop)
    )
    design = build_design(inside, inside.terms("cox"), analysis=INTERACTION, with_exposure=False)
    inside = design.people
    effects = subgroup_effects(
        inside.time,
        inside.event,
        inside.exposed,
        {group.name: levels_of(inside, group)[0].to_numpy()},
        reference={group.name: levels[0]},
        covariates=design.matrix if design.columns else None,
        names=design.names or None,
        entry=inside.entry,
        ties=study.models.ties,
        level=study.confidence_level,
        analysis=INTERACTION,
        estimand="conditional",
        effect_type="conditional" if design.columns else "marginal",
    )
    ratios = [one.ratio for one in effects.subgroups if one.ratio is not None]
    ratio = ratios[0] if len(ratios) == 1 else None
    contrast = f"{levels[1]} vs {levels[0]}" if ratio else "any level"
    estimate = Estimate(
        INTERACTION,
        label,
        f"{study.exposure}_by_{group.name}",
        f"{inside.contrast}, {contrast}" if people.other_labels else contrast,
        "hr",
        ratio.estimate if ratio else None,
        ratio.ci_low if ratio else None,
        ratio.ci_high if ratio else None,
        effects.tests[0].p_value,
        inside.counts(),
        estimand="association",
        effect_type="conditional" if design.columns else "marginal",
        method="ratio of hazard ratios; Wald test of the interaction in the Cox model",
    )
    findings = [replace(one, subgroup=label) for one in design.findings]
    if any(one.effect.notes for one in effects.subgroups):
        few = f"a level of {group.name} has fewer than ten events in an arm"
        findings.append(Finding(INTERACTION, label, "few_events", "warning", few))
    return Outcomes((estimate,), tuple(findings))


def levels_of(people: AnalysisSet, group: Subgroup) -> tuple[pl.Series, list[str]]:
    """Level of each person and the levels that are compared, those declared or the one and everybody else known."""
    values = people.frame[f"sub_{group.name}"]
    if len(group.levels) > 1:
        return values, [level for level in group.levels if level in set(values)]
    known = values.is_not_null() & ~values.is_in(MISSING_WORDS)
    only = group.levels[0]
    both = pl.select(pl.when(known & (values != only)).then(pl.lit(REST)).otherwise(values)).to_series()
    return both, [level for level in (only, REST) if level in set(both)]


def adjusted(estimates: tuple[Estimate, ...], planned: set[str], declared: int) -> list[Finding]:
    """Holm's p-value of each planned test over all that were declared, and a warning at each that was not planned."""
    tests = [one for one in estimates if one.subgroup in planned and one.p_value is not None]
    p_values = holm(np.array([one.p_value for one in tests]), family_size=declared) if tests else ()
    findings = [
        Finding(
            INTERACTION,
            one.subgroup,
            "holm_p",
            "info",
            f"p-value of the interaction ({one.contrast}), adjusted by Holm over the {declared} declared",
            value=float(p_value),
        )
        for one, p_value in zip(tests, p_values, strict=True)
    ]
    unplanned = dict.fromkeys(one.subgroup for one in estimates if one.subgroup not in planned)
    return findings + [Finding(INTERACTION, label, "unplanned", "warning", UNPLANNED) for label in unplanned]
