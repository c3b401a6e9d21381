"""Courses of disease: each writes its sentences, by kind, and fills the record."""

from __future__ import annotations

from collections.abc import Callable

from data.synthetic import outcomes
from data.synthetic.case import Case, capital
from data.synthetic.grammar import weighted
from data.synthetic.imaging import set_targets, sites_told, tell_sites
from data.synthetic.phrases import asides, opening
from data.synthetic.phrases import treatment as given
from data.synthetic.prostate import crpc, prostate_metastatic, prostatectomy, radiotherapy, surveillance
from data.synthetic.regimens import regimen
from data.synthetic.telling import (
    Parts,
    finish,
    glued,
    line,
    maintenance,
    open_note,
    stage_words,
    start,
    tell_disease,
    tell_lines,
    tell_molecular,
    tell_receptors,
)


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
    parts: Parts = [("open", open_note(case, opening.METASTATIC))]
    if "s" not in case.told and case.chance(0.032):
        parts.append(("stage", case.pick(opening.NOT_STAGED)))
        case.record["stage"] = None
        case.told.add("s")
    late = "m" not in case.told and bool(case.sites) and case.chance(0.14)
    if late:
        case.told.add("m")
    tell_disease(case, parts)
    if case.cancer.key == "breast":
        receptors = tell_receptors(case)
        if biopsied:
            receptors[0] = case.say(BREAST_BIOPSY)
        parts += [("mol", text) for text in receptors]
    parts += [("mol", text) for text in tell_molecular(case)]
    case.record["metastasis_site"] = ", ".join(case.sites) or None
    parts += tell_lines(case, case.cancer.key)
    if late and not sites_told(case, " ".join(text for _, text in parts)):
        parts.append(("mets", case.pick(opening.METS)))
    if case.sites and case.chance(0.05):
        absent = case.rng.choice(list(asides.NEGATIVE_SITE_OF))
        if absent not in case.sites and case.cancer.key != absent:
            parts.append(("extra", case.pick(asides.NEGATIVE_SITE_OF[absent])))
    return parts


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


