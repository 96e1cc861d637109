"""Published numbers beside ours: joined by analysis, subgroup, term, contrast and measure."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import BeforeValidator, FiniteFloat, field_validator, model_validator
from scipy.stats import norm

from pipelines.cohorts.catalog import study_in_use
from pipelines.cohorts.definition import Strict
from pipelines.errors import InputError
from pipelines.stats.errors import CodingError
from pipelines.stats.pooling import StudyEstimate, check_study
from pipelines.studies.csv_rows import line_told, read_rows
from pipelines.studies.language import ALL, StudyDefinition
from pipelines.studies.results import Estimate, Finding

RATIOS = ("hr", "shr", "or", "rr")
NOT_COMPARABLE = "not_comparable"
INFORMS_ONLY = ("memory", "seed")
DEFAULT_TOLERANCE = {
    "percent": 1.0,
    "median_months": 1.0,
    "naive_median_months": 1.0,
    "median_difference_months": 1.0,
    "rmst_difference_months": 1.0,
    "survival_probability": 0.01,
    "survival_difference": 0.01,
    "cumulative_incidence": 0.01,
    "relative_survival": 0.01,
}
RATIO_TOLERANCE = 0.10
"""On the log scale, where the method of the paper is not known; 0.05 where it is, stated per target."""


def empty_is_none(value: object) -> object:
    """An empty cell of a CSV is no value."""
    return None if value == "" else value


Number = Annotated[FiniteFloat | None, BeforeValidator(empty_is_none)]


class Target(Strict):
    """One published number (row of ``published.csv``).

    Attributes
    ----------
    target : str
        Its name, once per study.
    analysis, subgroup, term, contrast, measure : str
        The estimate it is compared with.
    published, ci_low, ci_high : float, optional
        As printed; empty where only a direction is known.
    ci_level : float, optional
        0.95, or 0.90 as some trials print.
    orientation : {'as_printed', 'inverted'}
        ``inverted`` where the paper prints the reference arm against ours: it is turned before comparing.
    direction : {'', 'above', 'below'}
        Side of one, or of zero, where no number is known.
    verification : str
        How sure the printed figure is; memory and seed inform and never fail.
    tolerance : float, optional
        Largest difference of a match: log scale for ratios, else the unit of the measure.
    comparable : {'yes', 'no'}
        ``no`` where no source of ours can answer it; the note says why, and nothing has to join.
    """

    target: str
    analysis: str
    subgroup: str
    term: str
    contrast: str
    measure: str
    published: Number
    ci_low: Number
    ci_high: Number
    ci_level: Number
    orientation: Literal["as_printed", "inverted"]
    direction: Literal["", "above", "below"]
    verification: Literal["abstract", "secondary", "computed", "seed", "memory"]
    tolerance: Number
    comparable: Literal["yes", "no"]
    source: str
    note: str

    @field_validator("ci_level")
    @classmethod
    def _share(cls, value: float | None) -> float | None:
        if value is not None and not 0.5 < value < 1:
            raise ValueError("should be a share such as 0.95")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.published is None and not self.direction:
            raise ValueError("neither a number nor a direction")
        if self.ci_low is not None and self.ci_level is None:
            raise ValueError("an interval without its ci_level")
        if self.orientation == "inverted" and self.measure not in RATIOS:
            raise ValueError("only ratios can be inverted")
        printed = (self.published, self.ci_low, self.ci_high)
        if self.measure in RATIOS and any(one is not None and one <= 0 for one in printed):
            raise ValueError("a ratio and its limits are above zero")
        return self

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What it is joined by."""
        return (self.analysis, self.subgroup, self.term, self.contrast, self.measure)

    def harmonised(self, level: float) -> tuple[float | None, float | None, float | None]:
        """The published number and its interval, our orientation, our confidence level (ratios)."""
        value, low, high = self.published, self.ci_low, self.ci_high
        if value is None:
            return None, None, None
        if self.orientation == "inverted":
            value, low, high = 1 / value, (1 / high if high else None), (1 / low if low else None)
        if low is None or high is None or self.ci_level in (None, level) or self.measure not in RATIOS:
            return value, low, high
        printed = norm.ppf(0.5 + (self.ci_level or level) / 2)
        std_err = (math.log(high) - math.log(low)) / (2 * printed)
        half = float(norm.ppf(0.5 + level / 2)) * std_err
        return value, value * math.exp(-half), value * math.exp(half)

    @property
    def misprint(self) -> str:
        """What is wrong with a ratio that is not in the middle of its interval on the log scale; empty where it is."""
        value, low, high = self.published, self.ci_low, self.ci_high
        if self.measure not in RATIOS or value is None or low is None or high is None:
            return ""
        try:
            printed = StudyEstimate(
                self.target, value, low, high, self.ci_level or 0.95, "exposed_vs_unexposed", self.measure
            )
        except CodingError as error:
            return f"perhaps a misprint: {error.what}"
        symmetry = next(one for one in check_study(printed) if one.check == "interval_symmetric")
        return "" if symmetry.passed else f"perhaps a misprint: {symmetry.finding}"

    def printed_otherwise(self, level: float) -> str:
        """What the paper prints, where `harmonised` turned it round or widened its interval; else empty."""
        value, low, high = self.published, self.ci_low, self.ci_high
        if value is None or self.harmonised(level) == (value, low, high):
            return ""
        limits = "" if low is None or high is None else f" ({low:g} to {high:g})"
        confidence = f" at {100 * self.ci_level:g} %" if self.ci_level not in (None, level) else ""
        turned = ", the other way round" if self.orientation == "inverted" else ""
        return f"printed: {value:g}{limits}{confidence}{turned}"

    @property
    def allowed(self) -> float:
        """The tolerance, or the default of the measure."""
        if self.tolerance is not None:
            return self.tolerance
        if self.measure == "n":
            return 0.02 * (self.published or 0.0)
        return RATIO_TOLERANCE if self.measure in RATIOS else DEFAULT_TOLERANCE.get(self.measure, 0.0)


