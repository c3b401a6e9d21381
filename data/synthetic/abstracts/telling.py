"""What every course tells: the opening, findings, lines of therapy with their outcome."""

from __future__ import annotations

from collections.abc import Sequence

from data.synthetic.abstracts import outcomes
from data.synthetic.abstracts.case import Case, capital
from data.synthetic.abstracts.imaging import set_targets
from data.synthetic.abstracts.regimens import regimen
from data.synthetic.grammar import choose
from data.synthetic.phrases import Opening, molecular, opening
from data.synthetic.phrases import response as said
from data.synthetic.phrases import treatment as given

Parts = list[tuple[str, str]]

ADJECTIVAL = ("MSI", "MSS", "microsat", "micro-sat", "dMMR", "mismatch", "deficient", "HRD", "TMB-")


def open_note(case: Case, options: Sequence[Opening]) -> str:
    """The first sentence; what it tells is noted."""
    gene = case.genes[0] if case.genes else None
    # A gene that was inherited is told in a sentence of its own.
    untold = {"gene"} if gene is None or gene.germline else set()
    untold |= set() if case.sites else {"sites"}
    usable = [(option.weight, option) for option in options if not untold & option.tells]
    chosen = choose(usable, case.rng)
    if gene:
        case.slots["g"], case.slots["gene"] = gene.label, gene.phrase
    case.told.update(chosen.tells)
    return case.say(chosen.text)


def stage_words(case: Case, stage: str, node: str = "") -> None:
    """Put a stage and its TNM into the slots."""
    case.slots["stage"], case.slots["tn"] = stage, node
    case.slots["stage_s"] = case.rng.choice((stage, f"stage {stage}", stage))


# -- what was tested ---------------------------------------------------------------------------------------------


def tell_molecular(case: Case) -> list[str]:
    """Sentences on genes and biomarkers, in one or apart."""
    slots, rng = case.slots, case.rng
    sentences: list[str] = []
    genes = case.genes[1:] if "gene" in case.told else case.genes
    somatic = [gene.phrase for gene in genes if not gene.germline]
    germline = [gene.phrase for gene in genes if gene.germline]
    markers = [marker.phrase for marker in case.markers]
    rng.random()
    slots["test"], slots["gtest"] = molecular["test"], molecular["germline_test"]
    slots["test_s"] = tuple(test if test[:2].isupper() else test[:1].lower() + test[1:] for test in molecular["test"])
    slots["found"] = molecular["found"]
    if len(somatic) > 1:
        text = (
            somatic[0]
            + case.say("[ and| with| plus|, with concurrent|, with co-occurring| and concurrent|; additional|, and] ")
            + somatic[1]
        )
        somatic = [text, *somatic[2:]]
    text = "; ".join(somatic)
    marked = case.say("[; |, | and |, and ]").join(markers) if case.cancer.key != "breast" else ", ".join(markers)
    slots["g"], slots["g_c"], slots["k"], slots["k_c"] = text, capital(text), marked, capital(marked)
    if text and marked and case.cancer.key != "breast" and case.chance(0.72):
        sentences.append(case.pick(molecular["both"]))
    else:
        if text:
            sentences.append(case.pick(molecular["gene_only"]))
        if marked and case.cancer.key != "breast":
            sentences.append(
                case.pick(
                    molecular["marker_adj"]
                    if marked.startswith(ADJECTIVAL) and case.chance(0.7)
                    else molecular["marker_only"]
                )
            )
    if text and sentences:
        sentences[-1] += _negatives(case)
    if germline:
        slots["g"], slots["g_c"] = germline[0], capital(germline[0])
        sentences.insert(rng.randint(0, len(sentences)), case.pick(molecular["germline_only"]))
    if not case.genes and case.chance(0.74):
        alone = molecular.group("negative_alone").get(case.cancer.key)
        sentences.insert(
            rng.randint(0, len(sentences)),
            case.pick(alone) if alone and case.chance(0.6) else case.pick(molecular["no_gene"]),
        )
    if not case.markers and case.chance(0.62):
        none = molecular.group("no_marker")
        none_said = none.get(case.cancer.key, none["other"])
        if case.cancer.key not in ("prostate", "ovary", "pancreas") or case.chance(0.25):
            sentences.append(case.pick(none_said))
    return sentences


