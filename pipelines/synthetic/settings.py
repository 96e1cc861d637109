"""What a synthetic world is like: every switch, one validated object."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class WorldSettings(BaseModel):
    """Switches of the simulator.

    Attributes
    ----------
    surgery_hr : float
        True conditional hazard ratio of surgery on death from the cancer, from the day of surgery (stage IV).
        Death from other causes is not touched by it.
    immortal_time : bool
        True: an operation comes after a delay and only to those still alive. False: the same people are
        operated on at diagnosis.
    confounding : float
        Multiplies every effect of a covariate on the surgery hazard; 0 makes surgery random.
    operated_share : float
        Share of stage IV women who would be operated on if nobody died first (at most 0.30).
    surgery_window_months : float
        The surgery hazard is constant from diagnosis to here and zero afterwards (months).
    stage_iv_share : float
        Share of stage IV in the file; the published share is about 6 %, a demo wants more.
    years : tuple of int, optional
        First and last diagnosis year; all the years the release covers where it is None.
    loss_per_month : float
        Constant hazard of being lost to follow-up (per month).
    survival_scale : float
        Multiplies the hazard of cancer death in stage IV; 1 keeps the published survival.
    metachronous_hr : float
        Formats with recurrence (``mapped-msk``, NAACCR): hazard of death from the cancer after a metastatic
        recurrence against de novo metastasis.
    stage_migration : float
        NCDB and SEER: share of those operated on in stage III whose metastases are told afterwards (a scan because of
        the operation, or what it found), so that their stage group is IV while their clinical stage is III. They
        live as people in stage III do.
    de_novo_share : float
        ``mapped-msk`` alone: share with metastasis at diagnosis, before selection by sequencing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    surgery_hr: float = Field(default=1.0, gt=0)
    immortal_time: bool = True
    confounding: float = Field(default=1.0, ge=0)
    operated_share: float = Field(default=0.24, gt=0, le=0.30)
    surgery_window_months: float = Field(default=9.0, gt=0)
    stage_iv_share: float = Field(default=0.06, gt=0, le=1)
    years: tuple[int, int] | None = None
    loss_per_month: float = Field(default=0.002, ge=0)
    survival_scale: float = Field(default=1.0, gt=0)
    metachronous_hr: float = Field(default=1.4, gt=0)
    stage_migration: float = Field(default=0.0, ge=0, lt=1)
    de_novo_share: float = Field(default=0.15, gt=0, lt=1)

    @model_validator(mode="after")
    def _years_in_order(self) -> "WorldSettings":
        if self.years and self.years[0] > self.years[1]:
            raise ValueError("years: the first diagnosis year lies after the last")
        return self
