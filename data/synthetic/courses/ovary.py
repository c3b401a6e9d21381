"""Ovarian cancer."""

from __future__ import annotations

from data.synthetic.abstracts import outcomes
from data.synthetic.abstracts.case import Case, capital
from data.synthetic.abstracts.imaging import set_targets, tell_sites
from data.synthetic.abstracts.telling import (
    Parts,
    finish,
    line,
    maintenance,
    open_note,
    stage_words,
    start,
    tell_molecular,
)
from data.synthetic.grammar import choose
from data.synthetic.phrases import opening, openings
from data.synthetic.phrases import treatment as given


def cytoreduction(case: Case) -> Parts:
    """Ovarian cancer: debulking, platinum, maintenance."""
    rng = case.rng
    stage = choose(((86, "IIIC"), (4, "III"), (7, "IV"), (1.5, "IIIB"), (1, "IVB"), (1.5, "II"), (1.5, "I")), rng)
    if stage in ("I", "II"):
        case.sites = []
    elif stage.startswith("IV"):
        case.sites = rng.choice(
            (
                ["peritoneum", "liver"],
                ["liver", "peritoneum"],
                ["peritoneum", "lung"],
                ["liver"],
                ["pleura", "peritoneum"],
            )
        )
    else:
        case.sites = ["peritoneum"] if case.chance(0.9) else []
    if case.sites:
        tell_sites(case)
    else:
        set_targets(case)
    stage_words(case, stage)
    debulking = choose(tuple(zip((6, 4), given.rows("debulking"), strict=True)), rng)
    operated = case.chance(0.82)
    case.slots["op"] = rng.choice(debulking["texts"])
    case.slots["op_c"], case.slots["dx_c"] = capital(str(case.slots["op"])), capital(str(case.slots["dx"]))
    options = [one for one in openings("ovary") if operated or "operation" not in one.tells]
    parts: Parts = [("open", open_note(case, options))]
    case.record["stage"] = stage
    if "stage" not in case.told:
        if case.chance(0.9) or stage != "IIIC":
            parts.append(("stage", case.pick(opening["figo"])))
        elif not case.sites:
            case.record["stage"] = None
    if case.sites and "sites" not in case.told:
        parts.append(
            (
                "mets",
                case.pick(
                    opening["mets"][:3]
                    if case.chance(0.5)
                    else (
                        "[Intraoperatively|At surgery|At laparotomy|At presentation|On imaging] there was {mets}",
                        "[Operative findings|Findings] included {mets}",
                        "[Disease with|There was|CT showed|Extensive disease with] {mets}",
                    )
                ),
            )
        )
    parts += [("mol", text) for text in tell_molecular(case)]
    case.record["metastasis_site"] = ", ".join(case.sites) or None
    parts += _platinum(case, debulking["label"] if operated else "")
    return parts


def _platinum(case: Case, operation: str) -> Parts:
    rng = case.rng
    parts: Parts = []
    told = "operation" in case.told
    before = case.chance(0.85) or told
    if operation and before:
        case.treatments.append(operation)
    line(case, choose(case.cancer.first, rng))
    if operation and not before:
        case.treatments.append(operation)
    rx, op = case.slots["rx"], case.slots["op"]
    adjuvant = case.say("[adjuvant |adjuvant |]")
    count = case.say("[six cycles of |six cycles of |6 cycles of |{d} cycles of ||||]")
    if not operation:
        begun = start(case)
    elif not before:
        begun = (
            case.say(
                f"{{S}} received {count}{rx} [with interval|followed by interval|and then] [surgery, i.e. {op}|{op}]".replace(
                    "interval interval", "interval"
                )
            )
            .replace("interval interval", "interval")
            .replace("interval primary", "interval")
            .replace("interval optimal primary", "interval")
        )
    elif told:
        begun = case.say(
            f"[{{S}} then received|{{S}} received|{{S}} completed|This was followed by] {count}{adjuvant}{rx}"
        )
    else:
        begun = case.say(
            f"[{{S}} underwent {op}|{{S}} had {op}|Underwent {op}|Treated with {op}|{{S}} was treated with {op}|{capital(str(op))} was performed][ followed by| and then| and| followed by|, then|, followed by] {count}{adjuvant}{rx}"
        )
    outcome = outcomes.draw(case, "ovary")
    drug = choose(case.cancer.second, rng)
    maintained = any(gene.germline for gene in case.genes) or "HRD" in (case.marker_label or "")
    if case.chance(0.88 if maintained else 0.3):
        return parts + maintenance(case, begun, outcome, drug)
    return parts + finish(case, begun, outcome)
