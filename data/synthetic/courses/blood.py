"""Lymphoma and leukaemia."""

from __future__ import annotations

from data.synthetic.abstracts.case import Case
from data.synthetic.abstracts.imaging import set_targets, tell_sites
from data.synthetic.abstracts.telling import Parts, stage_words, tell_lines, tell_molecular
from data.synthetic.phrases import opening


def lymphoma(case: Case) -> Parts:
    """Lymphoma: Ann Arbor stage and lines of therapy."""
    stage = case.rng.choice(("I", "II", "II", "III", "III", "IV", "IV", "IV"))
    if stage != "IV":
        case.sites = []
    if case.sites:
        tell_sites(case)
    else:
        set_targets(case)
    stage_words(case, stage)
    parts: Parts = [
        (
            "open",
            case.say("{who} {has} [newly diagnosed |]{dx}[ presenting with {symptom}|]")
            if case.chance(0.6)
            else case.say("{who} [presented with|presents with] {symptom}; biopsy [showed|confirmed] {dx}"),
        )
    ]
    parts.append(
        (
            "stage",
            case.say(
                "[Ann Arbor stage {stage}|Stage {stage}|Staged as {stage}|PET/CT consistent with stage {stage} disease|Ann Arbor stage {stage}[A|B|A]]"
            ),
        )
    )
    case.record["stage"] = stage
    if case.sites:
        parts.append(("mets", case.pick(opening["mets"])))
    if parts[1][1].endswith(f"{stage}A") or parts[1][1].endswith(f"{stage}B"):
        case.record["stage"] = stage + parts[1][1][-1]
    parts += [("mol", text) for text in tell_molecular(case)]
    case.record["metastasis_site"] = ", ".join(case.sites) or None
    return parts + tell_lines(case, "blood")


def leukemia(case: Case) -> Parts:
    """A disease of the blood, without a stage."""
    case.sites = []
    set_targets(case)
    case.slots["t"], case.slots["T"], case.slots["t2"] = "marrow blasts", "Marrow blasts", "peripheral counts"
    parts: Parts = [
        (
            "open",
            case.say("{who} {has} [newly diagnosed |relapsed |]{dx}[ presenting with {symptom}|]")
            if case.chance(0.6)
            else case.say("{who} [presented with|presents with] {symptom}; bone marrow biopsy [showed|confirmed] {dx}"),
        )
    ]
    case.record["stage"] = None
    case.record["metastasis_site"] = None
    parts += [("mol", text) for text in tell_molecular(case)]
    return parts + tell_lines(case, "blood")