def _negatives(case: Case) -> str:
    options = molecular.group("negative_genes").get(case.cancer.key)
    if not options or not case.chance(0.13):
        return ""
    negative = case.pick(options)
    label = case.record["gene_mutation"] or ""
    if "RAS" in label and "RAS" in negative:
        return ""
    if any(
        word in label
        for word in ("KRAS", "NRAS", "ALK", "ROS1", "RET", "BRAF", "MET", "T790M", "KIT", "exon 20", "ESR1", "HER2")
        if word in negative
    ):
        return ""
    return case.say("[, | and |; ]") + negative


def tell_receptors(case: Case) -> list[str]:
    """A breast biopsy with its receptors."""
    receptors = ", ".join(marker.phrase for marker in case.markers[:2])
    if case.chance(0.25):
        receptors = case.say("[; | and |, and ]").join(marker.phrase for marker in case.markers[:2])
    extra = [marker.phrase for marker in case.markers[2:]]
    case.slots["r"], case.slots["r_c"] = receptors, capital(receptors)
    options = (
        "Tumor was {r}",
        "The tumor is {r}",
        "Tumor is {r}",
        "{r_c}",
        "Receptors: {r}",
        "Receptor status: {r}",
        "IHC: {r}",
        "[Pathology|Biopsy|Core biopsy|Core needle biopsy] [showed|was|demonstrated|revealed] {r} [disease|tumor|]",
        "[Tumor markers|Biomarkers]: {r}",
        "Immunohistochemistry: {r}",
        "The cancer was {r}",
        "[Core biopsy|Biopsy|Pathology]: {r}",
        "Receptor testing: {r}",
        "On biopsy the tumor was {r}",
    )
    sentence = case.pick(options).rstrip()
    return [sentence, *(capital(text) for text in extra)]


# -- treatment lines ---------------------------------------------------------------------------------------------


def line(case: Case, code: str, *, plain: bool = False) -> str:
    """Add a regimen to the record and put its words into the slots; its words."""
    label, text = regimen(case, code, plain=plain)
    case.treatments.append(label)
    case.slots["rx"], case.slots["rx_c"] = text, capital(text)
    case.slots["line"] = (
        tuple(case.say(line) for line in given["lines"][:3])
        if case.chance(0.3)
        else case.say(case.rng.choice(given["lines"]))
    )
    if "MSI-H" in (case.marker_label or "") and "pembrolizumab" in text and case.chance(0.5):
        case.slots["line"] = case.say(
            "[ given MSI-H status| for MSI-H disease| given the MSI-H result| because of MSI-H status]"
        )
    return text


def start(case: Case) -> str:
    """The sentence that a regimen begins with."""
    chemo = any(
        word in str(case.slots["rx"])
        for word in ("FOL", "platin", "taxel", "gemcitabine", "CAPOX", "pemetrexed", "etoposide", "rubicin", "CHOP")
    )
    if "given MSI-H" in str(case.slots["line"]) and case.chance(0.5):
        case.slots["line"] = ""
        return case.say(
            "[Given MSI-H status|Given the MSI-H result|Because of MSI-H status], {s} [was started on|received|started] {rx}"
        )
    return case.pick(given["cycles"] if chemo and case.chance(0.22) else given["start"])


