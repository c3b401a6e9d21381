"""Outcomes: what the note says of them and what the record calls them."""

from __future__ import annotations

from data.synthetic.abstracts.case import Case
from data.synthetic.abstracts.imaging import saw, set_targets
from data.synthetic.grammar import weighted
from data.synthetic.phrases import remission
from data.synthetic.phrases import response as said

LABELS: dict[str, str | None] = {
    "partial": "partial response",
    "stable": "stable disease",
    "progression": "progression",
    "complete": "complete response",
    "clinical": "complete clinical response",
    "ned": "no evidence of disease",
    "operated": "no evidence of disease",
    "pcr": "pathologic complete response",
    "residual": "partial response",
    "mixed": "mixed response",
    "relapse": "initial partial response then progression",
    "biochemical": "biochemical recurrence",
    "undetectable": "no evidence of disease (undetectable PSA)",
    "ovary clear": "complete response",
    "glioma progression": "progression",
    "undetectable imaging": "no evidence of disease",
    "psa stable": "stable disease",
    "psa progression": "progression",
    "psa partial": "partial response",
    "pending": None,
}
SENTENCES: dict[str, tuple[str, ...]] = {
    "ovary clear": remission.OVARY_CLEAR,
    "glioma progression": said.GLIOMA_PROGRESSION,
    "partial": said.PARTIAL,
    "stable": said.STABLE,
    "progression": said.PROGRESSION,
    "complete": remission.COMPLETE,
    "clinical": remission.COMPLETE_CLINICAL,
    "ned": remission.NED,
    "operated": remission.NED_OPERATED,
    "pcr": remission.PCR,
    "residual": said.RESIDUAL,
    "mixed": said.MIXED,
    "biochemical": said.BIOCHEMICAL,
    "undetectable": remission.UNDETECTABLE,
    "undetectable imaging": remission.UNDETECTABLE_IMAGING,
    "psa stable": said.PSA_STABLE,
    "psa progression": said.PSA_PROGRESSION,
    "psa partial": said.PSA_PARTIAL,
    "pending": said.PENDING,
}
TAILS: dict[str, tuple[str, ...]] = {
    "partial": said.PARTIAL_TAIL,
    "stable": said.STABLE_TAIL,
    "progression": said.PROGRESSION_TAIL,
    "relapse": (),
}

METASTATIC: dict[str, tuple[tuple[float, str], ...]] = {
    "lung": ((80, "partial"), (3, "stable"), (4, "progression"), (8, "relapse"), (2, "mixed"), (1, "complete")),
    "breast": ((48, "partial"), (42, "stable"), (5, "progression"), (4, "complete"), (2, "mixed"), (2, "relapse")),
    "crc": ((46, "stable"), (27, "progression"), (18, "partial"), (5, "relapse"), (3, "complete"), (3, "mixed")),
    "melanoma": ((30, "partial"), (14, "relapse"), (17, "mixed"), (21, "progression"), (9, "complete"), (8, "stable")),
    "prostate": (
        (30, "stable"),
        (22, "psa stable"),
        (18, "partial"),
        (8, "psa partial"),
        (14, "progression"),
        (10, "psa progression"),
        (2, "relapse"),
        (3, "mixed"),
        (3, "pending"),
    ),
    "ovary": (
        (40, "partial"),
        (20, "clinical"),
        (14, "complete"),
        (7, "stable"),
        (14, "ovary clear"),
        (5, "progression"),
        (4, "relapse"),
    ),
    "pancreas": ((44, "progression"), (32, "stable"), (13, "partial"), (12, "relapse"), (2, "pending")),
    "locally advanced": ((56, "stable"), (20, "progression"), (12, "partial"), (5, "pending"), (3, "relapse")),
    "other": (
        (30, "partial"),
        (28, "stable"),
        (22, "progression"),
        (8, "complete"),
        (5, "mixed"),
        (5, "relapse"),
        (2, "pending"),
    ),
    "blood": ((50, "complete"), (20, "partial"), (14, "progression"), (8, "stable"), (4, "relapse")),
    "glioma": ((40, "glioma progression"), (34, "progression"), (20, "stable"), (3, "partial"), (2, "mixed")),
}


BRAIN = {"progression": said.BRAIN_PROGRESSION, "mixed": said.BRAIN_MIXED}


def lost(first: str) -> str | None:
    """What the record calls a response that was lost: only a partial response is named with its loss."""
    return LABELS["relapse" if "partial" in first else "progression"]


def _later(case: Case) -> str:
    return case.pick(said.BRAIN_LATER if "brain" in case.sites and case.chance(0.5) else said.THEN_PROGRESSION)


def draw(case: Case, key: str) -> str:
    """An outcome by the usual shares of a tumour or setting."""
    return weighted(METASTATIC.get(key, METASTATIC["other"]), case.rng)


def tell(case: Case, outcome: str) -> str:
    """One sentence of an outcome; sets the record."""
    case.record["response"] = LABELS[outcome]
    set_targets(case)
    if outcome == "relapse":
        return relapse(case)
    saw(case)
    if "brain" in case.sites and len(case.sites) > 1 and outcome in BRAIN and case.chance(0.45):
        return case.pick(BRAIN[outcome])
    return case.pick(SENTENCES[outcome])


def relapse(case: Case) -> str:
    """A response that was lost again, as one sentence."""
    case.record["response"] = LABELS["relapse"]
    saw(case)
    kind = case.rng.random()
    if kind < 0.35:
        return (
            f"{case.say('[There was|{S} had|{S} achieved|This produced]')} an initial partial response {_later(case)}"
        )
    if kind < 0.6:
        first = case.say("{saw} a[n initial|] partial response")
        return f"{first}, {_later(case)}"
    if kind < 0.8:
        first = case.say(
            "[Initial|First|Early] [scans|imaging|restaging|CT] showed [a partial response|shrinkage of {t}|tumor shrinkage|a radiographic partial response]"
        )
        case.record["response"] = lost(first)
        return f"{first}, {_later(case)}"
    first = case.pick(said.PARTIAL)
    case.record["response"] = lost(first)
    return f"{first}. {case.say('[Subsequently|Later|However,|Unfortunately,|At {n} months,|After {n} months,] [{s} developed progression|there was progression|imaging showed progression|the disease progressed|{s} progressed][ in {t}| with new {t_b}|]')}"


def tail(case: Case, outcome: str) -> str | None:
    """The outcome as the end of a treatment sentence, where that can be; sets the record."""
    set_targets(case)
    if outcome == "relapse":
        first = case.pick(said.FIRST_RESPONSE)
        case.record["response"] = lost(first)
        return f"{first} {_later(case)}"
    if outcome not in TAILS:
        return None
    case.record["response"] = LABELS[outcome]
    return case.pick(TAILS[outcome])