def load_targets(path: Path) -> list[Target]:
    """Read ``published.csv``; no file is no targets.

    Raises
    ------
    InputError
        The header is not that of targets; else every wrong row is named with its line, and targets that are there
        twice.
    """
    if not path.is_file():
        return []
    return read_rows(
        path, Target, of="the targets", folder="studies", key="target", check_header=require_header
    )


def require_header(header: Sequence[str], path: Path) -> None:
    """Tell a header that is not that of targets by itself: without it every cell of every row would be a mistake."""
    fields = list(Target.model_fields)
    wrong = {
        "missing": [name for name in fields if name not in header],
        "unknown": sorted({name for name in header if name not in fields}),
        "twice": sorted({name for name in header if list(header).count(name) > 1}),
    }
    told = [f"{words}: {', '.join(map(repr, names))}" for words, names in wrong.items() if names]
    if told:
        raise InputError(
            f"The header of the targets is not theirs ({'; '.join(told)})",
            where=f"{path}, line 1",
            remedy=f"The first line is: {','.join(fields)}.",
        )


def compare(
    targets: Sequence[Target],
    estimates: Sequence[Estimate],
    findings: Sequence[Finding],
    study: StudyDefinition,
) -> pl.DataFrame:
    """Judge every target.

    Returns
    -------
    pl.DataFrame
        The columns of ``comparison.csv``; ``delta`` on the log scale for ratios.

    Raises
    ------
    InputError
        A target joins to nothing, although its analysis was done: all such targets are named.
    """
    by_key = {one.key: one for one in estimates}
    undecidable = cannot_tell(study)
    excuses = Excuses(study, findings)
    rows, lost = [], {}
    for target in targets:
        ours = by_key.get(target.key)
        why = None if ours is not None or target.comparable == "no" else excuses.of(target)
        if ours is None and why is None and target.comparable == "yes":
            lost[target.target] = ", ".join(part or "–" for part in target.key)
        rows.append(
            judged(target, ours, undecidable or why, study.confidence_level, undecidable=bool(undecidable))
        )
    require_all_joined(lost, study.id)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def require_analyses(targets: Sequence[Target], study: StudyDefinition) -> None:
    """Tell the targets of analyses that the study does not ask for before anything runs.

    Raises
    ------
    InputError
        With all of them.
    """
    refused = study.emulation.refused_outcomes if study.emulation else {}
    known = {*study.analysis_names, *study.names_of(stand_ins(study)), *refused}
    lost = {
        one.target: f"there is no analysis {one.analysis}"
        for one in targets
        if one.comparable == "yes" and one.analysis not in known
    }
    require_all_joined(lost, study.id)


