"""Pancreatic cancer: unresectable, or with maintenance."""

from __future__ import annotations

from data.synthetic.abstracts import outcomes
from data.synthetic.abstracts.case import Case
from data.synthetic.abstracts.imaging import set_targets, tell_sites
from data.synthetic.abstracts.telling import (
    Parts,
    finish,
    line,
    maintenance,
    open_note,
    stage_words,
    start,
    tell_disease,
    tell_molecular,
)
from data.synthetic.courses.metastatic import metastatic
from data.synthetic.grammar import choose
from data.synthetic.phrases import asides, opening, openings


def locally_advanced(case: Case) -> Parts:
    """Unresectable pancreatic cancer: chemotherapy, at times chemoradiation or maintenance."""
    case.sites = []
    set_targets(case)
    stage = "III"
    stage_words(case, stage, "T4N1")
    parts: Parts = [("open", open_note(case, openings("local")))]
    case.record["stage"] = stage
    if case.chance(0.3):
        parts.append(
            (
                "stage",
                case.say(
                    "[Borderline resectable|Unresectable] disease [encasing the SMA|abutting the superior mesenteric artery|with celiac involvement|at presentation]"
                ),
            )
        )
    if "stage" not in case.told and case.chance(0.3):
        parts.append(("stage", case.pick(opening["staged"][:8])))
    parts += [("mol", text) for text in tell_molecular(case)]
    line(case, choose(case.cancer.first, case.rng))
    begun = start(case)
    outcome = outcomes.draw(case, "locally advanced")
    germline = any(gene.germline for gene in case.genes)
    if germline and case.chance(0.6):
        parts += maintenance(case, begun, outcome)
    elif case.chance(0.35):
        label, texts = case.rng.choice(case.cancer.local)
        case.treatments.append(label)
        parts += finish(case, f"{begun} {case.say('[followed by|and then|then]')} {case.pick(texts)}", outcome)
    else:
        parts += finish(case, begun, outcome)
    if case.chance(0.25):
        parts.append(("extra", case.pick(asides["negative_sites"])))
    case.record["metastasis_site"] = None
    return parts


def pancreas_metastatic(case: Case) -> Parts:
    """Metastatic pancreatic cancer; carriers of a germline variant get maintenance."""
    if not any(gene.germline for gene in case.genes) or case.chance(0.2):
        return metastatic(case)
    parts = _metastatic_front(case)
    line(case, choose(((5, "FOLFIRINOX"), (1, "modified FOLFIRINOX"), (1, "gemcitabine+nab-paclitaxel")), case.rng))
    parts += maintenance(
        case, start(case), choose(((50, "stable"), (24, "progression"), (12, "partial"), (12, "relapse")), case.rng)
    )
    return parts


def _metastatic_front(case: Case) -> Parts:
    case.record["stage"] = "IV"
    tell_sites(case)
    parts: Parts = [("open", open_note(case, openings("metastatic")))]
    tell_disease(case, parts)
    parts += [("mol", text) for text in tell_molecular(case)]
    case.record["metastasis_site"] = ", ".join(case.sites) or None
    return parts
