"""Courses of prostate cancer: castration, chemotherapy, surgery, radiation, watching."""

from __future__ import annotations

from data.synthetic.abstracts import outcomes
from data.synthetic.abstracts.case import Case, capital
from data.synthetic.abstracts.imaging import set_targets, tell_sites
from data.synthetic.abstracts.regimens import regimen
from data.synthetic.abstracts.telling import (
    Parts,
    finish,
    line,
    open_note,
    stage_words,
    start,
    tell_disease,
    tell_molecular,
)
from data.synthetic.grammar import choose
from data.synthetic.phrases import asides, opening, openings
from data.synthetic.phrases import treatment as given


def _gleason(case: Case) -> None:
    pair = case.rng.choice(("3+4", "4+3", "4+4", "4+5", "5+4", "3+3", "3+4", "4+4"))
    total = sum(int(part) for part in pair.split("+"))
    case.slots["gl"] = case.rng.choice((pair, pair, f"{pair}={total}", f"{total} ({pair})"))
    if case.chance(0.45):
        between = case.rng.choice((" ({})", ", {}", " ({})"))
        case.slots["dx"] = str(case.slots["dx"]) + between.format(case.pick(opening["gleason"]))


def prostate_metastatic(case: Case) -> Parts:
    """Castration, at times with docetaxel or abiraterone."""
    rng = case.rng
    case.record["stage"] = "IV"
    _gleason(case)
    tell_sites(case)
    parts: Parts = [("open", open_note(case, openings("metastatic")))]
    tell_disease(case, parts)
    parts += [("mol", text) for text in tell_molecular(case)]
    case.record["metastasis_site"] = ", ".join(case.sites) or None
    partner = choose(
        ((40, "docetaxel"), (20, "abiraterone"), (9, "abiraterone and prednisone"), (7, "enzalutamide"), (16, "")), rng
    )
    castration = rng.choice(given["castration"])
    named = "leuprolide"
    if case.chance(0.3):
        castration, named = rng.choice(
            (
                ("androgen deprivation therapy", "androgen deprivation therapy"),
                ("androgen deprivation therapy", "androgen deprivation therapy"),
                ("ADT", "androgen deprivation therapy"),
                ("degarelix", "degarelix"),
                ("goserelin", "goserelin"),
            )
        )
    text = castration
    if partner:
        shown = partner.replace(
            " and prednisone", rng.choice((" with prednisone", " and prednisone", " plus prednisone"))
        )
        if partner == "docetaxel" and case.chance(0.5):
            shown = rng.choice(
                (
                    "docetaxel x6 cycles",
                    "six cycles of docetaxel",
                    "docetaxel for six cycles",
                    "docetaxel chemotherapy",
                    "upfront docetaxel",
                )
            )
        text += (
            rng.choice(
                (" and ", " plus ", " with ", " and ", " combined with ", " plus ", " together with ", " and then ")
            )
            + shown
        )
    if case.invents and case.chance(0.4):
        label, extra = regimen(case, "darolutamide")
        text += f" and {extra}"
        partner = f"{partner} and {label}" if partner else label
    case.treatments.append(f"{named} and {partner}" if partner else named)
    case.slots["rx"], case.slots["rx_c"], case.slots["line"] = text, capital(text), ""
    return parts + finish(case, start(case), outcomes.draw(case, "prostate"))


def crpc(case: Case) -> Parts:
    """Castration-resistant disease with its earlier and present therapy."""
    tell_sites(case)
    case.record["stage"] = "IV"
    first, tells = _name_resistant(case)
    parts: Parts = [("open", first)]
    shown = "sites" in tells or any(str(case.slots[key]) in first for key in ("mets", "places"))
    if not shown:
        if case.chance(0.9) or ("metastatic" not in first and "stage IV" not in first):
            parts.append(("mets", case.pick(opening["mets"])))
        else:
            case.sites = []
    if case.chance(0.2) and "stage" not in first:
        parts.append(("stage", case.pick(opening["stage4"])))
    parts += [("mol", sentence) for sentence in tell_molecular(case)]
    case.record["metastasis_site"] = ", ".join(case.sites) or None
    begun, after = _earlier_and_last(case)
    outcome = outcomes.draw(case, "prostate")
    if begun.startswith("After "):
        return parts + finish(
            case,
            f"{begun}, {after[:1].lower() + after[1:] if after.startswith(('He ', 'The ', 'Patient ', 'Therapy ', 'Treatment ', 'Systemic ')) else after}",
            outcome,
        )
    return parts + ([("tx", begun)] if begun else []) + finish(case, after, outcome)


