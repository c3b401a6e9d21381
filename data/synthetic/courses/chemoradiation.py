"""Tumours that are radiated."""

from __future__ import annotations

from data.synthetic.abstracts import outcomes
from data.synthetic.abstracts.case import Case
from data.synthetic.abstracts.imaging import set_targets
from data.synthetic.abstracts.telling import Parts, open_note, stage_words, tell_molecular
from data.synthetic.grammar import choose
from data.synthetic.phrases import opening, openings


def chemoradiation(case: Case) -> Parts:
    """Definitive chemoradiation, at times then surgery."""
    case.sites = []
    set_targets(case)
    stage = choose(((20, "IVA"), (14, "III"), (12, "II"), (5, "IIB"), (5, "IIIB"), (3, "IVB"), (4, "I")), case.rng)
    stage_words(case, stage, case.rng.choice(("T3N2", "T2N1", "T3N1", "T4N2")))
    parts: Parts = [("open", open_note(case, openings("local")))]
    case.record["stage"] = stage
    if "stage" not in case.told:
        if case.chance(0.7):
            parts.append(("stage", case.pick(opening["staged"][:8])))
        else:
            case.rng.random()  # for nothing, but without it every later choice of the note would be another
            case.record["stage"] = None
    parts += [("mol", text) for text in tell_molecular(case)]
    label, texts = case.rng.choice(case.cancer.local)
    text = case.pick(texts)
    kind = case.rng.random()
    if kind < 0.5:
        sentence, name = (
            case.say(
                f"[{{S}} received|{{S}} was treated definitively with|Treated definitively with|{{S}} completed|{{S}} underwent] concurrent {text}[ (70 Gy)|]"
            ),
            f"concurrent {label}",
        )
    elif kind < 0.8:
        sentence, name = (
            case.say(
                f"[{{S}} received|{{S}} underwent|{{S}} completed|Treated with] definitive chemoradiation ({text})"
            ),
            f"definitive chemoradiation ({label})",
        )
    else:
        sentence, name = case.say(f"[{{S}} received|{{S}} was treated with|{{S}} completed] {text}"), label
    case.treatments.append(name)
    outcome = choose(
        (
            (40, "complete"),
            (14, "clinical"),
            (18, "ned"),
            (8, "partial"),
            (10, "progression"),
            (5, "pending"),
            (4, "stable"),
        ),
        case.rng,
    )
    if case.cancer.surgery and case.cancer.key == "esophagus" and case.chance(0.5):
        op, ops = case.rng.choice(case.cancer.surgery)
        case.treatments.append(op)
        sentence = f"{sentence} followed by {case.pick(ops)}"
        outcome = choose(((5, "pcr"), (3, "ned"), (2, "progression")), case.rng)
    parts += [("tx", sentence), ("resp", outcomes.tell(case, outcome))]
    case.record["metastasis_site"] = None
    return parts