def tell_lines(case: Case, key: str) -> Parts:
    """One to three lines of systemic therapy with the outcome of the last."""
    rng, cancer = case.rng, case.cancer
    set_targets(case)
    first = choose(cancer.first, rng)
    n_lines = choose(LINES_OF.get(cancer.key, ((70, 1), (26, 2), (4, 3))), rng)
    outcome = outcomes.draw(case, key)
    if n_lines == 1:
        line(case, first)
        return _with_local(case, start(case), outcome)
    second = _tell_other(case, first)
    if n_lines == 3:
        return _tell_three(case, first, second, outcome)
    if case.chance(0.24):
        text = line(case, first)
        case.slots["rx2"] = line(case, second)
        case.slots["rx"] = text
        return finish(case, case.pick(given["prior"]), outcome)
    line(case, first)
    begun = start(case)
    lost = outcome in ("stable", "pending") and case.chance(0.12)
    return _tell_two(case, begun, second, "relapse" if lost else outcome)


def _tell_two(case: Case, begun: str, second: str, outcome: str) -> Parts:
    interim = case.pick(said["interim_progression"] if case.chance(0.75) else said["first_response"])
    responded = "partial response" in interim
    begun = f"{begun} {interim}".rstrip()
    if responded:
        begun += " " + case.pick(said["then_progression"])
    line(case, second)
    if outcome == "relapse":
        # Told in the first line: the second has no outcome of its own.
        if not responded:
            first = case.pick(said["first_response"])
            begun = " ".join((begun.removesuffix(interim).rstrip(), first, case.pick(said["then_progression"])))
        case.record["response"] = outcomes.name_lost(begun)
        joint = case.chance(0.5)
        ending = case.pick(given["switch_join"] if joint else given["switch"])
        return [("tx", glue(begun, ending))] if joint else [("tx", begun), ("tx", ending)]
    if case.chance(0.45):
        return finish(case, glue(begun, case.pick(given["switch_join"])), outcome)
    parts: Parts = [("tx", begun)]
    return parts + finish(case, case.pick(given["switch"]), outcome)


def glue(begun: str, ending: str) -> str:
    """A sentence and its continuation."""
    return begun + ending if ending[0] in ",;" else f"{begun} {ending}"


def _tell_three(case: Case, first: str, second: str, outcome: str) -> Parts:
    third = _tell_other(case, first, second)
    line(case, first)
    begun = start(case)
    line(case, second)
    middle = glue(begun, case.pick(given["switch_join"]))
    line(case, third)
    if outcome == "relapse":
        outcome = "progression"
    return [("tx", middle), *finish(case, case.pick(given["switch"]), outcome)]


def finish(case: Case, sentence: str, outcome: str) -> Parts:
    """A treatment sentence with its outcome, in it or after it; sets the record."""
    ending = outcomes.tail(case, outcome) if case.chance(0.38) else None
    if ending:
        return [
            (
                "tx",
                f"{sentence}{case.say('[,| ]') if ending.startswith('and ') else case.say('[,|,| ]')}".rstrip()
                + f" {ending}",
            )
        ]
    if case.chance(0.10) and outcome in ("partial", "stable", "progression"):
        told = outcomes.tell(case, outcome)
        return [("tx", f"{sentence}; {told if told[1:2].isupper() else told[:1].lower() + told[1:]}")]
    return [("tx", sentence), ("resp", outcomes.tell(case, outcome))]


