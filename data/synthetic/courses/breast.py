"""Breast cancer that has not spread: therapy before or after the operation."""

from __future__ import annotations

from data.synthetic.abstracts import outcomes
from data.synthetic.abstracts.case import Case, capital
from data.synthetic.abstracts.imaging import set_targets
from data.synthetic.abstracts.regimens import regimen
from data.synthetic.abstracts.telling import Parts, glue, open_note, stage_words, tell_molecular, tell_receptors
from data.synthetic.courses.stages import BREAST_STAGE, nodes
from data.synthetic.grammar import choose
from data.synthetic.phrases import asides, opening, openings
from data.synthetic.phrases import treatment as given

BREAST_PLAIN = (
    "[{side} breast cancer|breast cancer|breast carcinoma|{side}-sided breast cancer|{side} breast carcinoma]"
)
BREAST_BIOPSY = "[Core biopsy|Core biopsy|Biopsy|Core needle biopsy|Pathology|Core biopsy of the {side} breast|Ultrasound-guided biopsy|Core biopsies][:| showed|:| revealed|:| demonstrated|:| confirmed] [high-grade |grade 2 ||||]invasive ductal carcinoma[, |, |; |, grade 2, |, grade 3, |. Tumor was |. ]{r}"


def neoadjuvant(case: Case) -> Parts:
    """Locally advanced breast cancer, systemic therapy, then surgery."""
    rng = case.rng
    case.sites = []
    set_targets(case)
    stage, tn = nodes(case, "c")
    if case.chance(0.5):
        stage = choose(((40, "IIIB"), (17, "IIIA"), (2, "IIIC"), (3, "IIB"), (1, "IIA"), (2, "III")), rng)
        tn = {"IIIB": "cT4N1", "IIIA": "cT3N1", "IIIC": "cT3N3", "IIB": "cT2N1", "IIA": "cT2N0", "III": "cT3N2"}[stage]
    stage_words(case, stage, tn)
    ductal = case.record["cancer_type"] == "breast cancer (invasive ductal carcinoma)"
    biopsy = ductal and case.chance(0.42)
    if biopsy:
        case.slots["dx"] = case.say(BREAST_PLAIN)
    parts: Parts = [("open", open_note(case, openings("neoadjuvant")))]
    case.record["stage"] = stage
    if not case.told & {"stage", "tnm"}:
        if "locally advanced" in parts[0][1].lower() and case.chance(0.2):
            case.record["stage"] = "IIIB"
        else:
            parts.append(("stage", case.pick(opening["staged"])))
    receptors = tell_receptors(case)
    if biopsy:
        receptors[0] = case.say(BREAST_BIOPSY)
        if case.chance(0.2):
            # A mass first; the biopsy names it.
            case.told.clear()
            parts = [
                (
                    "open",
                    case.say(
                        "{who} [{has}|presenting with|found to have|referred for] a {mass}[ on mammogram| on screening| and palpable axillary nodes|]"
                    ),
                )
            ]
            parts.append(("stage", case.pick(opening["staged"])))
            case.record["stage"] = stage
    elif ductal and case.chance(0.12):
        # The histology first, as on a pathology report.
        parts[0] = (
            "open",
            case.say(
                "[Core biopsy of {side} breast mass|{side_c} breast core biopsy|Core biopsy of the {side} breast|Breast core needle biopsy]: invasive ductal carcinoma, {r}".replace(
                    "{side_c}", capital(str(case.slots["side"]))
                )
            ),
        )
        receptors = receptors[1:]
        if "stage" in case.told or "tnm" in case.told:
            case.record["stage"] = stage
            parts.append(("stage", case.pick(opening["staged"])))
    parts += [("mol", text) for text in receptors]
    parts += [("mol", text) for text in tell_molecular(case)]
    parts += _neo_treatment(case)
    if case.chance(0.3):
        parts.append(("extra", case.pick(asides["negative_sites"])))
    case.record["metastasis_site"] = None
    return parts


NEO_CODES = (
    (20, "docetaxel+carboplatin+trastuzumab+pertuzumab"),
    (8, "docetaxel+carboplatin+trastuzumab"),
    (14, "paclitaxel+trastuzumab"),
    (12, "paclitaxel+trastuzumab+pertuzumab"),
    (9, "trastuzumab+pertuzumab+docetaxel"),
    (6, "docetaxel+trastuzumab+pertuzumab"),
    (5, "trastuzumab+paclitaxel"),
    (4, "trastuzumab+pertuzumab+paclitaxel"),
    (3, "docetaxel+trastuzumab"),
    (2, "paclitaxel+carboplatin+trastuzumab+pertuzumab"),
    (9, "AC"),
    (1, "carboplatin+paclitaxel+pembrolizumab"),
)


