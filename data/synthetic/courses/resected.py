"""Resected disease: with further therapy, or the operation alone."""

from __future__ import annotations

from data.synthetic.abstracts import outcomes
from data.synthetic.abstracts.case import Case, capital
from data.synthetic.abstracts.imaging import set_targets, tell_sites
from data.synthetic.abstracts.regimens import regimen
from data.synthetic.abstracts.telling import Parts, finish, glue, line, open_note, stage_words, tell_molecular
from data.synthetic.courses.breast import breast_adjuvant
from data.synthetic.courses.stages import COLON_STAGE, GENERAL_STAGE, melanoma_stage, nodes
from data.synthetic.grammar import choose
from data.synthetic.phrases import asides, opening, openings
from data.synthetic.phrases import treatment as given


def adjuvant(case: Case) -> Parts:
    """Resected disease, further therapy, surveillance."""
    if case.cancer.key == "breast":
        return breast_adjuvant(case)
    rng = case.rng
    case.sites = []
    set_targets(case)
    unnamed = case.chance({"crc": 0.22, "melanoma": 0.35}.get(case.cancer.key, 0.1))
    named, parts = _tell_resected(case) if unnamed else _tell_operation(case, "III")
    code = choose(case.cancer.adjuvant or case.cancer.first, rng)
    label, text = regimen(case, code)
    case.slots["rx"], case.slots["line"] = text, ""
    last = parts[-1]
    if last[0] == "tx" and case.chance(0.5):
        parts[-1] = ("tx", glue(last[1], case.pick(given["adjuvant_join"])))
    else:
        parts.append(("tx", case.pick(given["adjuvant"])))
    case.treatments += [named, f"adjuvant {label}"]
    nodes = _tell_nodes(case, parts)
    if unnamed:
        case.treatments.remove(named)
        case.treatments[0] = f"adjuvant {label}" if case.cancer.key != "melanoma" else label
    parts += [("mol", sentence) for sentence in tell_molecular(case)]
    if case.chance({"melanoma": 0.4, "crc": 0.07, "bladder": 0.25}.get(case.cancer.key, 0.05)):
        parts += _tell_recurrence(case)
    else:
        parts.append(
            ("resp", outcomes.tell(case, choose(((86, "ned"), (5, "stable"), (5, "pending"), (3, "complete")), rng)))
        )
        if case.chance(0.15):
            parts.append(("extra", case.pick(asides["negative_sites"])))
    if not case.record.get("metastasis_site"):
        case.record["metastasis_site"] = nodes
    return parts


def _tell_nodes(case: Case, parts: Parts) -> str | None:
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


def _tell_recurrence(case: Case) -> Parts:
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
    line(case, choose(case.cancer.second if case.chance(0.5) else case.cancer.first, case.rng))
    outcome = outcomes.draw(case, case.cancer.key)
    return [
        ("resp", found),
        *(
            (("tail", text))
            for _, text in finish(case, case.pick(given["switch"]), "stable" if outcome == "relapse" else outcome)
        ),
    ]


def _tell_operation(case: Case, default: str) -> tuple[str, Parts]:
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
    named, texts = choose(
        [(2.0 * len(operations) if index == 0 else 1.0, row) for index, row in enumerate(operations)], rng
    )
    case.slots["op"] = case.pick(texts)
    case.slots["op_c"] = capital(str(case.slots["op"]))
    stage, tn = melanoma_stage(case) if case.cancer.staging == "breslow" else nodes(case, "p")
    if case.cancer.key == "crc" and case.chance(0.75) and default == "III" and not stage.startswith("III"):
        stage, tn = "III", rng.choice(("pT3N1", "T3N1", "pT3 N1", "pT4aN1", "T3N1M0", "pT3N2"))
    stage_words(case, stage, tn)
    if "colon" in str(case.slots["dx"]) and case.chance(0.15):
        case.slots["dx"] = case.say("adenocarcinoma")
        case.record["cancer_type"] = "colon adenocarcinoma"
        if "resection" in named:
            named, case.slots["op"] = "right hemicolectomy", "right hemicolectomy"
        options = tuple(one for one in openings("early") if "operation" in one.tells)
    else:
        options = openings("early")
    parts: Parts = [("open", open_note(case, options))]
    case.record["stage"] = stage
    if "operation" not in case.told:
        parts.append(("tx", case.pick(given["surgery"])))
    if not case.told & {"stage", "tnm"}:
        if case.chance(0.95):
            parts.insert(len(parts) if case.chance(0.6) else 1, ("stage", case.pick(opening["path_staged"])))
        else:
            case.record["stage"] = None
    if "tnm" in case.told:
        case.record["stage"] = (
            {**GENERAL_STAGE, **COLON_STAGE}.get(tn.replace(" ", "").replace("M0", "").removeprefix("p"), stage)
            if case.cancer.staging != "breslow"
            else stage
        )
    return named, parts


def _tell_resected(case: Case) -> tuple[str, Parts]:
    """A resected tumour whose operation the note does not name."""
    stage, tn = melanoma_stage(case) if case.cancer.staging == "breslow" else nodes(case, "p")
    if case.cancer.key == "crc" and case.chance(0.7) and not stage.startswith("III"):
        stage, tn = "III", case.rng.choice(("pT3N1", "T3N1", "pT3 N1", "pT4aN1", "T3N1M0", "pT3N2"))
    stage_words(case, stage, tn)
    text = case.say(choose([(one.weight, one.text) for one in openings("resected")], case.rng))
    parts: Parts = [("open", text)]
    case.record["stage"] = stage
    if f"stage {stage}" not in text.lower().replace(stage.lower(), stage):
        parts.append(("stage", case.pick(opening["path_staged"])))
    return "operation", parts


NO_FURTHER = "[Adjuvant [chemotherapy|therapy|treatment] was [discussed and declined|not recommended|not given|considered but not given|deferred]|{S} [declined|opted against|elected surveillance without] adjuvant [chemotherapy|therapy]|No [adjuvant|systemic] therapy was [given|recommended|indicated]|The team [elected|recommended] surveillance [alone|without adjuvant therapy]|No adjuvant [chemotherapy|radiation|systemic therapy] [was |]planned]"


def surgery(case: Case) -> Parts:
    """An operation alone."""
    case.sites = []
    case.slots["setting"] = "surgery"
    set_targets(case)
    named, parts = _tell_operation(case, "I")
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
            if case.chance(0.4) and "operation" not in case.told:
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
    parts.append(("resp", outcomes.tell(case, choose(((70, "ned"), (24, "operated"), (5, "pending")), case.rng))))
    case.record["metastasis_site"] = None
    return parts


def thyroid(case: Case) -> Parts:
    """Thyroid surgery, at times radioactive iodine."""
    case.sites = []
    set_targets(case)
    named, parts = _tell_operation(case, "I")
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
