"""One case while it is written: who, what was found, what was done; the sentences and the record together."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from data.synthetic.findings import Fact
from data.synthetic.findings.biomarkers import marker_fact
from data.synthetic.findings.genes import brca_fact, gene_fact
from data.synthetic.findings.receptors import breast_facts
from data.synthetic.grammar import chance, expand, pick, weighted
from data.synthetic.invented import invented_drug
from data.synthetic.lexicon.cancers import Cancer
from data.synthetic.lexicon.drugs import BRANDS, DOSES, FRAMES, JOIN2, JOIN3, JOIN4
from data.synthetic.lexicon.organs import RARE, SITES
from data.synthetic.phrases.asides import RELATIVES
from data.synthetic.phrases.response import SAW

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
LIMBS = (
    "upper back",
    "left forearm",
    "right forearm",
    "scalp",
    "right calf",
    "left shoulder",
    "trunk",
    "left thigh",
    "right upper arm",
    "chest wall",
    "lower leg",
    "right shoulder",
    "left heel",
    "neck",
    "left calf",
    "flank",
    "abdomen",
    "left cheek",
    "back",
    "right thigh",
)
VERTEBRAE = ("T8", "L3", "T12", "L1", "T6", "L4", "T10", "C5", "L2", "T4", "S1")


@dataclass
class Case:
    """What is known of one case, and what the record says of it.

    Attributes:
        rng: the note's own random numbers.
        cancer: the tumour type.
        slots: words for templates.
        record: field key to value.
        sites: organs with metastases, in order.
        genes: alterations.
        markers: biomarker phrases that still have to be told.
        treatments: what was given, in order.
        told: what the sentences have told so far.
    """

    rng: random.Random
    cancer: Cancer
    slots: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    record: dict[str, str | None] = field(default_factory=dict)
    sites: list[str] = field(default_factory=list)
    genes: list[Fact] = field(default_factory=list)
    markers: list[Fact] = field(default_factory=list)
    marker_label: str | None = None
    treatments: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    invents: bool = False

    def say(self, template: str) -> str:
        """One text of a template."""
        return expand(template, self.slots, self.rng)

    def pick(self, options: tuple[str, ...]) -> str:
        """One text of one of several templates."""
        return pick(options, self.slots, self.rng)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return chance(probability, self.rng)


def new_case(cancer: Cancer, rng: random.Random) -> Case:
    """A patient with this tumour; genes, markers and organs drawn, nothing told yet."""
    case = Case(rng, cancer)
    sex = cancer.sex if cancer.sex != "b" else rng.choice("mmf" if cancer.key in ("lung", "crc", "melanoma") else "mf")
    low, high = cancer.ages
    age = str(min(high, max(low, round(rng.triangular(low, high, (low + high) / 2)))))
    male = sex == "m"
    noun = rng.choice(
        ("male", "man", "man", "male", "gentleman") if male else ("female", "woman", "woman", "female", "lady")
    )
    subject: tuple[str, ...] = (
        ("He",) * 7 + ("Patient", "The patient", "Pt") if male else ("She",) * 7 + ("Patient", "The patient", "Pt")
    )
    subject = (
        rng.choice((subject, subject, ("He" if male else "She",), ("Patient", "The patient")))
        if chance(0.9, rng)
        else ("Patient",)
    )
    case.slots = {
        "age": age,
        "noun": noun,
        "S": subject,
        "s": "he" if male else "she",
        "who": _who(age, noun, male, rng),
        "has": ("with",) * 9
        + (
            "who has",
            "known to have",
            "being treated for",
            "followed for",
            "carrying a diagnosis of",
            "with a diagnosis of",
            "under treatment for",
            "seen for",
            "having",
            "admitted with",
            "referred for",
            "currently treated for",
            "living with",
            "whose diagnosis is",
            "now with",
        ),
        "side": rng.choice(("left", "right")),
        "limb": rng.choice(LIMBS),
        "cm": f"{rng.randint(8, 68) / 10}",
        "kg": str(rng.randint(4, 14)),
        "month": rng.choice(MONTHS),
        "year": str(rng.randint(2017, 2025)),
        "d": str(rng.choice((2, 3, 4, 4, 6, 6, 6, 8, 12)))
        if chance(0.6, rng)
        else rng.choice(("three", "four", "six", "two", "eight", "several")),
        "dn": str(rng.choice((2, 3, 4, 6, 6, 8, 12))),
        "n": str(rng.choice((3, 4, 5, 6, 6, 7, 8, 9, 10, 12, 12, 14, 18))),
        "wk": str(rng.choice((6, 8, 8, 8, 8, 9, 10, 12, 12))),
        "day": str(rng.randint(1, 28)),
        "low": f"0.{rng.randint(2, 9)}",
        "psa": str(rng.choice((12, 18, 34, 46, 78, 120, 160, 240))),
        "vertebra": rng.choice(VERTEBRAE),
        "ecog": rng.choice(("0", "1", "1", "2")),
        "py": str(rng.choice((10, 15, 20, 30, 40, 45))),
        "hb": f"{rng.randint(80, 148) / 10}",
        "g12": rng.choice("12"),
        "age2": str(rng.randint(38, 82)),
        "relative": RELATIVES,
    }
    case.slots["n_c"] = str(case.slots["n"]).capitalize()
    for key, source in (("symptom", cancer.symptoms), ("mass", cancer.masses)):
        case.slots[key] = expand(rng.choice(source), case.slots, rng)
    _, label, texts = weighted([(row[0], row) for row in cancer.names], rng)
    case.slots["dx"] = expand(rng.choice(texts), case.slots, rng)
    case.record["cancer_type"] = label
    case.invents = chance(0.16, rng)
    _draw_genes(case)
    _draw_markers(case)
    _draw_sites(case)
    return case


FEATURES = {
    True: (
        "otherwise healthy",
        "retired",
        "previously healthy",
        "right-handed",
        "never-smoking",
        "former-smoking",
        "hypertensive",
        "married",
        "diabetic",
        "active",
        "previously well",
        "healthy",
        "frail",
        "ECOG 1",
        "ambulatory",
        "working",
        "widowed",
        "obese",
        "thin",
        "fit",
        "pleasant",
        "independent",
        "veteran",
    ),
    False: (
        "premenopausal",
        "postmenopausal",
        "otherwise healthy",
        "retired",
        "previously healthy",
        "never-smoking",
        "married",
        "diabetic",
        "active",
        "previously well",
        "healthy",
        "nulliparous",
        "perimenopausal",
        "ECOG 1",
        "ambulatory",
        "working",
        "widowed",
        "obese",
        "thin",
        "fit",
        "pleasant",
        "independent",
        "multiparous",
    ),
}


def _who(age: str, noun: str, male: bool, rng: random.Random) -> str:
    initial, title = rng.choice("ABCDEFGHJKLMNPRSTW"), "Mr." if male else "Ms."
    letter = "M" if male else "F"
    described = f"{rng.choice(FEATURES[male])} {noun}"
    forms: tuple[tuple[float, tuple[str, ...]], ...] = (
        (38, (f"{age}-year-old {described}",)),
        (32, (f"{age}-year-old {noun}",)),
        (6, (f"{age}-year-old",)),
        (
            8,
            (
                f"A {age}-year-old {noun}",
                f"This {age}-year-old {noun}",
                f"{age} year old {noun}",
                f"{age}yo {noun}",
                f"{age} y/o {noun}",
                f"{age}{letter}",
                f"{age}-year-old {letter}",
            ),
        ),
        (8, ("Patient",)),
        (
            5,
            (
                f"Patient is a {age}-year-old {noun}",
                f"The patient is a {age}-year-old {described}",
                f"Pt is a {age}yo {noun}",
                f"This is a {age}-year-old {noun}",
            ),
        ),
        (
            5,
            (
                f"{noun.capitalize()} aged {age}",
                f"{title} {initial}., {age},",
                f"{title} {initial} is a {age}-year-old {noun}",
            ),
        ),
    )
    return rng.choice(weighted(forms, rng))


def _draw_genes(case: Case) -> None:
    cancer, rng = case.cancer, case.rng
    label = weighted(cancer.genes, rng)
    if case.invents and chance(0.35, rng):
        label = "?"
    elif chance(0.07, rng):
        label = "*"
    if label == "brca":
        case.genes = [brca_fact({"ovary": 0.86, "breast": 0.6}.get(cancer.key, 0.12), rng)]
    elif label:
        case.genes = [gene_fact(label, rng)]
    if case.genes and cancer.partners and chance(0.09 if cancer.key != "lung" else 0.13, rng):
        second = rng.choice(cancer.partners)
        # A second change of EGFR is found beside a first one only; of any other gene never.
        if (second.split()[0] == label.split()[0]) == second.startswith("EGFR"):
            fact = gene_fact(second, rng)
            if second == "EGFR T790M" and chance(0.6, rng):
                fact = Fact(
                    second,
                    rng.choice(
                        (
                            "T790M",
                            "acquired T790M",
                            "T790M resistance mutation",
                            "the T790M resistance mutation",
                            "an acquired T790M mutation",
                            "T790M on re-biopsy",
                        )
                    ),
                )
            case.genes.append(fact)
    if case.genes and chance(0.015, rng):
        case.genes.append(gene_fact("*", rng))
    names = list(dict.fromkeys(gene.label for gene in case.genes))
    case.genes = case.genes[: len(names)]
    case.record["gene_mutation"] = "; ".join(names) or None


def _draw_markers(case: Case) -> None:
    cancer, rng = case.cancer, case.rng
    specification = weighted(cancer.markers, rng)
    if specification == "breast":
        case.marker_label, phrases = breast_facts(rng)
        case.markers = [Fact("", phrase) for phrase in phrases]
    else:
        case.markers = [marker_fact(spec, rng) for spec in specification.split(",") if spec]
        case.marker_label = "; ".join(marker.label for marker in case.markers) or None
    if case.invents and chance(0.25, rng):
        extra = marker_fact("?", rng)
        case.markers.append(extra)
        case.marker_label = f"{case.marker_label}; {extra.label}" if case.marker_label else extra.label
    case.record["biomarker"] = case.marker_label


def _draw_sites(case: Case) -> None:
    sites = [site for site in weighted(case.cancer.sites, case.rng).split("+") if site]
    case.sites = [case.rng.choice(RARE) if site == "rare" else site for site in sites]
    if case.sites and chance(0.02, case.rng):
        extra = case.rng.choice(RARE)
        if extra not in case.sites:
            case.sites.append(extra)


def tell_sites(case: Case) -> None:
    """Put the words for the organs into the slots, and what a scan measures."""
    rng, slots = case.rng, case.slots
    phrases = [" ".join(expand(rng.choice(SITES[site].findings), slots, rng).split()) for site in case.sites]
    words = [rng.choice(SITES[site].adjectives) for site in case.sites]
    slots["mets"] = joined(phrases, rng)
    slots["mets_c"] = capital(str(slots["mets"]))
    for index, phrase in enumerate(phrases[:2]):
        slots[f"m{index}"], slots[f"m{index}_c"] = phrase, capital(phrase)
    slots["places"] = joined([rng.choice(SITES[site].places) for site in case.sites], rng)
    slots["organs"] = joined(list(case.sites), rng)
    slots["joint"] = (
        f"{rng.choice(('', '', '', 'multiple ', 'multiple ', 'new ', 'widespread ', 'synchronous ', 'known '))}{joined(words, rng)} {rng.choice(('metastases', 'metastases', 'metastases', 'lesions', 'involvement', 'mets', 'metastatic disease'))}"
    )
    set_targets(case)


def set_targets(case: Case) -> None:
    """What the scan measures: an affected organ, or the primary."""
    rng, slots = case.rng, case.slots
    targets = [rng.choice(SITES[site].targets) for site in case.sites]
    general = [
        "target lesions",
        "the target lesions",
        "measurable disease",
        "all target lesions",
        "index lesions",
        "the primary",
        "the primary tumor",
        "the dominant lesion",
        "known lesions",
        "index lesions",
        "several lesions",
    ]
    if "brain" in case.sites:
        general += [
            "extracranial disease",
            "intracranial and extracranial disease",
            "both intracranial and extracranial lesions",
        ]
    if case.cancer.key == "lung":
        general += [
            "pulmonary nodules",
            "the primary lung lesion",
            "the primary and intracranial lesions" if "brain" in case.sites else "the primary lesion",
            "thoracic disease",
            "lung nodules",
            "the primary mass",
            "pulmonary lesions",
        ] * 2
    if len(targets) > 1 and chance(0.4, rng):
        targets.append(f"both {targets[0].removeprefix('the ')} and {targets[1].removeprefix('the ')}")
    first = rng.choice(targets) if targets and chance(0.75, rng) else rng.choice(general)
    second = rng.choice([target for target in targets + general if target != first])
    slots["t"], slots["t2"], slots["T"] = first, second, capital(first)
    slots["t_b"], slots["t2_b"] = (
        text.removeprefix("the ").removeprefix("all ").removeprefix("both ").removeprefix("several ")
        for text in (first, second)
    )
    elsewhere = [rng.choice(SITES[site].targets) for site in case.sites if site != "brain"]
    slots["o"] = elsewhere[0] if elsewhere else "extracranial disease"
    slots["O"] = capital(str(slots["o"]))
    wk, n, d = slots["wk"], slots["n"], slots["d"]
    slots["when"] = (
        f"at {wk} weeks",
        f"at {wk} weeks",
        f"after {d} cycles",
        f"at {n} months",
        f"after {n} months",
        "",
        "",
        "",
        f"after {wk} weeks",
        "at first follow-up",
        f"at the {wk}-week mark",
    )
    slots["when_c"] = (
        f"{wk}-week",
        f"At {wk} weeks",
        f"After {d} cycles,",
        f"At {n} months",
        f"After {n} months,",
        "Recent",
        "First",
        f"After {d} cycles",
        "Interval",
        "Follow-up",
    )


def sites_told(case: Case, text: str) -> bool:
    """Whether each organ is named among what was measured."""
    return all(any(target.removeprefix("the ") in text for target in SITES[site].targets) for site in case.sites)


def saw(case: Case) -> str:
    """A scan and when, up to what it showed."""
    case.slots["saw"] = " ".join(case.pick(SAW).split()).replace(" ,", ",")
    words = str(case.slots["saw"])
    case.slots["saw_s"] = words if words[:2].isupper() else words[:1].lower() + words[1:]
    return str(case.slots["saw"])


def joined(parts: list[str], rng: random.Random) -> str:
    """Phrases in one: "a", "a and b", "a, b and c"."""
    if len(parts) == 1:
        return parts[0]
    last = rng.choice((" and ", " and ", " and ", " as well as ", " plus ") if len(parts) == 2 else (" and ", ", and "))
    return ", ".join(parts[:-1]) + last + parts[-1]


def capital(text: str) -> str:
    """With a capital at the start, unless the first word is written with one inside (mFOLFOX6)."""
    head = text.split(" ", 1)[0]
    return text if any(c.isupper() for c in head[1:]) else text[:1].upper() + text[1:]


def regimen(case: Case, code: str, *, plain: bool = False) -> tuple[str, str]:
    """A regimen's label and how the note writes it; `code` joins partners by "+"."""
    rng = case.rng
    drugs = code.split("+")
    if case.invents and chance(0.5, rng):
        drugs[rng.randrange(len(drugs))] = invented_drug(rng)
    label = drugs[0] if len(drugs) == 1 else ", ".join(drugs[:-1]) + " and " + drugs[-1]
    written = [drug if plain else _written(drug, rng, len(drugs)) for drug in drugs]
    text = written[0] if len(drugs) == 1 else _partnered(written, rng)
    if not plain and chance(0.24 if code in FRAMES else 0.07, rng):
        frame = rng.choice(
            FRAMES["her2" if "trastuzumab" in drugs and len(drugs) > 1 else code if code in FRAMES else "other"]
        )
        if (
            not (frame.startswith("combination") and text.startswith(("the combination", "combination")))
            and " mg" not in text
        ):
            text = frame.replace("{r}", text)
    return label, text


def _partnered(written: list[str], rng: random.Random) -> str:
    templates = {2: JOIN2, 3: JOIN3, 4: JOIN4}[len(written)]
    return rng.choice(templates).format(**dict(zip("abcd", written, strict=False)))


def _written(drug: str, rng: random.Random, n: int) -> str:
    if drug in DOSES and chance(0.75 if drug == "osimertinib" else 0.12 / n, rng):
        return drug + rng.choice(DOSES[drug])
    if drug in BRANDS and chance(0.03, rng):
        return f"{drug} ({BRANDS[drug]})" if chance(0.6, rng) else f"{BRANDS[drug]} ({drug})"
    if drug in ("FOLFOX", "FOLFIRI") and chance(0.04, rng):
        return drug + {"FOLFOX": " (5-FU/leucovorin/oxaliplatin)", "FOLFIRI": " (5-FU, leucovorin, irinotecan)"}[drug]
    if drug == "docetaxel" and n == 1 and chance(0.2, rng):
        return "docetaxel chemotherapy"
    return drug
