"""The document of the study: what was found beside what should have been, and how to read it."""

from collections.abc import Sequence

import numpy as np

from .estimators import CALIPER, DRAWS, ESTIMATORS
from .scenarios import DESCRIPTIONS, HAZARD_RATIOS
from .study import BOOTSTRAPPED, Design
from .table import (
    COLUMNS,
    LEAST_COVERAGE,
    MOST_BIAS,
    NO_TARGET,
    Row,
    chance_of_missing,
    markdown,
    percent,
)
from .truth import TRUTHS

# Hazard ratios that an independent run of the same simulator gave under a true 1.
INDEPENDENT_RUN = {
    "naive": {"C": 0.66, "I": 0.79, "C+I": 0.55},
    "adjusted naive": {"C": 1.00, "I": 0.80, "C+I": 0.81},
    "time-varying": {"C": 1.00, "I": 1.00, "C+I": 1.00},
    "landmark 6": {"C": 1.00, "I": 1.00, "C+I": 1.00},
    "clone-censor-weight": {"C": 1.00, "I": 1.00, "C+I": 1.00},
}

READING = """
## How to read it

z ~ N(0, 1), v ~ B(0.4), h ~ B(0.6). Hazard of death a month 0.022 · exp(0.35z + 0.7v − 0.6h + βA(t)), A(t) being 1
from the operation on and exp(β) the true hazard ratio; hazard of surgery 0.075 · exp(c(−0.2 − 0.5z − 0.9v + 0.6h))
to month 8, none after; end of observation uniform from 24 to 72 months; times rounded up to tenths of a month.

- **C**, confounding: c is 1, else 0. Adjusting, matching and weighting are made for it.
- **I**, immortal time. Off: the same people are operated at 0. On: whoever is sorted at diagnosis by an operation to
  come had to live until it. No covariate knows that, and leaving the time before the operation out takes away only a
  part of it, by either reading. Methods in which people become operated as time goes by are made for it.
- **M**, stage migration: 12 % have occult disease, are operated uniformly between 0.1 and 1, have 0.4 times the hazard
  of death, and are found by their operation. Only the cohort can leave them out: "clinical M1" keeps those whose
  metastases were known before surgery.
- **U**, unmeasured: u ~ N(0, 1) adds 0.6u to the log hazard of death and −0.7u to that of surgery, and is in no model.
- **Late**: surgery goes on after month 8 at 0.3 times its hazard. People who count as unoperated are operated later,
  so landmarks, windows and clones are after a weaker contrast.

*Own truth* is what an estimator is after (next section). *Type I error*, under a true 1, and *power*, under 0.8, are
the share of replicates whose 95 % interval excludes 1. *Failed* is the share in which the estimator refused with a
named error; the other columns are about the rest. A † marks an estimator that sorts people at diagnosis by an
operation to come in a world where operations come later: no assignment of surgery corresponds to it, and it is judged
against surgery at diagnosis or none, which is what such a number is read as."""

METHODS = """
Matching is 1:1 without replacement on the logit of the probability of ever being operated, within {caliper} pooled SD;
"adjusted" adds z, v and h to the model of the matched, "within pairs" gives each pair its own baseline hazard too. The
score has z, v, h, z² and all products: surgery within eight months follows no logistic law, and one row shows
weighting with main effects alone; entropy balancing has the same terms. Clones have a grace period of eight months,
timing as observed; where many are operated at one time (I off) the surgery hazard is grouped. Standard errors are
those of the model; clustered by pair; of weights with the score estimated; of entropy balancing and of clones with
the weights taken as known, clustered by person. The whole clone design was bootstrapped by person as well ({draws}
draws, percentiles) in the first {bootstraps} replicates of {scenario}.

By chance alone an estimator whose intervals hold the truth in 95 % of samples is found below {least} in
{chance} of the rows; the Monte Carlo standard error of such a coverage is {error}."""