def _nodes(case: Case, prefix: str) -> tuple[str, str]:
    """Stage and TNM that fit each other; at times the stage carries a letter that TNM does not settle."""
    rng, key = case.rng, case.cancer.key
    if key == "breast":
        tn = rng.choice(
            [tn for tn, stage in BREAST_STAGE.items() if (stage[:3] == "III" or stage == "IIB") == (prefix == "c")]
        )
        stage = BREAST_STAGE[tn]
    elif key == "crc":
        tn = weighted(
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


BREAST_PLAIN = (
    "[{side} breast cancer|breast cancer|breast carcinoma|{side}-sided breast cancer|{side} breast carcinoma]"
)
BREAST_BIOPSY = "[Core biopsy|Core biopsy|Biopsy|Core needle biopsy|Pathology|Core biopsy of the {side} breast|Ultrasound-guided biopsy|Core biopsies][:| showed|:| revealed|:| demonstrated|:| confirmed] [high-grade |grade 2 ||||]invasive ductal carcinoma[, |, |; |, grade 2, |, grade 3, |. Tumor was |. ]{r}"


def neoadjuvant(case: Case) -> Parts:
    """Locally advanced breast cancer, systemic therapy, then surgery."""
    rng = case.rng
    case.sites = []
    set_targets(case)
    stage, tn = _nodes(case, "c")
    if case.chance(0.5):
        stage = weighted(((40, "IIIB"), (17, "IIIA"), (2, "IIIC"), (3, "IIB"), (1, "IIA"), (2, "III")), rng)
        tn = {"IIIB": "cT4N1", "IIIA": "cT3N1", "IIIC": "cT3N3", "IIB": "cT2N1", "IIA": "cT2N0", "III": "cT3N2"}[stage]
    stage_words(case, stage, tn)
    ductal = case.record["cancer_type"] == "breast cancer (invasive ductal carcinoma)"
    biopsy = ductal and case.chance(0.42)
    if biopsy:
        case.slots["dx"] = case.say(BREAST_PLAIN)
    parts: Parts = [("open", open_note(case, opening.NEO_OPEN))]
    case.record["stage"] = stage
    if not case.told & {"s", "t"}:
        if "locally advanced" in parts[0][1].lower() and case.chance(0.2):
            case.record["stage"] = "IIIB"
        else:
            parts.append(("stage", case.pick(opening.STAGED)))
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
            parts.append(("stage", case.pick(opening.STAGED)))
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
        if "s" in case.told or "t" in case.told:
            case.record["stage"] = stage
            parts.append(("stage", case.pick(opening.STAGED)))
    parts += [("mol", text) for text in receptors]
    parts += [("mol", text) for text in tell_molecular(case)]
    parts += _neo_treatment(case)
    if case.chance(0.3):
        parts.append(("extra", case.pick(asides.NEGATIVE_SITES)))
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
    code = weighted(NEO_CODES, rng)
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
    partners = weighted(
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
    sentence = case.pick(given.NEO)
    outcome = weighted(((76, "pcr"), (14, "residual"), (6, "ned"), (2, "pending"), (1, "stable")), case.rng)
    surgical = case.chance(0.8 if outcome in ("pcr", "ned") else 0.35)
    parts: Parts = []
    named = ""
    if surgical:
        named, ops = weighted(
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
        if case.chance(0.68):
            ending = case.pick(given.NEO_SURGERY)
            sentence = glued(sentence, ending)
            parts.append(("tx", sentence))
        else:
            parts += [("tx", sentence), ("tx", case.pick(given.NEO_SURGERY_OWN))]
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
        label, text = case.rng.choice(
            (
                ("radiation", "adjuvant radiation"),
                ("letrozole", "letrozole"),
                ("tamoxifen", "tamoxifen"),
                ("trastuzumab", "maintenance trastuzumab"),
            )
        )
        parts.append(("tx", case.say(f"[{{S}} went on to|{{S}} then received|This was followed by] {text}")))
        case.treatments.append(
            {"radiation": "adjuvant radiation", "trastuzumab": "maintenance trastuzumab"}.get(label, label)
        )
    return parts


def adjuvant(case: Case) -> Parts:
    """Resected disease, further therapy, surveillance."""
    if case.cancer.key == "breast":
        return _breast_adjuvant(case)
    rng = case.rng
    case.sites = []
    set_targets(case)
    unnamed = case.chance({"crc": 0.22, "melanoma": 0.35}.get(case.cancer.key, 0.1))
    named, parts = _resected(case) if unnamed else _operated(case, "III")
    code = weighted(case.cancer.adjuvant or case.cancer.first, rng)
    label, text = regimen(case, code)
    case.slots["rx"], case.slots["line"] = text, ""
    last = parts[-1]
    if last[0] == "tx" and case.chance(0.5):
        parts[-1] = ("tx", glued(last[1], case.pick(given.ADJUVANT_JOIN)))
    else:
        parts.append(("tx", case.pick(given.ADJUVANT)))
    case.treatments += [named, f"adjuvant {label}"]
    nodes = _told_nodes(case, parts)
    if unnamed:
        case.treatments.remove(named)
        case.treatments[0] = f"adjuvant {label}" if case.cancer.key != "melanoma" else label
    parts += [("mol", sentence) for sentence in tell_molecular(case)]
    if case.chance({"melanoma": 0.4, "crc": 0.07, "bladder": 0.25}.get(case.cancer.key, 0.05)):
        parts += _recurred(case)
    else:
        parts.append(
            ("resp", outcomes.tell(case, weighted(((86, "ned"), (5, "stable"), (5, "pending"), (3, "complete")), rng)))
        )
        if case.chance(0.15):
            parts.append(("extra", case.pick(asides.NEGATIVE_SITES)))
    if not case.record.get("metastasis_site"):
        case.record["metastasis_site"] = nodes
    return parts


def _told_nodes(case: Case, parts: Parts) -> str | None:
    """Positive nodes of a melanoma, which count as a site; details of a bowel specimen, which do not."""
    stage = case.record["stage"] or ""
    if case.cancer.key == "melanoma" and stage.startswith("III") and case.chance(0.62):
        parts.insert(
            1,
            (
                "stage",
                case.say(
                    "[Sentinel lymph node biopsy was positive|Sentinel node positive|The sentinel lymph node was positive|Sentinel lymph nodes were positive for melanoma|Regional lymph nodes were involved|Positive sentinel node|Sentinel node biopsy revealed nodal disease|Completion lymphadenectomy showed {d} involved nodes]"
                ),
            ),
        )
        return "regional lymph nodes"
    if case.cancer.key == "crc" and case.chance(0.25):
        parts.insert(
            len(parts) - 1 if case.chance(0.5) else len(parts),
            (
                "stage",
                case.say(
                    "[Moderately differentiated adenocarcinoma|The tumor was moderately differentiated|Margins were negative|Lymph node sampling was adequate|{d} of 18 nodes were positive|Margins negative, no perforation|Lymphovascular invasion was present|Final path showed clear margins]"
                ),
            ),
        )
    return None


def _recurred(case: Case) -> Parts:
    """Distant metastases after adjuvant therapy, at times treated."""
    site = case.rng.choice(
        {
            "crc": ("liver", "liver", "lung", "peritoneum"),
            "melanoma": ("lung", "lung", "brain", "liver", "bone", "subcutaneous soft tissue"),
        }.get(case.cancer.key, ("lung", "liver", "bone"))
    )
    case.sites = [site]
    tell_sites(case)
    case.record["metastasis_site"] = site
    case.record["response"] = "progression"
    found = case.say(
        "[After|At] {n} months [PET/CT|surveillance CT|imaging|surveillance imaging|follow-up CT] [showed|revealed|demonstrated|shows] {mets}[ consistent with progression|, consistent with progression| consistent with metastatic progression| confirming disease progression|, i.e. metastatic recurrence| consistent with recurrent metastatic disease]"
    )
    if case.chance(0.6):
        return [("resp", found)]
    line(case, weighted(case.cancer.second if case.chance(0.5) else case.cancer.first, case.rng))
    outcome = outcomes.draw(case, case.cancer.key)
    return [
        ("resp", found),
        *(
            (("tail", text))
            for _, text in finish(case, case.pick(given.SWITCH), "stable" if outcome == "relapse" else outcome)
        ),
    ]


def _operated(case: Case, default: str) -> tuple[str, Parts]:
    """Opening, operation, pathologic stage; the operation's label."""
    rng = case.rng
    operations = case.cancer.surgery or (("surgical resection", ("surgical resection",)),)
    side = str(case.slots["dx"])
    if any(word in side for word in ("sigmoid", "left", "rectal", "rectum")):
        operations = tuple(row for row in operations if not row[0].startswith("right")) or operations
    elif any(word in side for word in ("ascending", "cecal", "right-sided")):
        operations = (
            tuple(row for row in operations if row[0].startswith("right") or row[0] in ("colectomy", "hemicolectomy"))
            or operations
        )
    # The first operation listed is the usual one.
    named, texts = weighted(
        [(2.0 * len(operations) if index == 0 else 1.0, row) for index, row in enumerate(operations)], rng
    )
    case.slots["op"] = case.pick(texts)
    case.slots["op_c"] = capital(str(case.slots["op"]))
    stage, tn = _melanoma_stage(case) if case.cancer.staging == "breslow" else _nodes(case, "p")
    if case.cancer.key == "crc" and case.chance(0.75) and default == "III" and not stage.startswith("III"):
        stage, tn = "III", rng.choice(("pT3N1", "T3N1", "pT3 N1", "pT4aN1", "T3N1M0", "pT3N2"))
    stage_words(case, stage, tn)
    if "colon" in str(case.slots["dx"]) and case.chance(0.15):
        case.slots["dx"] = case.say("adenocarcinoma")
        case.record["cancer_type"] = "colon adenocarcinoma"
        if "resection" in named:
            named, case.slots["op"] = "right hemicolectomy", "right hemicolectomy"
        options: tuple[tuple[float, str, str], ...] = tuple(row for row in opening.EARLY_OPEN if "o" in row[2])
    else:
        options = opening.EARLY_OPEN
    parts: Parts = [("open", open_note(case, options))]
    case.record["stage"] = stage
    if "o" not in case.told:
        parts.append(("tx", case.pick(given.SURGERY)))
    if not case.told & {"s", "t"}:
        if case.chance(0.95):
            parts.insert(len(parts) if case.chance(0.6) else 1, ("stage", case.pick(opening.PATH_STAGED)))
        else:
            case.record["stage"] = None
    if "t" in case.told:
        case.record["stage"] = (
            {**GENERAL_STAGE, **COLON_STAGE}.get(tn.replace(" ", "").replace("M0", "").removeprefix("p"), stage)
            if case.cancer.staging != "breslow"
            else stage
        )
    return named, parts


RESECTED = (
    (3, "{who} {has} resected [stage {stage} |]{dx}", "s?"),
    (2, "{who} {has} {dx}, [pathologic |]stage {stage}[ ({tn})|] after resection", "s"),
    (
        2,
        "{who} {has} stage {stage} {dx} [resected|that was resected] [{n} months ago|in {month} {year}|last year]",
        "s",
    ),
    (1.5, "{who} after [complete resection|resection] of {dx}, [pathologic |]stage {stage}", "s"),
    (1.5, "[Resected|Completely resected] {dx}, stage {stage}[ ({tn})|]", "s"),
    (1.5, "{who} {has} {dx}, pathologic stage {stage}[ ({tn})|]", "s"),
    (1.5, "{who} {has} stage {stage} {dx}[ ({tn})|]", "s"),
)


def _resected(case: Case) -> tuple[str, Parts]:
    """A resected tumour whose operation the note does not name."""
    stage, tn = _melanoma_stage(case) if case.cancer.staging == "breslow" else _nodes(case, "p")
    if case.cancer.key == "crc" and case.chance(0.7) and not stage.startswith("III"):
        stage, tn = "III", case.rng.choice(("pT3N1", "T3N1", "pT3 N1", "pT4aN1", "T3N1M0", "pT3N2"))
    stage_words(case, stage, tn)
    text = case.say(weighted([(w, text) for w, text, _ in RESECTED], case.rng))
    parts: Parts = [("open", text)]
    case.record["stage"] = stage
    if f"stage {stage}" not in text.lower().replace(stage.lower(), stage):
        parts.append(("stage", case.pick(opening.PATH_STAGED)))
    return "operation", parts


def _melanoma_stage(case: Case) -> tuple[str, str]:
    setting = str(case.slots.get("setting"))
    if setting == "surgery":
        return weighted(
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
    return weighted(
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


def _breast_adjuvant(case: Case) -> Parts:
    rng = case.rng
    case.sites = []
    set_targets(case)
    stage, tn = _nodes(case, "p")
    if case.chance(0.5):
        stage = weighted(((50, "IIA"), (20, "IIB"), (25, "I"), (8, "II"), (4, "IB"), (3, "IA")), rng)
        tn = {"IIA": "T2N0", "IIB": "T2N1", "I": "T1N0", "II": "T2N0", "IB": "T1cN0", "IA": "T1bN0"}[stage]
    stage_words(case, stage, tn)
    named, texts = weighted(
        ((8, case.cancer.surgery[0]), (2, case.cancer.surgery[1]), (1, case.cancer.surgery[2])), rng
    )
    case.slots["op"] = case.pick(texts) + (
        case.say(" [with|and] sentinel [lymph node|node] biopsy") if case.chance(0.5) else ""
    )
    case.slots["op_c"] = capital(str(case.slots["op"]))
    parts: Parts = [("open", open_note(case, opening.EARLY_OPEN))]
    case.record["stage"] = stage
    if not case.told & {"s", "t"}:
        parts.append(("stage", case.pick(opening.PATH_STAGED if case.chance(0.5) else opening.STAGED)))
    if "t" in case.told:
        case.record["stage"] = BREAST_STAGE.get(tn.replace(" ", "").replace("M0", "").removeprefix("p"), stage)
    parts += [("mol", text) for text in tell_receptors(case)] + [("mol", text) for text in tell_molecular(case)]
    sentence = case.pick(given.SURGERY) if "o" not in case.told else ""
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
    parts.append(("resp", outcomes.tell(case, weighted(((84, "ned"), (6, "complete"), (7, "pending")), rng))))
    if case.chance(0.15):
        parts.append(("extra", case.pick(asides.NEGATIVE_SITES)))
    case.record["metastasis_site"] = None
    return parts


def _breast_steps(case: Case) -> tuple[str, list[str]]:
    """Steps after the operation: text and labels."""
    her2 = "HER2 negative" not in (case.marker_label or "")
    endocrine = weighted(((5, "tamoxifen"), (4, "letrozole"), (2, "anastrozole"), (1, "exemestane")), case.rng)
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


NO_FURTHER = "[Adjuvant [chemotherapy|therapy|treatment] was [discussed and declined|not recommended|not given|considered but not given|deferred]|{S} [declined|opted against|elected surveillance without] adjuvant [chemotherapy|therapy]|No [adjuvant|systemic] therapy was [given|recommended|indicated]|The team [elected|recommended] surveillance [alone|without adjuvant therapy]|No adjuvant [chemotherapy|radiation|systemic therapy] [was |]planned]"


def surgery(case: Case) -> Parts:
    """An operation alone."""
    case.sites = []
    case.slots["setting"] = "surgery"
    set_targets(case)
    named, parts = _operated(case, "I")
    if case.cancer.key == "melanoma":
        if case.chance(0.4):
            parts.insert(
                1,
                (
                    "mol",
                    case.say(
                        "Breslow [depth |thickness |]{low} mm[, no ulceration| without ulceration|, nonulcerated|]"
                    ),
                ),
            )
        if case.chance(0.4):
            # Done beside the excision it is listed; told by its result it is not.
            if case.chance(0.4) and "o" not in case.told:
                parts.append(
                    (
                        "tx",
                        case.say(
                            "[{S} also had a sentinel lymph node biopsy|Sentinel lymph node biopsy was performed at the same time|{S} underwent sentinel lymph node biopsy as well]"
                        ),
                    )
                )
                case.treatments += [named, "sentinel lymph node biopsy"]
                named = ""
            else:
                parts.append(
                    (
                        "stage",
                        case.say(
                            "[Sentinel lymph node biopsy was negative|Sentinel node negative|Sentinel nodes were negative|The sentinel node was negative|A negative sentinel node biopsy was reported|Sentinel lymph node biopsy negative|Sentinel node biopsy was not performed]"
                        ),
                    )
                )
    if named:
        case.treatments.append(named)
    if case.chance(0.35):
        parts.append(("tail", case.say(NO_FURTHER)))
    parts += [("mol", sentence) for sentence in tell_molecular(case)]
    parts.append(("resp", outcomes.tell(case, weighted(((70, "ned"), (24, "operated"), (5, "pending")), case.rng))))
    case.record["metastasis_site"] = None
    return parts


def locally_advanced(case: Case) -> Parts:
    """Unresectable pancreatic cancer: chemotherapy, at times chemoradiation or maintenance."""
    case.sites = []
    set_targets(case)
    stage = "III"
    stage_words(case, stage, "T4N1")
    parts: Parts = [("open", open_note(case, opening.LOCAL_OPEN))]
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
    if "s" not in case.told and case.chance(0.3):
        parts.append(("stage", case.pick(opening.STAGED[:8])))
    parts += [("mol", text) for text in tell_molecular(case)]
    line(case, weighted(case.cancer.first, case.rng))
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
        parts.append(("extra", case.pick(asides.NEGATIVE_SITES)))
    case.record["metastasis_site"] = None
    return parts


def pancreas_metastatic(case: Case) -> Parts:
    """Metastatic pancreatic cancer; carriers of a germline variant get maintenance."""
    if not any(gene.germline for gene in case.genes) or case.chance(0.2):
        return metastatic(case)
    parts = _metastatic_front(case)
    line(case, weighted(((5, "FOLFIRINOX"), (1, "modified FOLFIRINOX"), (1, "gemcitabine+nab-paclitaxel")), case.rng))
    parts += maintenance(
        case, start(case), weighted(((50, "stable"), (24, "progression"), (12, "partial"), (12, "relapse")), case.rng)
    )
    return parts


def _metastatic_front(case: Case) -> Parts:
    case.record["stage"] = "IV"
    tell_sites(case)
    parts: Parts = [("open", open_note(case, opening.METASTATIC))]
    tell_disease(case, parts)
    parts += [("mol", text) for text in tell_molecular(case)]
    case.record["metastasis_site"] = ", ".join(case.sites) or None
    return parts


OVARY_OPEN: tuple[tuple[float, str, str], ...] = (
    (6, "{who} {has} [newly diagnosed |]{dx}, [FIGO stage|FIGO|stage|FIGO stage] {stage}", "s"),
    (4, "{who} {has} {dx}, [FIGO stage|stage] {stage} with {mets}", "sm"),
    (4, "{who} {has} [FIGO stage|stage|FIGO] {stage} {dx}", "s"),
    (4, "{who} {has} {dx} [with|and] {mets}", "m"),
    (
        3,
        "{who} [presented with|presents with|presenting with] {symptom}[ and was diagnosed with|; found to have|. Workup revealed|. Surgery confirmed] {dx}",
        "",
    ),
    (2, "{who} diagnosed with {dx}", ""),
    (2, "{who} [underwent|s/p|status post] {op} for {dx}", "o"),
    (2, "{who} [underwent|s/p|status post] {op} for {dx}, [FIGO |]stage {stage}", "os"),
    (1.5, "{dx_c}, [FIGO stage|stage|clinical stage] {stage}[ at presentation|]", "s"),
    (1, "{who} {has} [FIGO stage|stage] {stage} {dx} and {mets}", "sm"),
    (1, "{who} diagnosed with {dx} [FIGO|stage] {stage} [with|and] {mets}", "sm"),
)
FIGO = (
    "FIGO stage {stage}",
    "[Surgical staging|Staging|Surgical pathology|Operative findings] [was|were|is|] consistent with [FIGO stage|stage|FIGO] {stage}[ disease|]",
    "Stage {stage} at diagnosis",
    "[Staged as|Stage:|Surgically staged as] [FIGO |]{stage}",
    "Pathology confirmed stage {stage}[ disease|]",
)
DEBULKING = (
    (
        "cytoreductive surgery",
        (
            "optimal cytoreductive surgery",
            "cytoreductive surgery",
            "primary cytoreductive surgery",
            "interval cytoreductive surgery",
            "optimal primary cytoreductive surgery",
        ),
    ),
    (
        "debulking surgery",
        (
            "debulking surgery",
            "primary debulking surgery",
            "optimal debulking surgery",
            "optimal debulking",
            "primary debulking",
            "interval debulking surgery",
        ),
    ),
)


def cytoreduction(case: Case) -> Parts:
    """Ovarian cancer: debulking, platinum, maintenance."""
    rng = case.rng
    stage = weighted(((86, "IIIC"), (4, "III"), (7, "IV"), (1.5, "IIIB"), (1, "IVB"), (1.5, "II"), (1.5, "I")), rng)
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
    label, texts = weighted(((6, DEBULKING[0]), (4, DEBULKING[1])), rng)
    operated = case.chance(0.82)
    case.slots["op"] = rng.choice(texts)
    case.slots["op_c"], case.slots["dx_c"] = capital(str(case.slots["op"])), capital(str(case.slots["dx"]))
    options = OVARY_OPEN if operated else tuple(row for row in OVARY_OPEN if "o" not in row[2])
    parts: Parts = [("open", open_note(case, options))]
    case.record["stage"] = stage
    if "s" not in case.told:
        if case.chance(0.9) or stage != "IIIC":
            parts.append(("stage", case.pick(FIGO)))
        elif not case.sites:
            case.record["stage"] = None
    if case.sites and "m" not in case.told:
        parts.append(
            (
                "mets",
                case.pick(
                    opening.METS[:3]
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
    parts += _platinum(case, label if operated else "")
    return parts


def _platinum(case: Case, operation: str) -> Parts:
    rng = case.rng
    parts: Parts = []
    told = "o" in case.told
    before = case.chance(0.85) or told
    if operation and before:
        case.treatments.append(operation)
    line(case, weighted(case.cancer.first, rng))
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
    drug = weighted(case.cancer.second, rng)
    maintained = any(gene.germline for gene in case.genes) or "HRD" in (case.marker_label or "")
    if case.chance(0.88 if maintained else 0.3):
        return parts + maintenance(case, begun, outcome, drug)
    return parts + finish(case, begun, outcome)


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
    outcome = outcomes.draw(case, "glioma")
    parts += finish(case, sentence, outcome)
    if outcome.endswith("progression") and case.chance(0.25):
        line(case, weighted(case.cancer.second, rng))
        parts.append(("tail", case.pick(given.SWITCH)))
    case.record["metastasis_site"] = None
    return parts


def chemoradiation(case: Case) -> Parts:
    """Definitive chemoradiation, at times then surgery."""
    case.sites = []
    set_targets(case)
    stage = weighted(((20, "IVA"), (14, "III"), (12, "II"), (5, "IIB"), (5, "IIIB"), (3, "IVB"), (4, "I")), case.rng)
    stage_words(case, stage, case.rng.choice(("T3N2", "T2N1", "T3N1", "T4N2")))
    parts: Parts = [("open", open_note(case, opening.LOCAL_OPEN))]
    case.record["stage"] = stage
    if "s" not in case.told:
        if case.chance(0.7):
            parts.append(("stage", case.pick(opening.STAGED[:8])))
        else:
            case.record["stage"] = "III" if case.chance(0.0) else None
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
    outcome = weighted(
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
        outcome = weighted(((5, "pcr"), (3, "ned"), (2, "progression")), case.rng)
    parts += [("tx", sentence), ("resp", outcomes.tell(case, outcome))]
    case.record["metastasis_site"] = None
    return parts


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
        parts.append(("mets", case.pick(opening.METS)))
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


def thyroid(case: Case) -> Parts:
    """Thyroid surgery, at times radioactive iodine."""
    case.sites = []
    case.cancer.key.strip()
    set_targets(case)
    named, parts = _operated(case, "I")
    case.treatments.append(named)
    if case.chance(0.6):
        parts.append(
            (
                "tx",
                case.say(
                    "[{S} received radioactive iodine ablation|This was followed by radioactive iodine ablation|Radioactive iodine ablation was given|Completed radioactive iodine ablation]"
                ),
            )
        )
        case.treatments.append("radioactive iodine ablation")
    parts += [("mol", text) for text in tell_molecular(case)]
    parts.append(("resp", outcomes.tell(case, "ned")))
    case.record["metastasis_site"] = None
    return parts


COURSES: dict[str, Callable[[Case], Parts]] = {
    "metastatic": metastatic,
    "neoadjuvant": neoadjuvant,
    "adjuvant": adjuvant,
    "surgery": surgery,
    "locally advanced": locally_advanced,
    "cytoreduction": cytoreduction,
    "glioma": glioma,
    "chemoradiation": chemoradiation,
    "lymphoma": lymphoma,
    "leukemia": leukemia,
    "thyroid": thyroid,
    "crpc": crpc,
    "prostatectomy": prostatectomy,
    "radiotherapy": radiotherapy,
    "surveillance": surveillance,
    "prostate metastatic": prostate_metastatic,
    "pancreas metastatic": pancreas_metastatic,
}


def write_course(case: Case) -> Parts:
    """The sentences of one case, by a course that its tumour takes."""
    setting = weighted(case.cancer.settings, case.rng)
    case.slots["setting"] = setting
    special = f"{case.cancer.key} {setting}"
    return COURSES[special if special in COURSES else setting](case)
