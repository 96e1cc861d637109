"""The two tab files of the cohort: header rows and every column as text, as the public study writes them."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from .draws import BoolArray, FloatArray
from .msk_cohort import Cohort

COLUMNS_TABLE = Path(__file__).parent / "tables" / "msk_columns.csv"
DAYS_PER_MONTH = 365.25 / 12
Text = pl.Series


@cache
def columns(kind: str) -> dict[str, str]:
    """Column names of the ``patient`` or ``sample`` file with their declared types, in order."""
    with COLUMNS_TABLE.open(encoding="utf-8", newline="") as stream:
        return {row["column"]: row["type"] for row in csv.DictReader(stream) if row["file"] == kind}


def tab_file(kind: str, table: pl.DataFrame) -> bytes:
    """Four comment rows (name, description, type, priority), the header, then the records."""
    names = list(columns(kind))
    titles = [name.replace("_", " ").capitalize() for name in names]
    comments = [
        titles,
        [f"{title} (synthetic)" for title in titles],
        list(columns(kind).values()),
        ["1"] * len(names),
    ]
    head = "".join("#" + "\t".join(row) + "\n" for row in comments)
    body = table.select(names).write_csv(separator="\t", quote_style="never", null_value="")
    return (head + body).encode("utf-8")


def _where(condition: BoolArray, yes: Text | str | None, no: Text | str | None) -> Text:
    choice = pl.when(pl.Series(condition)).then(_literal(yes)).otherwise(_literal(no))
    return pl.select(choice).to_series()


def _literal(value: Text | str | None) -> pl.Expr:
    return pl.lit(value) if isinstance(value, pl.Series) else pl.lit(value, pl.String)


def _decimals(values: FloatArray, places: int) -> Text:
    scaled = np.rint(np.where(np.isfinite(values), values, 0) * 10**places).astype(np.int64)
    whole, part = scaled // 10**places, scaled % 10**places
    text = pl.Series(whole).cast(pl.String)
    return text if places == 0 else text + "." + pl.Series(part).cast(pl.String).str.zfill(places)


def _whole_with_zero(values: FloatArray) -> Text:
    """Whole months written as ``446.0``."""
    return _decimals(np.rint(np.where(np.isfinite(values), values, 0)), 1)


def _patient_ids(block: Cohort) -> Text:
    return "P-" + pl.Series(block.number).cast(pl.String).str.zfill(7)


def _words(block: Cohort, name: str) -> Text:
    coded = block.covariates[name]
    return pl.Series(coded.levels).gather(coded.codes)


def patient_table(block: Cohort) -> pl.DataFrame:
    """One row per person, every column text; months from birth and from diagnosis as in the public study."""
    seen, died, years = block.metastatic, block.died, block.age / 12
    receptors = _words(block, "receptors")
    male = block.covariates["sex"].is_("Male")
    hormone = _where(block.covariates["receptors"].is_("HR+/HER2-", "HR+/HER2+"), "Positive", "Negative")
    her2 = _where(block.covariates["receptors"].is_("HR+/HER2+", "HR-/HER2+"), "Positive", "Negative")
    menopause = _where(male, "Male", _where(years < 50, "Pre", "Post"))
    first_event = np.where(seen, block.metastasis, block.last_contact)
    values = {
        "PATIENT_ID": _patient_ids(block),
        "METASTATIC_DZ_FUP": _where(seen, "Yes", "No"),
        "METASTATIC_RECURRENCE_TIME_MONTHS": _where(
            seen, _whole_with_zero(block.age + block.metastasis), None
        ),
        "PRIOR_LOCAL_RECURRENCE": _where(block.number % 23 == 0, "Yes", "No"),
        "SEX": _words(block, "sex"),
        "MENOPAUSAL_STATUS_AT_DIAGNOSIS": menopause,
        "LATERALITY": _words(block, "laterality"),
        "T_STAGE": _words(block, "t"),
        "N_STAGE": _words(block, "n"),
        "M_STAGE": _where(block.de_novo, "M1", "M0"),
        "OVERALL_RECEPTOR_STATUS_PATIENT": receptors,
        "OVERALL_HR_STATUS_PATIENT": hormone,
        "OVERALL_HER2_STATUS_PATIENT": her2,
        "HER2_STATUS_PRIMARY": _where(block.number % 20 == 0, "Unk/ND", her2),
        "VITAL_STATUS": _where(died, "Deceased", "Alive"),
        "LAST_CONTACT_DAYS_TO": _decimals((block.age + block.last_contact) * DAYS_PER_MONTH, 0),
        "TIME_TO_DEATH_MONTHS": _where(died, _whole_with_zero(block.age + block.last_contact), None),
        "DFS_MONTHS": _decimals(first_event, 1),
        "DFS_EVENT": _where(seen, "1", "0"),
        "OS_MONTHS": _decimals(block.last_contact, 1),
        "OS_STATUS": _where(died, "1:DECEASED", "0:LIVING"),
    }
    return pl.DataFrame(values)


def sample_table(block: Cohort) -> pl.DataFrame:
    """One or two rows per person: the first sample, and in one person of ten a later one."""
    first = _samples(block, block.sequencing, 1)
    again = np.flatnonzero(block.number % 10 == 3)
    later = block.take(again)
    middle = later.sequencing + 0.5 * (later.last_contact - later.sequencing)
    return pl.concat([first, _samples(later, middle, 2)]).sort("PATIENT_ID", "SAMPLE_ID")


def _samples(block: Cohort, collected: FloatArray, order: int) -> pl.DataFrame:
    rows = len(block.age)
    patient = _patient_ids(block)
    metastasis = (block.metastasis <= collected) & (~block.primary_sequenced | (order > 1))
    histology = _words(block, "histology")
    hormone = _where(block.covariates["receptors"].is_("HR+/HER2-", "HR+/HER2+"), "Positive", "Negative")
    her2 = _where(block.covariates["receptors"].is_("HR+/HER2+", "HR-/HER2+"), "Positive", "Negative")
    percent = _where(block.covariates["receptors"].is_("HR+/HER2-", "HR+/HER2+"), "90", "0")
    score = _where(block.covariates["receptors"].is_("HR+/HER2+", "HR-/HER2+"), "3+", "1+")
    oncotree = histology.replace_strict(
        {"Breast Invasive Ductal Carcinoma": "IDC", "Breast Invasive Lobular Carcinoma": "ILC"},
        default="MDLC",
    )
    same = {
        "PATIENT_ID": patient,
        "SAMPLE_ID": patient + f"-T0{order}-IM3",
        "SAMPLE_TYPE": _where(metastasis, "Metastasis", "Primary"),
        "SAMPLE_SITE": _where(metastasis, _words(block, "metastatic_site"), "Treatment Naive Primary"),
        "PRIOR_BREAST_PRIMARY": _words(block, "prior_primary"),
        "INVASIVE_CARCINOMA_DX_TIME": _decimals(block.age, 2),
        "NGS_SAMPLE_COLLECTION_TIME": _decimals(block.age + collected, 0),
        "INVASIVE_CARCINOMA_DX_AGE": _decimals(np.floor(block.age / 12), 0),
        "TUMOR_TISSUE_ORIGIN": pl.repeat("Breast", rows, eager=True),
        "TUMOR_SAMPLE_HISTOLOGY": histology,
        "OVERALL_TUMOR_GRADE": _words(block, "grade"),
        "PRIMARY_NUCLEAR_GRADE": pl.repeat("Unknown", rows, eager=True),
        "STAGE_AT_DIAGNOSIS": _where(block.de_novo, "IV", _words(block, "stage")),
        "RECEPTOR_STATUS_PRIMARY": _words(block, "receptors"),
        "ER_STATUS_PRIMARY": hormone,
        "ER_PCT_PRIMARY": percent,
        "PR_STATUS_PRIMARY": hormone,
        "PR_PCT_PRIMARY": percent,
        "HER2_IHC_PRIMARY": her2,
        "HER2_IHC_VALUE_PRIMARY": score,
        "HER2_FISH_STATUS": pl.repeat("Not Applicable", rows, eager=True),
        "HER2_FISH_RATIO_PRIMARY": pl.repeat("Not Applicable", rows, eager=True),
        "HR_STATUS": hormone,
        "ER_STATUS": hormone,
        "PR_STATUS": hormone,
        "OVERALL_HER2_STATUS": her2,
        "HER2_IHC_STATUS": her2,
        "HER2_IHC_SCORE": score,
        "HER2_FISH": pl.repeat("Not Applicable", rows, eager=True),
        "HER2_FISH_RATIO": pl.repeat("Not Applicable", rows, eager=True),
        "ONCOTREE_CODE": oncotree,
        "CANCER_TYPE": pl.repeat("Breast Cancer", rows, eager=True),
        "CANCER_TYPE_DETAILED": histology,
        "SOMATIC_STATUS": pl.repeat("Matched", rows, eager=True),
        "TMB_NONSYNONYMOUS": pl.repeat("0.1", rows, eager=True),
    }
    return pl.DataFrame(same)