def _neo_regimen(case: Case) -> tuple[list[str], str]:
    """Label items and text of a neoadjuvant regimen."""
    rng = case.rng
    code = choose(NEO_CODES, rng)
    if code != "AC":
        label, text = regimen(case, code, plain=True)
        acronym = {
            "docetaxel+carboplatin+trastuzumab+pertuzumab": "TCHP",
            "docetaxel+carboplatin+trastuzumab": "TCH",
        }.get(code)
        if acronym and not case.invents and case.chance(0.4):
            text = rng.choice((f"{acronym} ({text})", f"{text} ({acronym})"))
        if case.chance(0.25) and "paclitaxel" in text:
            text = text.replace("paclitaxel", "weekly paclitaxel", 1)
        if case.chance(0.12) and text.count("trastuzumab") and " and trastuzumab" in text:
            text = text.replace(" and trastuzumab", " with concurrent trastuzumab")
        return [label], text
    anthracycline = case.say(
        "[doxorubicin and cyclophosphamide|doxorubicin/cyclophosphamide|dose-dense doxorubicin and cyclophosphamide|doxorubicin plus cyclophosphamide|dose-dense doxorubicin/cyclophosphamide|AC (doxorubicin and cyclophosphamide)]"
    )
    if case.chance(0.3):
        anthracycline += case.say(" [x4|x4 cycles|for four cycles]")
    partners = choose(
        ((5, ("paclitaxel", "trastuzumab")), (4, ("paclitaxel", "trastuzumab", "pertuzumab")), (3, ("paclitaxel",))),
        rng,
    )
    text = f"{anthracycline} {case.say('[followed by|then|followed by weekly|and then|followed by]')} {partners[0]}"
    if len(partners) > 1:
        text += case.say(" [with|and|plus|with concurrent] ") + " and ".join(partners[1:])
    label = "paclitaxel" + ("" if len(partners) == 1 else " with " + " and ".join(partners[1:]))
    return ["doxorubicin and cyclophosphamide", label], text


def _neo_treatment(case: Case) -> Parts:
    labels, text = _neo_regimen(case)
    case.slots["rx"], case.slots["rx_c"], case.slots["line"] = text, capital(text), ""
    sentence = case.pick(given["neo"])
    outcome = choose(((76, "pcr"), (14, "residual"), (6, "ned"), (2, "pending"), (1, "stable")), case.rng)
    surgical = case.chance(0.8 if outcome in ("pcr", "ned") else 0.35)
    parts: Parts = []
    named = ""
    if surgical:
        named = _neo_operation(case)
        if case.chance(0.68):
            ending = case.pick(given["neo_surgery"])
            sentence = glue(sentence, ending)
            parts.append(("tx", sentence))
        else:
            parts += [("tx", sentence), ("tx", case.pick(given["neo_surgery_own"]))]
    else:
        parts.append(("tx", sentence))
        if outcome == "pcr" and case.chance(0.25):
            named = "surgery"
            parts[-1] = (
                "tx",
                sentence
                + case.say(
                    " [followed by surgery|and then underwent surgery|and proceeded to surgery|before definitive surgery]"
                ),
            )
    parts.append(("resp", outcomes.tell(case, outcome)))
    if not named:
        labels[-1] = f"{labels[-1]} (neoadjuvant)"
        case.treatments += labels
    else:
        labels[0] = f"neoadjuvant {labels[0]}"
        case.treatments += [*labels, named]
    if surgical and case.chance(0.1):
        parts += _neo_adjuvant(case)
    return parts


def _neo_operation(case: Case) -> str:
    """Draw the operation after neoadjuvant therapy and put its words into the slots; its label."""
    named, ops = choose(
        (
            (5, case.cancer.surgery[1]),
            (3, case.cancer.surgery[0]),
            (2, case.cancer.surgery[2]),
            (0.6, case.cancer.surgery[3]),
        ),
        case.rng,
    )
    case.slots["op"] = case.pick(ops)
    case.slots["op_c"] = capital(str(case.slots["op"]))
    if case.chance(0.12):
        case.slots["op"] = (
            f"{case.slots['op']} {case.say('[with sentinel node biopsy|with axillary dissection|with sentinel lymph node biopsy|and sentinel node biopsy]')}"
        )
    return named


def _neo_adjuvant(case: Case) -> Parts:
    """Therapy after the operation."""
    text = case.rng.choice(("adjuvant radiation", "letrozole", "tamoxifen", "maintenance trastuzumab"))
    case.treatments.append(text)
    return [("tx", case.say(f"[{{S}} went on to|{{S}} then received|This was followed by] {text}"))]


