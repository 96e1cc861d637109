"""Made-up women of a mapped source: treatments with dates and their order, spread, receptors, a 21-gene score."""

from typing import Any

import numpy as np

AGES = ("under_40", "40-49", "50-59", "60-69", "70-79", "80+")
TREATED_LOG_HR = -0.3


def women(n: int, *, first_year: int, last_year: int, seed: int = 20260107) -> list[dict[str, Any]]:
    """Women in stage IV; surgery after systemic therapy is for those who respond to it and live for it."""
    draw = np.random.default_rng(seed)
    age = draw.choice(6, n, p=[0.08, 0.17, 0.3, 0.25, 0.14, 0.06])
    organs = draw.choice([1, 2, 3], n, p=[0.6, 0.3, 0.1])
    bone = draw.random(n) < 0.6
    hazard = 0.022 * np.exp(0.15 * (age - 2) + 0.35 * (organs - 1))
    untreated = draw.exponential(1 / hazard)
    order = draw.choice(["surgery", "systemic", "none"], n, p=[0.2, 0.2, 0.6])
    day = np.where(order == "surgery", draw.integers(5, 40, n), draw.integers(120, 240, n)).astype(float)
    operated = (order != "none") & (untreated > day / 30.4375)
    after = day / 30.4375 + draw.exponential(np.exp(-TREATED_LOG_HR) / hazard)
    death = np.where(operated, after, untreated)
    irradiated = ~operated & (draw.random(n) < 0.3)
    died = death < 84
    year = draw.integers(first_year, last_year + 1, n)
    score = draw.integers(0, 60, n)

    def row(i: int) -> dict[str, Any]:
        systemic_first = order[i] == "systemic" and operated[i]
        cut_out = operated[i]
        return {
            "age_group": AGES[age[i]],
            "year_of_diagnosis": int(year[i]),
            "operated": bool(cut_out),
            "primary_surgery": ("mastectomy" if i % 3 else "breast_conserving") if cut_out else "none",
            "surgical_margin": ("negative" if i % 4 else "microscopic") if cut_out else "no_surgery",
            "days_to_definitive_surgery": int(day[i]) if cut_out else None,
            "any_systemic": "yes",
            "days_to_systemic": 30 if systemic_first or not cut_out else int(day[i]) + 20,
            "systemic_surgery_sequence": ("before" if systemic_first else "after")
            if cut_out
            else "none_or_not_applicable",
            "radiation": "yes" if irradiated[i] else "no",
            "radiation_volume": ("breast" if i % 2 else "bone") if irradiated[i] else "none",
            "days_to_radiation": 60 if irradiated[i] else None,
            "n_organ_sites": int(organs[i]),
            "any_visceral": "no" if bone[i] and organs[i] == 1 else "yes",
            "metastatic_pattern": "multiple" if organs[i] > 1 else ("bone_only" if bone[i] else "visceral"),
            "mets_at_dx_lung": "yes" if i % 5 == 0 else "no",
            "bone_only_proxy": bool(bone[i] and organs[i] == 1),
            "er_status": "positive" if i % 4 else "negative",
            "her2_status": "positive" if i % 5 == 1 else "negative",
            "her2_targeted": "unknown" if i % 5 == 1 else "not_applicable",
            "breast_subtype": "hr_pos_her2_pos"
            if i % 5 == 1
            else ("hr_pos_her2_neg" if i % 4 else "triple_negative"),
            "grade": ("well", "moderate", "poor")[i % 3],
            "oncotype_score": int(score[i]),
            "oncotype_status": "recorded",
            "stage_iv_any_evidence": True,
            "stage_iv_clinical": bool(i % 10 != 0),
            "survival_months": float(np.floor(min(death[i], 84.0))),
            "died": bool(died[i]),
            "vital_status": "dead" if died[i] else "alive",
        }

    return [row(i) for i in range(n)]