def require_all_joined(lost: Mapping[str, str], study: str) -> None:
    """Stop where targets join to nothing: a verdict that is not there is none.

    Parameters
    ----------
    lost : mapping
        Target to what it would be joined by.
    study : str
        Its id.

    Raises
    ------
    InputError
        With all of them, and their lines.
    """
    if lost:
        path = study_in_use(study, "published.csv")
        told = [f"{line_told(path, name)}{name} ({words})" for name, words in lost.items()]
        raise InputError(
            f"{len(lost)} published target(s) of '{study}' join to no estimate: {'; '.join(told)}",
            where=path,
            remedy="The columns analysis, subgroup, term, contrast and measure must be those of estimates.csv.",
        )


def stand_ins(study: StudyDefinition) -> list[str]:
    """Analyses that are done where a source refuses others."""
    return [word for one in study.fallbacks for word in one.use]


def cannot_tell(study: StudyDefinition) -> str:
    """Why no number of an emulated trial can be judged: what the trial rests on and no registry records."""
    missing = study.emulation.undecidable if study.emulation else ()
    if not missing:
        return ""
    return f"the trial rests on what is not recorded: {'; '.join(one.trial for one in missing)}"


class Excuses:
    """Why targets may have no estimate here.

    Parameters
    ----------
    study : StudyDefinition
        As it is written.
    findings : sequence of Finding
        An analysis that is absent in a subgroup, or under another outcome, excuses the targets of that one alone.
    """

    def __init__(self, study: StudyDefinition, findings: Sequence[Finding]) -> None:
        self.study = study
        self.absent = {
            (one.analysis, one.subgroup): one.message for one in findings if one.status == "absent"
        }
        self.refused = {
            one.analysis: one.message
            for one in findings
            if (one.status, one.check, one.subgroup) == ("absent", "refused", ALL)
        }
        self.stand_ins = set(study.names_of(stand_ins(study))) - set(study.analysis_names)
        self.covariates = {one.name: one for one in study.covariates}

    def of(self, target: Target) -> str | None:
        """The reason; None where nothing excuses the target."""
        reason = self.refused.get(target.analysis) or self.absent.get((target.analysis, self.variant(target)))
        if reason:
            return reason
        if target.analysis in self.stand_ins:
            return "done only where a source refuses what it stands in for"
        return self.level_not_here(target) if target.analysis in self.study.analysis_names else None

    def variant(self, target: Target) -> str:
        """Label of the people a target is about: that of a variant, without the arm or level behind it."""
        labels = [label for label in self.study.labels if f"{target.subgroup}, ".startswith(f"{label}, ")]
        return max(labels, key=len, default=ALL)

    def level_not_here(self, target: Target) -> str | None:
        """A level that the study knows, and nobody, or too few, have."""
        term, level = target.term, target.contrast.partition(" vs ")[0]
        of_level = "=" in target.subgroup
        if of_level:
            term, _, level = target.subgroup.rpartition(", ")[2].partition("=")
        covariate = self.covariates.get(term)
        if covariate is None or level not in covariate.known_levels:
            return None
        against = target.contrast.partition(" vs ")[2]
        if against and against != covariate.reference and not of_level:
            return None
        return f"nobody, or too few, with {term} {level} here"


