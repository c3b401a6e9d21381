"""Brain tumours."""

from __future__ import annotations

from data.synthetic.abstracts import outcomes
from data.synthetic.abstracts.case import Case
from data.synthetic.abstracts.imaging import set_targets
from data.synthetic.abstracts.telling import Parts, finish, line, tell_molecular
from data.synthetic.grammar import choose
from data.synthetic.phrases import treatment as given


def glioma(case: Case) -> Parts:
    """A brain tumour: resection, radiation with temozolomide, at times more."""
    rng = case.rng
    case.sites = []
    set_targets(case)
    case.slots["t"] = case.say(
        "[the resection cavity|the enhancing lesion|residual enhancement|the enhancing component|the surgical bed]"
    )
    case.record["stage"] = {
        "who": "IV" if "IV" in str(case.slots["dx"]) or case.chance(0.5) else None,
        "who3": "III",
        "who2": "II",
    }.get(case.cancer.staging)
    parts: Parts = [
        (
            "open",
            case.say(
                "{who} [{has}|{has} newly diagnosed|diagnosed with] {dx}[ after presenting with {symptom}| presenting with {symptom}|]"
            )
            if case.chance(0.7)
            else case.say(
                "{who} [presented with|presents with] {symptom}; MRI showed a {mass}. [Pathology|Resection|Biopsy] [confirmed|showed|revealed] {dx}"
            ),
        )
    ]
    if "IV" not in str(case.slots["dx"]) and case.cancer.staging == "who" and case.record["stage"]:
        parts.append(("stage", case.say("[WHO grade IV|Stage IV]")))
        case.record["cancer_type"] = (
            "glioblastoma (WHO grade IV)"
            if "WHO" in parts[-1][1] and case.record["cancer_type"] == "glioblastoma"
            else case.record["cancer_type"]
        )
    parts += [("mol", text) for text in tell_molecular(case)]
    sentence = _glioma_treatment(case)
    outcome = outcomes.draw(case, "glioma")
    parts += finish(case, sentence, outcome)
    if outcome.endswith("progression") and case.chance(0.25):
        line(case, choose(case.cancer.second, rng))
        parts.append(("tail", case.pick(given["switch"])))
    case.record["metastasis_site"] = None
    return parts


def _glioma_treatment(case: Case) -> str:
    """Operation and radiation, in the record and as a sentence."""
    operated = case.chance(0.85)
    resection = case.say(
        "[maximal safe resection|gross total resection|subtotal resection|surgical resection|craniotomy with subtotal resection|a near-total resection]"
    )
    radiation = case.say(
        "[radiation with concurrent temozolomide|radiotherapy with concurrent temozolomide|concurrent radiation and temozolomide|radiotherapy plus temozolomide|concurrent radiotherapy with temozolomide|radiation and temozolomide]"
    )
    sentence = (
        case.say(
            f"[{{S}} underwent|Underwent|{{S}} had] {resection}[ followed by| and then|, then|, followed by] {radiation}"
        )
        if operated
        else case.say(f"[{{S}} received|{{S}} was treated with|{{S}} completed] {radiation}")
    )
    if case.chance(0.2):
        sentence += case.say(" [per|following|according to] the Stupp [protocol|regimen]")
    case.treatments += (
        ["subtotal resection" if "subtotal" in resection else "surgical resection"] if operated else []
    ) + [radiation.replace(" plus ", " and ")]
    if case.chance(0.4):
        sentence += case.say("[ followed by| and then| and] adjuvant temozolomide")
        case.treatments.append("adjuvant temozolomide")
    return sentence