def _name_resistant(case: Case) -> tuple[str, frozenset[str]]:
    """The opening sentence, and what it tells for sure; the record's name of the disease follows from its words."""
    cancerous = case.chance(0.42)
    case.slots["kind"] = "prostate cancer" if cancerous else "prostate adenocarcinoma"
    case.record["cancer_type"] = "prostate cancer (castration-resistant)" if cancerous else "prostate adenocarcinoma"
    if not cancerous and case.chance(0.1):
        case.record["cancer_type"] = "prostate adenocarcinoma (metastatic castration-resistant)"
    chosen = choose([(one.weight, one) for one in openings("resistant_prostate")], case.rng)
    first = case.say(chosen.text)
    if cancerous and "prostate adenocarcinoma" in first:
        case.record["cancer_type"] = "prostate adenocarcinoma"
    return first, chosen.tells


def _earlier_and_last(case: Case) -> tuple[str, str]:
    """Sentences on the therapy before, where it is told, and on the present one."""
    rng = case.rng
    castration, castration_label = rng.choice(
        (
            ("androgen deprivation therapy", "androgen deprivation therapy"),
            ("ADT", "androgen deprivation therapy"),
            ("leuprolide", "leuprolide"),
            ("androgen deprivation", "androgen deprivation therapy"),
            ("androgen deprivation therapy (leuprolide)", "androgen deprivation therapy (leuprolide)"),
        )
    )
    carrier = any(gene.germline for gene in case.genes)
    middle = choose(((5, "docetaxel"), (3, "abiraterone"), (3, "enzalutamide")), rng)
    last = (
        "olaparib"
        if carrier and case.chance(0.9)
        else choose(
            [(w, code) for w, code in case.cancer.second if code.split("+")[0] != middle and code != "olaparib"], rng
        )
    )
    if case.chance(0.12):
        begun = ""
    else:
        case.treatments += [castration_label, middle]
        begun = case.say(
            f"[Prior therapy included|{{S}} previously received|{{S}} received|Previously treated with|Prior treatment:|{{S}} progressed on|Earlier therapy was|After] {castration} [and|then|followed by|and then] {middle}"
        )
    line(case, last)
    after = case.pick(given["switch"] if begun else given["start"])
    return begun, after


def _local(case: Case, *, operated: bool) -> Parts:
    rng = case.rng
    case.sites = []
    set_targets(case)
    _gleason(case)
    stage, tn = choose(
        (
            (50, ("II", "pT2N0")),
            (18, ("III", "pT3aN0")),
            (8, ("IIB", "T2cN0")),
            (5, ("I", "T1cN0")),
            (3, ("IIIB", "T3bN0")),
            (3, ("IIA", "T2aN0")),
        ),
        rng,
    )
    stage_words(case, stage, tn)
    case.slots["op"] = rng.choice(
        (
            "radical prostatectomy",
            "radical prostatectomy",
            "robotic radical prostatectomy",
            "a robotic-assisted radical prostatectomy",
        )
    )
    case.slots["op_c"] = capital(str(case.slots["op"]))
    case.record["stage"] = stage
    options = [one for one in openings("local_prostate") if operated or "operation" not in one.tells]
    parts: Parts = [("open", open_note(case, options))]
    if "stage" not in case.told:
        if case.chance(0.75):
            parts.append(("stage", case.pick(opening["path_staged"] if operated else opening["staged"][:8])))
        else:
            case.record["stage"] = "II" if "localized" in parts[0][1] or "organ-confined" in parts[0][1] else None
    parts += [("mol", text) for text in tell_molecular(case)]
    case.record["metastasis_site"] = None
    return parts


