"""A clinical cohort that is entered at sequencing: two tab files shaped like those of a public genomic study.

People come into view only when a tumour of theirs is sequenced, so whoever died before that is not in the files:
survival from diagnosis or from the first metastasis is left-truncated. Hazards after metastasis are known.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.stats.cox import fit_cox
from pipelines.store.files import aside

from .draws import BLOCK_ROWS, Coded, Draws, FloatArray, sample, variables
from .msk_cohort import Cohort
from .msk_tables import patient_table, sample_table, tab_file
from .settings import WorldSettings

LEVELS_TABLE = Path(__file__).parent / "tables" / "msk_levels.csv"
RELAPSE_PER_MONTH = 0.010
DEATH_AFTER_METASTASIS_PER_MONTH = 0.018
OTHER_DEATH_PER_MONTH = 0.0006
NEARLY_EQUAL = 1e-4  # months; Cox takes times closer than rounding errors as one
LATEST_RELAPSE, OLDEST_AT_RELAPSE = 300, 12 * 95  # months from diagnosis, months of age
PRIMARY_SEQUENCED = 0.45
PATIENT_FILE, SAMPLE_FILE = "data_clinical_patient.txt", "data_clinical_sample.txt"


def simulate(settings: WorldSettings, rows: int, seed: int) -> Iterator[Cohort]:
    """Yield blocks of people who lived to be sequenced, ``rows`` of them in all."""
    block = 0
    while rows > 0:
        candidates = _candidates(settings, Draws(seed, BLOCK_ROWS, block))
        seen = np.flatnonzero((candidates.sequencing < candidates.death) & np.isfinite(candidates.sequencing))
        yield candidates.take(seen[:rows])
        rows -= len(seen)
        block += 1


def _candidates(settings: WorldSettings, draws: Draws) -> Cohort:
    covariates: dict[str, Coded] = {}
    for name, variable in variables(LEVELS_TABLE).items():
        covariates[name] = sample(variable, draws, covariates)
    de_novo = draws.uniform("de novo") < settings.de_novo_share
    age = 12 * np.clip(52 + 12 * _normal(draws, "age"), 24, 92)
    relapse = draws.exponential("relapse") / RELAPSE_PER_MONTH
    relapse = np.where(relapse < np.minimum(LATEST_RELAPSE, OLDEST_AT_RELAPSE - age), relapse, np.inf)
    metastasis = np.where(de_novo, 0.6 * draws.uniform("found"), relapse)
    receptors = variables(LEVELS_TABLE)["receptors"]
    hazard = DEATH_AFTER_METASTASIS_PER_MONTH * np.exp(covariates["receptors"].lookup(receptors.death))
    hazard = hazard * np.where(de_novo, 1.0, settings.metachronous_hr)
    other = draws.exponential("other death") / OTHER_DEATH_PER_MONTH
    death = np.minimum(other, metastasis + draws.exponential("death") / hazard)
    metastasis = np.where(metastasis < death, metastasis, np.inf)
    primary = draws.uniform("sequenced early") < PRIMARY_SEQUENCED
    sequencing = np.where(
        primary, 4 * draws.uniform("to sequencing"), metastasis + 10 * draws.exponential("met to sequencing")
    )
    end = sequencing + 4 + 56 * draws.uniform("follow-up")
    return Cohort(
        number=draws.block * BLOCK_ROWS + np.arange(draws.rows),
        age=age,
        de_novo=de_novo,
        primary_sequenced=primary,
        metastasis=metastasis,
        death=death,
        sequencing=sequencing,
        last_contact=np.minimum(death, end),
        hazard=hazard,
        covariates=covariates,
    )


def _normal(draws: Draws, name: str) -> FloatArray:
    """Box and Muller: two uniforms make a normal number."""
    radius = np.sqrt(2 * draws.exponential(f"{name} radius"))
    return radius * np.cos(2 * np.pi * draws.uniform(f"{name} angle"))


def write(settings: WorldSettings, rows: int, seed: int, out: Path) -> tuple[tuple[Path, ...], pl.DataFrame]:
    """Write the patient and the sample file; return their paths and the truth.

    Parameters
    ----------
    settings : WorldSettings
        ``metachronous_hr`` and ``de_novo_share`` matter here.
    rows : int
        People in the files.
    seed : int
    out : Path

    Returns
    -------
    tuple
        Paths of the two files, and one row of truth per person (record of the patient file).
    """
    blocks = list(simulate(settings, rows, seed))
    patients = pl.concat([patient_table(block) for block in blocks])
    samples = pl.concat([sample_table(block) for block in blocks])
    paths = (out / PATIENT_FILE, out / SAMPLE_FILE)
    for path, kind, table in zip(paths, ("patient", "sample"), (patients, samples), strict=True):
        with aside(path) as temporary:
            temporary.write_bytes(tab_file(kind, table))
    truth = pl.concat([_truth(block) for block in blocks])
    return paths, truth.insert_column(0, pl.Series("source_record", np.arange(1, truth.height + 1)))


def _truth(block: Cohort) -> pl.DataFrame:
    time, entry = from_metastasis(block)
    seen = block.metastatic
    presentation = np.where(seen, np.where(block.de_novo, "de_novo", "metachronous"), "not_metastatic")
    frame = pl.DataFrame(
        {
            "source_file": [PATIENT_FILE] * len(block.age),
            "patient_id": patient_table(block)["PATIENT_ID"],
            "arm": presentation,
            "died": block.died,
            "metastasis_months": np.where(seen, block.metastasis, np.nan),
            "sequencing_months": block.sequencing,
            "last_contact_months": block.last_contact,
            "death": block.death,
            "survival_from_metastasis_months": np.where(seen, time, np.nan),
            "entry_from_metastasis_months": np.where(seen, entry, np.nan),
            "hazard_after_metastasis": block.hazard,
            "true_receptors": block.covariates["receptors"].words(),
        }
    )
    return frame.fill_nan(None)  # no metastasis, no time from it


def from_metastasis(block: Cohort) -> tuple[FloatArray, FloatArray]:
    """Time since the first metastasis at the last contact and at entry (n,), months."""
    return block.last_contact - block.metastasis, np.maximum(block.sequencing - block.metastasis, 0.0)


def presentation_log_hr(settings: WorldSettings, rows: int, seed: int) -> float:
    """Log hazard ratio of death, metachronous against de novo, in one large cohort with entry respected."""
    parts = [(block, *from_metastasis(block)) for block in simulate(settings, rows, seed)]
    keep = np.concatenate([block.metastatic & (time > entry + NEARLY_EQUAL) for block, time, entry in parts])
    time = np.concatenate([time for _, time, _ in parts])[keep]
    entry = np.concatenate([entry for _, _, entry in parts])[keep]
    died = np.concatenate([block.died for block, _, _ in parts])[keep]
    late = np.concatenate([~block.de_novo for block, _, _ in parts])[keep]
    return float(fit_cox(time, died, late[:, None].astype(float), entry=entry).coefficients[0])
