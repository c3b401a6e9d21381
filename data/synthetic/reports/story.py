"""One patient's story: facts, the sentences that tell them, and the record, by blocks that a report puts in order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date

from data.synthetic.abstracts.case import join_phrases
from data.synthetic.grammar import chance, choose, expand
from data.synthetic.reports import findings
from data.synthetic.reports.tables import ORGANS, PHRASES, SYNONYMS, TUMOURS, WORDS, Tumour

NUMBERS = ("Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
OUTCOMES = (
    (28, "ned", "no evidence of disease"),
    (27, "died", "died"),
    (16, "recurrence", "recurrence"),
    (10, "pr", "partial response"),
    (9, "cr", "complete response"),
    (8, "pd", "progression"),
    (5, "sd", "stable disease"),
    (1, "mixed", "mixed response"),
)
LABELS = {key: label for _, key, label in OUTCOMES}
# An operation that was all that was done leaves no lesion to measure.
UNMEASURED = ("ned", "died", "recurrence")
WEIGHTED = tuple((tumour.w, tumour) for tumour in TUMOURS)


@dataclass
class Story:
    """What is known of one patient.

    Attributes:
        rng: the note's own random numbers.
        tumour: the group of tumours.
        slots: words for templates.
        record: field key to value.
        blocks: block name to its sentences, in the order of telling.
        stains: markers and whether they are positive or negative, where a sentence tells them.
        stain_sentence: that sentence.
        regimens: sentences that tell of drugs given, and how they write them.
        touched: organs that no section of a long note may call normal.
        day: when the patient of a long note was admitted or seen.
        weight: kilograms.
    """

    rng: random.Random
    tumour: Tumour
    slots: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    record: dict[str, str | None] = field(default_factory=dict)
    blocks: dict[str, list[str]] = field(default_factory=dict)
    stains: list[tuple[str, str]] = field(default_factory=list)
    stain_sentence: str = ""
    regimens: list[tuple[str, str]] = field(default_factory=list)
    touched: frozenset[int] = frozenset()
    day: date = date(2015, 1, 1)
    weight: float = 70

    def tell(self, block: str, key: str) -> None:
        """Add one sentence of the phrases `key` to a block."""
        self.blocks.setdefault(block, []).append(self.say(key))

    def say(self, key: str) -> str:
        """One sentence of the phrases `key`."""
        options = PHRASES[key]
        draw_numbers(self)
        return expand(options[int(self.rng.random() * len(options))], self.slots, self.rng)


def draw_numbers(story: Story) -> None:
    """Put fresh numbers into the slots, so that no two sentences share them by accident."""
    rng, slots = story.rng, story.slots
    months = rng.randint(2, 12)
    slots.update(
        months=str(months),
        months_c=NUMBERS[months - 2],
        weeks=str(rng.randint(2, 9)),
        years=str(rng.randint(2, 15)),
        year=str(rng.randint(1998, 2023)),
        cm=f"{rng.randint(1, 14)}.{rng.randint(0, 9)}",
        cm2=f"{rng.randint(1, 9)}.{rng.randint(0, 9)}",
        d=str(rng.randint(1, 8)),
        d2=str(rng.randint(10, 48)),
        d3=str(rng.randint(60, 99)),
        hb=f"{rng.randint(7, 15)}.{rng.randint(0, 9)}",
        wbc=f"{rng.randint(3, 15)}.{rng.randint(0, 9)}",
        plt=str(rng.randint(90, 460)),
        crp=str(rng.randint(1, 98)),
        ecog=str(rng.randint(0, 2)),
        pack=str(rng.randint(5, 60)),
        shrink=str(rng.randint(30, 80)),
        age2=str(rng.randint(38, 84)),
        nodes=str(rng.randint(3, 38)),
        letter=rng.choice("ABCDEFGHJKLMNPRSTW"),
    )


def new_story(rng: random.Random) -> Story:
    """Somebody with a tumour, nothing told yet."""
    story = Story(rng, choose(WEIGHTED, rng))
    tumour, slots = story.tumour, story.slots
    sex = tumour.sex or rng.choice("mf")
    age = rng.randint(*tumour.ages)
    child = "boy" if sex == "m" else "girl"
    slots.update(WORDS)
    slots["person"] = WORDS["man" if sex == "m" else "woman"] if age >= 18 else child
    slots["title"] = "Mr." if sex == "m" else rng.choice(("Mrs.", "Ms."))
    slots["s"], slots["S"] = ("he", "He") if sex == "m" else ("she", "She")
    slots["his"], slots["His"] = ("his", "His") if sex == "m" else ("her", "Her")
    slots["people"] = tuple(f"{word} " for word in WORDS["people"]) if chance(0.4, rng) else ""
    slots["age"], slots["sy"], slots["at"] = str(age), rng.choice(tumour.sy), rng.choice(tumour.at)
    others = rng.sample([word for word in WORDS["other"] if sex == "m" or word != "prostate cancer"], 2)
    slots["other"], slots["other2"] = others[0], others[1]
    slots["otherrx"] = rng.choice(("surgery", "tamoxifen", "chemotherapy", "radiotherapy", "mastectomy", "imatinib"))
    for key, n in (("ill", 2), ("med", 3)):
        for at, word in enumerate(rng.sample(WORDS[key], n)):
            slots[key if at == 0 else f"{key}{at + 1}"] = word
    slots["drug"] = rng.choice(WORDS["drug"])
    slots["drug_c"] = _upper(str(slots["drug"]))
    _draw_name(story)
    return story


def _draw_name(story: Story) -> None:
    rng, tumour = story.rng, story.tumour
    name = rng.choice(tumour.names)
    label = SYNONYMS.get(name, name)
    fits = "carcinoma" in name and not any(word in name for word in ("small cell", "anaplastic", "differentiated"))
    if tumour.kind == "solid" and fits and name[0].islower() and chance(0.16, rng):
        grade = rng.choice(WORDS["grade"])
        if grade.split()[0].split("-")[0] not in name:
            name, label = f"{grade} {name}", f"{label} ({grade})"
    story.slots["name"], story.slots["label"] = name, label


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def tell_cancer(story: Story) -> None:
    """The diagnosis, in the first sentence or in one of its own."""
    rng = story.rng
    story.record["cancer_type"] = str(story.slots["label"])
    if chance(0.4, rng):
        story.tell("open", "known")
        if chance(0.3, rng):
            story.tell("dx", "diagnosis")
    else:
        story.tell("open", "open")
        story.tell("dx", "diagnosis")
    if story.tumour.kind == "solid" and chance(0.06, rng):
        _tell_second(story)


def _tell_second(story: Story) -> None:
    """A second primary; the record names both."""
    sex = story.slots["s"]
    others = [one for one in TUMOURS if one is not story.tumour and one.sex in ("", "m" if sex == "he" else "f")]
    name = story.rng.choice(story.rng.choice([one for one in others if one.kind == "solid"]).names)
    story.slots["name2"] = name
    story.tell("dx", "second")
    story.record["cancer_type"] = f"{story.slots['label']}; {SYNONYMS.get(name, name)}"


def tell_spread(story: Story) -> bool:
    """Metastases, or that there are none; whether they were found late."""
    rng, tumour = story.rng, story.tumour
    spread = tumour.mets and (tumour.always_spread or chance(0.6, rng))
    if not spread:
        if chance(0.5, rng) and tumour.kind != "blood":
            story.tell("spread", "nomets")
        return False
    n_sites = choose(((58, 1), (27, 2), (11, 3), (4, 4)), rng)
    # The usual sites stand first.
    ranked = [(1 / (rank + 2), organ) for rank, organ in enumerate(tumour.mets)]
    sites: list[str] = []
    while len(sites) < min(n_sites, len(tumour.mets)):
        organ = choose(ranked, rng)
        if organ not in sites:
            sites.append(organ)
    adjectives = join_phrases([rng.choice(ORGANS[site][0]) for site in sites], rng)
    noun = rng.choice(("metastases", "metastases", "metastasis", "metastatic lesions", "metastatic disease"))
    story.slots["m_n"], story.slots["m_n_c"] = f"{adjectives} {noun}", _upper(f"{adjectives} {noun}")
    story.slots["m_p"] = join_phrases([rng.choice(ORGANS[site][1]) for site in sites], rng)
    late = chance(0.3, rng) and not tumour.always_spread
    story.tell("late" if late else "spread", "mets_later" if late else "mets")
    story.record["metastasis_site"] = ", ".join(sites)
    if tumour.kind == "solid" and sites != ["lymph nodes"]:
        story.record["stage"] = "IV"
    elif chance(0.3, rng):
        story.blocks["spread"] = [*story.blocks.get("spread", []), "There was no evidence of distant metastasis."]
    return late


def tell_stage(story: Story) -> None:
    """The stage in words, where the note has one."""
    rng, tumour = story.rng, story.tumour
    if tumour.kind == "brain" or story.tumour.always_spread or not chance(0.24, rng):
        return
    metastatic = story.record.get("stage") == "IV"
    if "leuk" in str(story.slots["label"]) or "myel" in str(story.slots["label"]):
        return
    group = (
        choose(((20, "IV"), (4, "IVB"), (4, "IVA"), (2, "IIIB"), (2, "IIA")), rng)
        if metastatic
        else rng.choice(("I", "IA", "IB", "II", "IIA", "IIB", "III", "IIIA", "IIIB", "IIIC", "IC"))
    )
    prefix = "Ann Arbor stage " if tumour.kind == "blood" and chance(0.5, rng) else ""
    words = rng.choice((f"stage {group}", f"stage {group}", f"clinical stage {group}"))
    label = group
    if prefix:
        words, label = f"{prefix}{group}", f"Ann Arbor {group}"
    elif tumour.figo and chance(0.6, rng):
        words = f"FIGO stage {group}"
    story.slots["stage_group"] = group
    tnm = f"{rng.choice(('p', 'c', ''))}T{rng.choice(('1', '1b', '2', '2a', '3', '3a', '4'))}N{rng.choice('001')}M0"
    spaced = tnm.replace("N", " N").replace("M", " M") if chance(0.4, rng) else tnm
    kind = rng.random()
    if kind < 0.34 and not metastatic and tumour.kind == "solid":
        story.slots["st"], label = spaced, tnm
        sentence = expand(rng.choice(PHRASES["stage"][:2]), story.slots, rng)
    else:
        story.slots["st"] = f"{words} ({spaced})" if kind < 0.5 and not metastatic and not prefix else words
        options = PHRASES["stage"][:2] if prefix else PHRASES["stage"]
        sentence = expand(rng.choice(options), story.slots, rng)
    story.record["stage"] = label
    story.blocks.setdefault("stage", []).append(sentence)


def _regimen(story: Story) -> tuple[str, str]:
    """How the note writes a regimen, and its label."""
    rng = story.rng
    label = rng.choice(story.tumour.rx)
    drugs = label.split(" and ")
    if len(drugs) == 2 and "," not in label and chance(0.4, rng):
        return rng.choice((" plus ", "/", " + ", " combined with ", " in combination with ")).join(drugs), label
    if len(drugs) == 1 and label[0].islower() and " " not in label and chance(0.15, rng):
        return f"{label} ({rng.choice(('20 mg/m2', '400 mg daily', '75 mg/m2', '80 mg/day', '6 mg/kg'))})", label
    return label, label


def tell_treatment(story: Story, late: bool) -> list[str]:
    """What was done, in order; its labels."""
    rng, tumour, slots = story.rng, story.tumour, story.slots
    done: list[str] = []
    spread = story.record.get("metastasis_site") and not late
    p_op = 0.0 if not tumour.op else 0.4 if spread else 0.85
    if chance(0.12, rng) and tumour.rx:
        _treat(story, "rx", done)
    if chance(p_op, rng):
        op = rng.choice(WORDS["generic_op"] if chance(0.2, rng) else tumour.op)
        if chance(0.12, rng) and len(tumour.op) > 1:
            second = rng.choice([other for other in tumour.op if other != op])
            slots["op"], done[len(done) :] = f"{op} and {second}", [f"{op} and {second}"]
        else:
            slots["op"], done[len(done) :] = op, [op]
        slots["op_c"] = _upper(str(slots["op"]))
        story.tell("tx", "op")
    if _may_follow(story, done) and chance(0.14, rng):
        slots["op"] = rng.choice([other for other in tumour.op if other not in done])
        slots["op_c"] = _upper(str(slots["op"]))
        done.append(str(slots["op"]))
        story.tell("tx", "op")
    wants = 0.85 if spread or not done else 0.5
    for _ in range(3):
        if not chance(wants, rng):
            break
        wants = 0.5
        _treat(story, "loc" if chance(0.28, rng) else "rx", done)
    return list(dict.fromkeys(done))


def _may_follow(story: Story, done: list[str]) -> bool:
    """Whether an operation was done and another one could follow."""
    return any(one in story.tumour.op for one in done) and len(set(story.tumour.op) - set(done)) > 0


def _treat(story: Story, kind: str, done: list[str]) -> None:
    rng, slots = story.rng, story.slots
    if kind == "loc" or not story.tumour.rx:
        words = rng.choice(story.tumour.loc if story.tumour.loc and chance(0.5, rng) else WORDS["generic_loc"])
        label = words
    elif chance(0.25, rng):
        words = label = rng.choice(WORDS["generic_rx"])
    else:
        words, label = _regimen(story)
    slots["rx"] = words
    plain = kind == "loc" or words in WORDS["generic_rx"]
    if plain:
        template = "{S} [received|was treated with|underwent|was given] {rx}[ for {weeks} weeks|]."
        draw_numbers(story)
        story.blocks.setdefault("tx", []).append(expand(template, slots, rng))
    elif chance(0.15, rng):
        sentence = story.say("adjuvant")
        story.blocks.setdefault("tx", []).append(sentence)
        for word in ("djuvant", "alliative"):
            if f" {word}" not in sentence and word in sentence.split(words)[0].split()[-1]:
                kind_word = "adjuvant" if word == "djuvant" else "palliative"
                label = f"{'neo' if 'eoadjuvant' in sentence else ''}{kind_word} {label}"
    else:
        story.tell("tx", "rx")
        sentence = story.blocks["tx"][-1]
        if not sentence.startswith("We "):
            story.regimens.append((sentence, words))
    done.append(label)


def tell_outcome(story: Story, treatments: list[str], late: bool) -> None:
    """How it went on, where the note says it."""
    rng = story.rng
    if late:
        story.record["response"] = "recurrence" if treatments else "progression"
        if chance(0.5, rng):
            return
    if not chance(0.58, rng):
        if chance(0.6, rng):
            story.tell("end", "open_end")
        return
    drugs = any(one not in WORDS["generic_op"] and one not in story.tumour.op for one in treatments)
    outcome = choose([(w, key) for w, key, _ in OUTCOMES if drugs or key in UNMEASURED], rng)
    if not treatments and outcome in ("ned", "recurrence"):
        outcome = "died"
    if story.record.get("stage") == "IV" and outcome == "ned" and chance(0.6, rng):
        outcome = "died" if chance(0.5, rng) else "pr" if drugs else "died"
    story.tell("end", outcome)
    story.record["response"] = LABELS[outcome]


def write_story(rng: random.Random) -> Story:
    """One story of a patient with cancer, with its record; fields are often not told."""
    story = new_story(rng)
    if chance(0.95, rng):
        tell_cancer(story)
    else:
        story.tell("open", "bare")
    late = tell_spread(story)
    tell_stage(story)
    findings.tell_markers(story)
    findings.tell_genes(story)
    if chance(0.87, rng):
        treatments = tell_treatment(story, late)
        story.record["treatment"] = "; ".join(treatments) or None
    else:
        treatments = []
        if chance(0.5, rng):
            story.tell("tx", "not_given")
    tell_outcome(story, treatments, late)
    if chance(0.7, rng):
        story.tell("imaging", "imaging")
    return story
