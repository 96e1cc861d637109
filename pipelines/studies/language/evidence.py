"""The language of evidence syntheses: which published estimates are pooled, how, and beside what."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines.studies.language.base import Identifier, Strict

Method = Literal[
    "fixed",
    "dersimonian_laird",
    "reml",
    "paule_mandel",
    "hartung_knapp",
    "prediction",
    "prediction_hartung_knapp",
]
Between = Literal["dersimonian_laird", "reml", "paule_mandel"]


class Reading(Strict):
    """One row read otherwise than it is printed, to see whether a review did so.

    Attributes
    ----------
    row : str
        A row of the pool.
    ci_level : float, optional
        The level its interval is taken to have.
    orientation : {'as_printed', 'inverted'}, optional
        Which arm is taken as the reference.
    words : str
        Why it is read so; printed beside every number of the pool.
    """

    row: Identifier
    ci_level: float | None = Field(default=None, gt=0.5, lt=1)
    orientation: Literal["as_printed", "inverted"] | None = None
    words: str

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.ci_level is None and self.orientation is None:
            raise ValueError("a reading needs ci_level or orientation")
        return self


class EvidencePool(Strict):
    """Published estimates that are pooled together.

    Attributes
    ----------
    name : str
        Subgroup of its estimates.
    words : str
        The set as a reader would say it.
    side : {'observational', 'randomised'}
        Of the two forests, the one it belongs to.
    tables : tuple of str
        Files of ``catalog/evidence`` without ending.
    rows : tuple of str
        Which rows; empty: all that print a ratio with its interval, or those of ``members``.
    members : str, optional
        A column of the table that says ``yes``; where its name begins with ``assumed_`` the report says that no
        source confirms the set.
    without : tuple of str
        Rows that stay out.
    overlap : {'flag', 'keep_largest'}
        Studies that may share people are flagged, or of the sets of studies that share nobody the one with the most
        people stays, those of verified ratios first.
    readings : tuple of Reading
    review : str, optional
        Row of ``reviews.csv`` that pooled the same studies, or is taken to have.
    methods : tuple of str
        Estimates that are given: ``pooled_<method>``. ``prediction`` has Wald's variance and t with one degree of
        freedom fewer than studies, ``prediction_hartung_knapp`` the variance of Hartung and Knapp with the same t.
    between : {'reml', 'dersimonian_laird', 'paule_mandel'}
        Variance between studies for ``hartung_knapp`` and both predictions.
    """

    name: Identifier
    words: str
    side: Literal["observational", "randomised"]
    tables: tuple[Identifier, ...] = Field(min_length=1)
    rows: tuple[Identifier, ...] = ()
    members: Identifier | None = None
    without: tuple[Identifier, ...] = ()
    overlap: Literal["flag", "keep_largest"] = "flag"
    readings: tuple[Reading, ...] = ()
    review: Identifier | None = None
    methods: tuple[Method, ...] = Field(
        default=("dersimonian_laird", "reml", "hartung_knapp", "prediction", "prediction_hartung_knapp"),
        min_length=1,
    )
    between: Between = "reml"

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.rows and (self.members or self.without):
            raise ValueError("rows, or members and without: not both")
        if len(set(self.rows)) < len(self.rows):
            raise ValueError("a row is there twice")
        strange = [one.row for one in self.readings if self.rows and one.row not in self.rows]
        if strange:
            raise ValueError(f"readings of rows that are not in the pool: {', '.join(strange)}")
        return self

    @property
    def assumed(self) -> bool:
        """Whether no source says which studies belong."""
        return self.members is not None and self.members.startswith("assumed_")


class SiteEstimate(Strict):
    """An estimate of this submission that stands on the forest beside a pool.

    Attributes
    ----------
    study, analysis : str
        A study that ran on the submission, and which of its estimates of the exposure (everybody).
    beside : str
        A pool.
    joins : bool
        The pool is made again with it (``<pool>_with_site``), without the studies that may hold the same people.
    """

    study: Identifier
    analysis: Identifier
    beside: Identifier
    joins: bool = False


class EvidenceDefinition(Strict):
    """A synthesis of published estimates (``kind: evidence``), with or without a submission.

    Attributes
    ----------
    kind : 'evidence'
    id, title, question : str
    tier : int
    references : tuple of str
    exposure : str
        Term of the estimates.
    exposed, reference : str
        The two arms in words.
    pools : tuple of EvidencePool
    shown : tuple of str
        The two pools whose forests stand side by side: observational, randomised.
    shared_sources : tuple of pairs of str
        Sources of different names that may hold the same people.
    crude : tuple of str
        Rows of ``reviews.csv`` whose percentages give a crude odds ratio.
    e_values : bool
        E-value of every estimate of ``shown`` and of the reviews; deaths are common.
    site : tuple of SiteEstimate
    confidence_level : float
    """

    kind: Literal["evidence"]
    id: Identifier
    title: str
    question: str
    tier: int = Field(default=1, ge=1, le=3)
    references: tuple[str, ...] = ()
    exposure: Identifier
    exposed: str
    reference: str
    pools: tuple[EvidencePool, ...] = Field(min_length=1)
    shown: tuple[Identifier, Identifier]
    shared_sources: tuple[tuple[str, str], ...] = ()
    crude: tuple[Identifier, ...] = ()
    e_values: bool = True
    site: tuple[SiteEstimate, ...] = ()
    confidence_level: float = Field(default=0.95, gt=0.5, lt=1)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        names = [one.name for one in self.pools]
        mistakes = [
            f"pool {name} is there twice" for name in sorted({n for n in names if names.count(n) > 1})
        ]
        mistakes += [f"shown: there is no pool {name}" for name in self.shown if name not in names]
        mistakes += [f"site: there is no pool {one.beside}" for one in self.site if one.beside not in names]
        sides = tuple(one.side for name in self.shown for one in self.pools if one.name == name)
        if not mistakes and sides != ("observational", "randomised"):
            mistakes.append("shown is an observational pool, then a randomised one")
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    @property
    def contrast(self) -> str:
        """Of every estimate."""
        return f"{self.exposed} vs {self.reference}"

    @property
    def analysis_names(self) -> tuple[str, ...]:
        """Every name that ``estimates.csv`` may have under ``analysis``."""
        methods = dict.fromkeys(f"pooled_{method}" for pool in self.pools for method in pool.methods)
        return (*methods, *(("crude_odds_ratio",) if self.crude else ()))

    def pool(self, name: str) -> EvidencePool:
        """The pool of a name."""
        return next(one for one in self.pools if one.name == name)