def _with_local(case: Case, sentence: str, outcome: str) -> Parts:
    """A line of therapy, at times with radiosurgery or radiation beside it."""
    options = None
    if "brain" in case.sites and case.chance({"lung": 0.22, "melanoma": 0.26}.get(case.cancer.key, 0.12)):
        options = choose(tuple(zip((8, 1, 1), given.rows("srs"), strict=True)), case.rng)
    elif "bone" in case.sites and case.chance(0.05):
        options = case.rng.choice(given.rows("bone_local"))
    if options is None:
        return finish(case, sentence, outcome)
    label = options["label"]
    text = case.pick(options["texts"])
    bare = text.removeprefix("and ").strip()
    if case.chance(0.2) and not bare.startswith("with "):
        case.treatments.insert(len(case.treatments) - 1, label)
        before = (
            f"{case.say('[{S}|{S}|Patient]')} {bare}"
            if not bare.startswith(label.split()[0]) and " was " not in bare
            else capital(bare)
        )
        return [("tx", before), *finish(case, sentence, outcome)]
    case.treatments.append(label)
    if bare.startswith("with "):
        return finish(case, f"{sentence} {bare}", outcome)
    own = bare.startswith(label.split()[0]) or " was " in bare
    if case.chance(0.4):
        after = (
            capital(bare)
            if own
            else f"{case.say('[{S}|{S} also|{S} additionally|{S}]')} {bare}".replace("also also", "also")
        )
        return [("tx", sentence), ("tx", after), ("resp", outcomes.tell(case, outcome))]
    return finish(case, f"{sentence}{', and ' if own else ' and '}{bare}", outcome)


def _tell_other(case: Case, *used: str) -> str:
    drugs = {drug for code in used for drug in code.split("+")}
    for _ in range(12):
        code = choose(case.cancer.second, case.rng)
        if not drugs & set(code.split("+")):
            return code
    return case.rng.choice(("docetaxel", "nivolumab", "capecitabine", "topotecan"))


LINES_OF: dict[str, tuple[tuple[float, int], ...]] = {
    "lung": ((88, 1), (11, 2), (1, 3)),
    "breast": ((88, 1), (11, 2), (1, 3)),
    "crc": ((72, 1), (25, 2), (3, 3)),
    "melanoma": ((52, 1), (43, 2), (5, 3)),
    "pancreas": ((66, 1), (32, 2), (2, 3)),
    "esophagus": ((80, 1), (20, 2)),
}


def tell_disease(case: Case, parts: Parts) -> None:
    """Metastases and stage, as far as the opening did not tell them."""
    if "sites" not in case.told and case.sites:
        if case.sites[:2] == ["brain", "bone"] and len(case.sites) == 2 and case.chance(0.4):
            parts.append(("mets", case.pick(opening["brain_bone"])))
        else:
            text = case.pick(opening["mets"])
            if case.cancer.key == "lung" and "lung" not in case.sites and case.chance(0.2):
                # Nodules beside a lung primary are not counted as spread.
                text = case.say(
                    "[Staging|Baseline|Initial] [PET/CT|CT|imaging|scans] [showed|revealed|demonstrated] [multiple bilateral pulmonary nodules|bilateral pulmonary nodules|multiple pulmonary nodules|a {mass}|a {mass} with pulmonary nodules] and {mets}[ consistent with metastasis| consistent with stage IV disease|]"
                )
            parts.append(("mets", text))
    if "stage" not in case.told and case.chance(0.3):
        parts.append(("stage", case.pick(opening["stage4"])))


def maintenance(case: Case, begun: str, outcome: str, drug: str = "olaparib") -> Parts:
    """Maintenance after chemotherapy; the label repeats the note's word order."""
    label, _ = regimen(case, drug, plain=True)
    phrase = case.say(
        f"[maintenance {label}|maintenance {label}|{label} maintenance|{label} maintenance|{label} maintenance|maintenance therapy with {label}]"
    )
    name = f"{label} maintenance" if phrase == f"{label} maintenance" else f"maintenance {label}"
    if case.cancer.key == "pancreas" and case.treatments[-1].endswith("FOLFIRINOX"):
        case.treatments[-1] = f"{case.treatments[-1]} followed by {name}"
    else:
        case.treatments.append(name)
    case.slots["m"], case.slots["m_c"] = phrase, capital(phrase)
    if case.chance(0.5):
        return finish(case, glue(begun, case.pick(given["maintenance"])), outcome)
    return [("tx", begun), *finish(case, case.pick(given["maintenance_own"]), outcome)]
