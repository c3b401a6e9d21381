"""Disease that has spread, of any tumour without a course of its own."""

from __future__ import annotations

from data.synthetic.abstracts.case import Case
from data.synthetic.abstracts.imaging import are_sites_told, set_targets, tell_sites
from data.synthetic.abstracts.telling import Parts, open_note, tell_disease, tell_lines, tell_molecular, tell_receptors
from data.synthetic.courses.breast import BREAST_BIOPSY, BREAST_PLAIN
from data.synthetic.phrases import asides, opening, openings


def metastatic(case: Case) -> Parts:
    """Metastatic disease and one to three lines of therapy."""
    case.record["stage"] = "IV"
    if case.chance(0.035):
        case.sites = []
    if case.sites:
        tell_sites(case)
    else:
        set_targets(case)
    biopsied = case.record["cancer_type"] == "breast cancer (invasive ductal carcinoma)" and case.chance(0.3)
    if biopsied:
        case.slots["dx"] = case.say(BREAST_PLAIN)
    parts: Parts = [("open", open_note(case, openings("metastatic")))]
    if "stage" not in case.told and case.chance(0.032):
        parts.append(("stage", case.pick(opening["not_staged"])))
        case.record["stage"] = None
        case.told.add("stage")
    late = "sites" not in case.told and bool(case.sites) and case.chance(0.14)
    if late:
        case.told.add("sites")
    tell_disease(case, parts)
    if case.cancer.key == "breast":
        receptors = tell_receptors(case)
        if biopsied:
            receptors[0] = case.say(BREAST_BIOPSY)
        parts += [("mol", text) for text in receptors]
    parts += [("mol", text) for text in tell_molecular(case)]
    case.record["metastasis_site"] = ", ".join(case.sites) or None
    parts += tell_lines(case, case.cancer.key)
    if late and not are_sites_told(case, " ".join(text for _, text in parts)):
        parts.append(("mets", case.pick(opening["mets"])))
    if case.sites and case.chance(0.05):
        absent = case.rng.choice(list(asides.group("negative_site_of")))
        if absent not in case.sites and case.cancer.key != absent:
            parts.append(("extra", case.pick(asides.group("negative_site_of")[absent])))
    return parts