SCHEMA = {
    "target": pl.String,
    "published": pl.Float64,
    "published_ci_low": pl.Float64,
    "published_ci_high": pl.Float64,
    "ci_level": pl.Float64,
    "verification": pl.String,
    "estimated": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "delta": pl.Float64,
    "tolerance": pl.Float64,
    "verdict": pl.String,
    "can_fail": pl.Boolean,
    "analysis": pl.String,
    "subgroup": pl.String,
    "term": pl.String,
    "contrast": pl.String,
    "measure": pl.String,
    "orientation": pl.String,
    "printed_ci_level": pl.Float64,
    "source": pl.String,
    "note": pl.String,
    "n": pl.Int64,
}


def judged(
    target: Target,
    ours: Estimate | None,
    why: str | None,
    level: float,
    *,
    undecidable: bool = False,
    assumed: bool = False,
) -> dict[str, object]:
    """One row of the comparison.

    ``undecidable`` is a trial that no registry can judge, whatever the numbers. ``assumed`` is what of ours rests on
    assumed input: the target informs then, however sure the published figure is.
    """
    published, low, high = target.harmonised(level)
    value = None if ours is None else ours.estimate
    if why is None and value is None and target.comparable == "yes":
        why = "not reached, or not estimable, here"
    delta = difference(value, published, target.measure)
    if ours is not None and value is not None and published is None and holds_both_directions(ours):
        why = why or "the interval holds both directions here"
    return {
        "target": target.target,
        "published": published,
        "published_ci_low": low,
        "published_ci_high": high,
        "ci_level": level if low is not None else None,
        "verification": target.verification,
        "estimated": value,
        "ci_low": None if ours is None else ours.ci_low,
        "ci_high": None if ours is None else ours.ci_high,
        "delta": delta,
        "tolerance": target.allowed if published is not None else None,
        "verdict": NOT_COMPARABLE if undecidable else verdict(target, ours, delta),
        "can_fail": target.verification not in INFORMS_ONLY and not assumed,
        "analysis": target.analysis,
        "subgroup": target.subgroup,
        "term": target.term,
        "contrast": target.contrast,
        "measure": target.measure,
        "orientation": target.orientation,
        "printed_ci_level": target.ci_level,
        "source": target.source,
        "note": "; ".join(
            part for part in (target.printed_otherwise(level), target.note, target.misprint, why) if part
        ),
        "n": None if ours is None else ours.counts.n,  # a percentage of few people tells who they are
    }


def difference(ours: float | None, published: float | None, measure: str) -> float | None:
    """Ours minus published; of the logarithms for ratios."""
    if ours is None or published is None:
        return None
    return math.log(ours / published) if measure in RATIOS else ours - published


def verdict(target: Target, ours: Estimate | None, delta: float | None) -> str:
    """``match``, ``differs`` or ``not_comparable``; where only a direction is published, by the direction.

    An estimate whose interval holds both directions has none: it is not comparable with a direction.
    """
    if ours is None or ours.estimate is None or target.comparable == "no":
        return NOT_COMPARABLE
    if delta is not None:
        return "match" if abs(delta) <= target.allowed + 1e-12 else "differs"
    if holds_both_directions(ours):
        return NOT_COMPARABLE
    return (
        "match" if (ours.estimate > middle_of(ours.measure)) == (target.direction == "above") else "differs"
    )


def middle_of(measure: str) -> float:
    """The value of no difference."""
    return 1.0 if measure in RATIOS else 0.0


def holds_both_directions(ours: Estimate) -> bool:
    """Whether the interval has values on both sides of no difference."""
    low, high = ours.ci_low, ours.ci_high
    return low is not None and high is not None and low <= middle_of(ours.measure) <= high