def document(design: Design, rows: Sequence[Row], command: str, run_time: str) -> str:
    """The whole document.

    Parameters
    ----------
    design : Design
    rows : sequence of Row
        In the order of the scenarios.
    command : str
        What makes it.
    run_time : str
        A sentence; the only part that differs between two runs of one command.
    """
    methods = METHODS.format(
        caliper=CALIPER,
        draws=DRAWS,
        bootstraps=design.bootstraps,
        scenario=BOOTSTRAPPED,
        least=percent(LEAST_COVERAGE),
        chance=percent(chance_of_missing(design.replicates)),
        error=percent(float(np.sqrt(0.95 * 0.05 / design.replicates))),
    )
    names = list(dict.fromkeys(scenario.name for scenario in design.scenarios))
    parts = [
        _opening(design, names, command, run_time),
        _at_a_glance(names, rows),
        _surprises(rows),
        READING,
        methods,
        _truths(design),
        _independent(rows),
        "## Every number",
        *(_section(name, rows) for name in names),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _opening(design: Design, names: Sequence[str], command: str, run_time: str) -> str:
    return f"""
# Validation by simulation

Every estimator of a hazard ratio in `pipelines.stats` was run on registries whose truth is known:
{design.replicates} replicates of {design.people:,} people, under a true hazard ratio of 1 and of 0.8, in {len(names)}
scenarios that hold, by themselves and together, what goes wrong in retrospective comparisons of surgery in stage IV
disease. An estimator passes where its mean log hazard ratio is within {MOST_BIAS:g} of its own truth and its 95 %
intervals hold that truth in at least {100 * LEAST_COVERAGE:.0f} % of replicates. Where it cannot pass, the table shows
by how much it misses.

    {command}

{run_time}
The seed is {design.seed}; the same seed gives the same document, the line above apart, with any number of workers."""


def _at_a_glance(names: Sequence[str], rows: Sequence[Row]) -> str:
    parts = [
        "## At a glance",
        f"Exponential of the mean log hazard ratio; ✓ where the estimator passes, {NO_TARGET} where it has no valid\n"
        "target. Truths under 0.8 differ between estimators.",
    ]
    labels = dict.fromkeys(row.found.estimator.label for row in rows if not row.found.estimator.bootstrap)
    for ratio in HAZARD_RATIOS:
        found = {
            (row.found.estimator.label, row.found.scenario.name): row
            for row in rows
            if row.found.scenario.hazard_ratio == ratio
        }
        lines = [[label, *(_glance(found[label, name]) for name in names)] for label in labels]
        parts += [f"True hazard ratio {ratio:g}", markdown(["estimator", *names], lines)]
    return "\n\n".join(parts)


def _glance(row: Row) -> str:
    mark = ("" if row.missed else " ✓") if row.has_target else (NO_TARGET if row.missed else f"{NO_TARGET} ✓")
    return f"{np.exp(row.mean):.2f}{mark}"


def _surprises(rows: Sequence[Row]) -> str:
    """Where the table and theory differ, and how often they might by chance."""
    judged = [row for row in rows if not row.found.estimator.bootstrap]
    expected = [row for row in judged if row.found.estimator.should_pass(row.found.scenario)]
    flawless = [row for row in expected if not row.found.estimator.flaw]
    missed = [row for row in expected if row.missed]
    others = [row for row in judged if not row.found.estimator.should_pass(row.found.scenario)]
    lucky = [row for row in others if not row.missed]
    chance = chance_of_missing(len(rows[0].found.values)) * len(flawless)
    parts = [
        "## Beside what theory says",
        "An estimator should pass where all that acts on death is measured, it takes account of it, and it has a "
        f"valid target. {len(expected) - len(missed)} of {len(expected)} such rows pass; by chance about {chance:.1f} "
        "would fall short in coverage, several at once, because all rows of a scenario come from the same replicates. "
        f"Of the {len(others)} other rows {len(lucky)} pass"
        + (f": {'; '.join(map(_place, lucky))}." if lucky else "."),
    ]
    if missed:
        lines = [
            [
                row.found.estimator.label,
                row.found.scenario.name,
                f"{row.found.scenario.hazard_ratio:g}",
                f"{row.bias:+.4f}",
                percent(row.coverage),
                row.verdict,
                row.found.estimator.flaw,
            ]
            for row in missed
        ]
        head = ["estimator", "scenario", "HR", "bias", "coverage", "verdict", "why"]
        parts += ["Those that should and do not:", markdown(head, lines)]
    return "\n\n".join(parts)


def _place(row: Row) -> str:
    return f"{row.found.estimator.label} in {row.found.scenario.name} at {row.found.scenario.hazard_ratio:g}"


def _truths(design: Design) -> str:
    lines = []
    for key in dict.fromkeys(estimator.truth for estimator in ESTIMATORS):
        labels = [e.label for e in ESTIMATORS if e.truth == key and not e.bootstrap]
        own = f"{'0.8 where z, v, h are all that acts on death; else ' * TRUTHS[key].put_in}{TRUTHS[key].definition}"
        lines.append(["; ".join(labels), own])
    return f"""
## Whose truth

Under a true 1 every truth is 1. Under 0.8 surgery is assigned inside the simulator: {design.truth_people:,} people
of the world each live two lives, one under either assignment, with the same luck and the same end of observation, and
the Cox model that the estimator fits contrasts the lives. A marginal hazard ratio is nearer 1 than one given
covariates, without any bias; one of strategies with a grace period is nearer still, because nobody is operated on the
first day.

{markdown(["estimator", "own truth"], lines)}"""


def _independent(rows: Sequence[Row]) -> str:
    found = {
        (row.found.estimator.label, row.found.scenario.name): row
        for row in rows
        if row.found.scenario.hazard_ratio == 1
    }
    lines = []
    for label, figures in INDEPENDENT_RUN.items():
        for name, figure in figures.items():
            if (label, name) in found:
                row = found[label, name]
                ours, error = float(np.exp(row.mean)), float(np.exp(row.mean) * row.monte_carlo)
                lines.append(
                    [label, name, f"{figure:.2f}", f"{ours:.3f}", f"{error:.3f}", f"{ours - figure:+.3f}"]
                )
    head = ["estimator", "scenario", "independent run", "here", "Monte Carlo SE", "difference"]
    return f"""
## Beside an independent run

Hazard ratios of another implementation of the same design under a true 1, known to two decimals: up to 0.005 of a
difference is rounding, and the Monte Carlo error of both runs comes to it. Here times are rounded up, so that the
hazards hold exactly on the grid of tenths, and an operation in the tenth of a death comes too late.

{markdown(head, lines)}"""


def _section(name: str, rows: Sequence[Row]) -> str:
    own = [row.cells() for row in rows if row.found.scenario.name == name]
    return f"### {name}\n\n{DESCRIPTIONS[name]}\n\n{markdown(COLUMNS, own)}"
