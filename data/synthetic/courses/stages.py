"""Stages of a tumour that was not found to have spread, with the TNM that fits."""

from __future__ import annotations

from data.synthetic.abstracts.case import Case
from data.synthetic.grammar import choose

BREAST_STAGE = {
    "T1N0": "I",
    "T1cN0": "I",
    "T2N0": "IIA",
    "T1N1": "IIA",
    "T2N1": "IIB",
    "T3N0": "IIB",
    "T3N1": "IIIA",
    "T2N2": "IIIA",
    "T1N2": "IIIA",
    "T3N2": "IIIB",
    "T4N0": "IIIB",
    "T4N1": "IIIB",
    "T4bN1": "IIIB",
    "T4dN1": "IIIB",
    "T4N2": "IIIB",
    "T3N3": "IIIC",
    "T4N3": "IIIC",
}
COLON_STAGE = {
    "T1N0": "I",
    "T2N0": "I",
    "T3N0": "II",
    "T4N0": "II",
    "T4aN0": "II",
    "T2N1": "III",
    "T3N1": "III",
    "T3N1b": "III",
    "T3N2": "III",
    "T4N1": "III",
    "T4aN1": "III",
    "T4aN2": "III",
    "T3N2a": "III",
    "T3N1a": "III",
}
GENERAL_STAGE = {
    "T1N0": "I",
    "T1bN0": "I",
    "T2N0": "II",
    "T2aN0": "II",
    "T3N0": "III",
    "T3N1": "III",
    "T2N1": "III",
    "T4N0": "III",
    "T4N1": "III",
    "T3aN0": "III",
    "T3bN1": "III",
}


def nodes(case: Case, prefix: str) -> tuple[str, str]:
    """Stage and TNM that fit each other; at times the stage carries a letter that TNM does not settle."""
    rng, key = case.rng, case.cancer.key
    if key == "breast":
        tn = rng.choice(
            [tn for tn, stage in BREAST_STAGE.items() if (stage[:3] == "III" or stage == "IIB") == (prefix == "c")]
        )
        stage = BREAST_STAGE[tn]
    elif key == "crc":
        tn = choose(
            (
                (1, "T2N0"),
                (5, "T3N0"),
                (1, "T4N0"),
                (10, "T3N1"),
                (2, "T3N1b"),
                (3, "T3N2"),
                (2, "T4aN1"),
                (1, "T3N2a"),
            ),
            rng,
        )
        stage = COLON_STAGE[tn]
        if stage == "III" and case.chance(0.22):
            stage = rng.choice(("IIIB", "IIIB", "IIIA", "IIIC"))
        elif stage == "II" and case.chance(0.25):
            stage = "IIA"
    else:
        tn = rng.choice(list(GENERAL_STAGE))
        stage = GENERAL_STAGE[tn]
        if case.chance(0.3):
            stage += rng.choice({"I": ("A", "B"), "II": ("A", "B"), "III": ("A", "B", "C")}[stage])
    shown = tn if case.chance(0.4) else tn.replace("N", " N") if case.chance(0.3) else prefix + tn
    if case.chance(0.25):
        shown += "M0" if " " not in shown else " M0"
    return stage, shown


def melanoma_stage(case: Case) -> tuple[str, str]:
    """Stage and TNM of a melanoma: an earlier one where the operation is all."""
    setting = str(case.slots.get("setting"))
    if setting == "surgery":
        return choose(
            (
                (40, ("I", "pT1b")),
                (10, ("I", "pT1a")),
                (9, ("IB", "pT2a N0")),
                (8, ("IA", "pT1a N0")),
                (20, ("II", "pT3a")),
                (5, ("IIA", "pT3a N0")),
                (5, ("IIB", "pT3b N0")),
            ),
            case.rng,
        )
    return choose(
        (
            (40, ("III", "pT3a N1")),
            (12, ("IIIC", "pT4b N2")),
            (14, ("IIIB", "pT3b N1")),
            (8, ("IIIA", "pT2a N1a")),
            (6, ("IIB", "pT4a N0")),
            (3, ("II", "pT3b N0")),
        ),
        case.rng,
    )