def prostatectomy(case: Case) -> Parts:
    """Radical prostatectomy; recurrence in PSA or none."""
    parts = _local(case, operated=True)
    case.treatments.append("radical prostatectomy")
    if "operation" not in case.told:
        parts.append(("tx", case.pick(given["surgery"]) + case.say("[ with negative margins| with clear margins||]")))
    outcome = choose(
        ((34, "undetectable"), (16, "undetectable imaging"), (22, "biochemical"), (16, "ned"), (6, "pending")), case.rng
    )
    if outcome == "biochemical":
        parts.append(("resp", outcomes.tell(case, outcome)))
        if case.chance(0.55):
            parts.append(
                (
                    "tail",
                    case.say(
                        "[{S} received|Salvage therapy with|{S} was referred for and received|{S} started] salvage [external beam radiation|radiation] [and leuprolide|with leuprolide]".replace(
                            "Salvage therapy with|", ""
                        )
                    ),
                )
            )
            case.treatments += [
                f"salvage {'external beam radiation' if 'external' in parts[-1][1] else 'radiation'}",
                "leuprolide",
            ]
    else:
        if case.chance(0.2):
            parts.append(("tx", case.say("[{S} received|This was followed by|{S} completed] adjuvant radiation")))
            case.treatments.append("adjuvant radiation")
        parts.append(("resp", outcomes.tell(case, outcome)))
        if case.chance(0.25):
            parts.append(("extra", case.pick(asides["negative_sites"])))
    return parts


def radiotherapy(case: Case) -> Parts:
    """Radiation with castration."""
    parts = _local(case, operated=False)
    beam = case.say(
        "[external beam radiation therapy|external beam radiation therapy|external beam radiation|external beam radiotherapy]"
    )
    castration = case.say(
        "[androgen deprivation therapy (leuprolide)|androgen deprivation therapy with leuprolide|androgen deprivation with leuprolide|leuprolide|leuprolide (androgen deprivation therapy)]"
    )
    label = "leuprolide" if castration == "leuprolide" else "androgen deprivation therapy (leuprolide)"
    case.treatments += [beam, label]
    parts.append(
        (
            "tx",
            case.say(
                f"[{{S}} received|{{S}} was treated with|Treated with|{{S}} underwent|{{S}} completed] [definitive |definitive |]{beam} [and|with|combined with|plus|with concurrent|and concurrent] {castration}"
            ),
        )
    )
    outcome = choose(
        (
            (26, "undetectable"),
            (24, "ned"),
            (14, "undetectable imaging"),
            (22, "psa local"),
            (6, "biochemical"),
            (4, "pending"),
        ),
        case.rng,
    )
    if outcome == "psa local":
        case.record["response"] = "stable disease"
        parts.append(
            (
                "resp",
                case.say(
                    "PSA [fell|declined|has decreased|dropped] [to {low} ng/mL|from {psa} to {low} ng/mL] [and has remained stable|and is stable on follow-up|with stable disease|and remains stable]"
                ),
            )
        )
    else:
        parts.append(("resp", outcomes.tell(case, outcome)))
    if case.chance(0.2):
        parts.append(("extra", case.pick(asides["negative_sites"])))
    return parts


def surveillance(case: Case) -> Parts:
    """No treatment but watching."""
    parts = _local(case, operated=False)
    case.treatments.append("active surveillance")
    case.record["response"] = "stable disease"
    parts.append(
        (
            "tx",
            case.say(
                "[{S} elected|{S} chose|{S} is managed with|Managed with|{S} is on] active surveillance[ with serial PSA| and repeat biopsy|]"
            ),
        )
    )
    parts.append(
        (
            "resp",
            case.say(
                "[PSA has been stable|PSA and exam remain stable|Disease remains stable|Repeat biopsy showed no progression|PSA is stable over {n} months]"
            ),
        )
    )
    return parts