def breast_adjuvant(case: Case) -> Parts:
    """An operation, then radiation and systemic therapy."""
    rng = case.rng
    case.sites = []
    set_targets(case)
    stage, tn = nodes(case, "p")
    if case.chance(0.5):
        stage = choose(((50, "IIA"), (20, "IIB"), (25, "I"), (8, "II"), (4, "IB"), (3, "IA")), rng)
        tn = {"IIA": "T2N0", "IIB": "T2N1", "I": "T1N0", "II": "T2N0", "IB": "T1cN0", "IA": "T1bN0"}[stage]
    stage_words(case, stage, tn)
    named, texts = choose(((8, case.cancer.surgery[0]), (2, case.cancer.surgery[1]), (1, case.cancer.surgery[2])), rng)
    case.slots["op"] = case.pick(texts) + (
        case.say(" [with|and] sentinel [lymph node|node] biopsy") if case.chance(0.5) else ""
    )
    case.slots["op_c"] = capital(str(case.slots["op"]))
    parts: Parts = [("open", open_note(case, openings("early")))]
    case.record["stage"] = stage
    if not case.told & {"stage", "tnm"}:
        parts.append(("stage", case.pick(opening["path_staged"] if case.chance(0.5) else opening["staged"])))
    if "tnm" in case.told:
        case.record["stage"] = BREAST_STAGE.get(tn.replace(" ", "").replace("M0", "").removeprefix("p"), stage)
    parts += [("mol", text) for text in tell_receptors(case)] + [("mol", text) for text in tell_molecular(case)]
    sentence = case.pick(given["surgery"]) if "operation" not in case.told else ""
    steps, labels = _breast_steps(case)
    after = case.say("[followed by|then|and|followed by] ") + steps
    if sentence and case.chance(0.7):
        parts.append(("tx", f"{sentence} {after}"))
    else:
        parts += [("tx", sentence)] if sentence else []
        parts.append(
            (
                "tx",
                case.say(
                    f"[{{S}} received|{{S}} completed|This was followed by|{{S}} was treated with|Adjuvant therapy included|{{S}} went on to|Adjuvant treatment:] {steps}"
                ),
            )
        )
    case.treatments += [named, *labels]
    parts.append(("resp", outcomes.tell(case, choose(((84, "ned"), (6, "complete"), (7, "pending")), rng))))
    if case.chance(0.15):
        parts.append(("extra", case.pick(asides["negative_sites"])))
    case.record["metastasis_site"] = None
    return parts


def _breast_steps(case: Case) -> tuple[str, list[str]]:
    """Steps after the operation: text and labels."""
    her2 = "HER2 negative" not in (case.marker_label or "")
    endocrine = choose(((5, "tamoxifen"), (4, "letrozole"), (2, "anastrozole"), (1, "exemestane")), case.rng)
    steps: list[tuple[str, tuple[str, ...]]] = []
    if her2:
        word = case.say("[adjuvant |adjuvant |]")
        chemo = word + case.say(
            "[paclitaxel and trastuzumab|paclitaxel with trastuzumab|weekly paclitaxel and trastuzumab|paclitaxel plus trastuzumab|paclitaxel followed by trastuzumab|paclitaxel with trastuzumab for one year|paclitaxel and trastuzumab planned for 1 year]"
        )
        steps.append((chemo, ("paclitaxel", "trastuzumab")))
    elif case.chance(0.3):
        steps.append(
            (
                case.say(
                    "adjuvant [doxorubicin and cyclophosphamide then paclitaxel|doxorubicin/cyclophosphamide followed by paclitaxel]"
                ),
                ("adjuvant doxorubicin and cyclophosphamide", "paclitaxel"),
            )
        )
    if not her2 or case.chance(0.25):
        word = case.say(
            "[adjuvant radiation|adjuvant radiation|radiation|adjuvant radiotherapy|whole-breast radiation|radiotherapy]"
        )
        steps.append((word, (word,)))
    responsive = "ER positive" in (case.marker_label or "") or "ER+" in (case.marker_label or "")
    if responsive and (not her2 or case.chance(0.35)):
        steps.append(
            (
                case.say(f"[{endocrine}|adjuvant {endocrine}|endocrine therapy with {endocrine}|{endocrine}]"),
                (endocrine,),
            )
        )
    texts = [text for text, _ in steps] or ["radiation"]
    labels = [label for _, names in steps for label in names] or ["radiation"]
    return (
        ", ".join(texts[:-1]) + case.say("[ and| and then|, then|, and|, followed by] ") if len(texts) > 1 else ""
    ) + texts[-1], labels
