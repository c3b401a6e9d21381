"""Sections of long notes that answer nothing about the patient's own tumour: histories, lists, tables, courses, references."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta

from data.synthetic.abstracts.case import capital
from data.synthetic.grammar import chance, expand
from data.synthetic.reports.grids import draw, laboratory, some_day, written_date
from data.synthetic.reports.story import Story, draw_numbers
from data.synthetic.reports.tables import LONG_LISTS, LONG_SECTIONS, WORDS, LongSection

# What a sentence must not call normal where the story has something there.
ORGANS = (
    ("liver", "hepat", "cholangio"),
    ("lung", "pulmon", "bronch", "hilum", "lobe", "respirat", "chest"),
    ("pleura", "hemithorax"),
    ("brain", "cerebr", "crani", "neuro", "glio", "gait", "weakness"),
    ("node", "nodal", "lymph"),
    ("spleen", "splen", "lymphoma"),
    ("pancrea",),
    ("kidney", "renal", "nephr", "ureter"),
    ("adrenal",),
    ("thyroid", "neck", "laryn"),
    ("breast", "mamm"),
    ("bowel", "colon", "rect", "cecum", "sigmoid", "intest", "jejun", "appendi", "anal"),
    ("bladder", "urothel", "genito"),
    ("prostat",),
    ("uter", "ovar", "cervi", "endometr", "vulv", "vagin", "labi"),
    ("skin", "cutan", "melano", "scalp"),
    ("bone", "bony", "spin", "skelet", "vertebr", "femur", "sacr", "osteo", "sarcoma"),
    ("periton", "oment", "ascit", "abdom", "gastr", "stomach", "free fluid"),
    ("heart", "cardi"),
    ("gallbladder", "bile", "cholecyst"),
    ("mouth", "tongue", "oral", "tonsil", "palat", "gingiv"),
    ("testi", "genital", "peni"),
    ("mediast", "thym"),
    ("eye", "orbit", "uvea", "choroid"),
    ("nasal", "sinus", "nose"),
)
# Relatives: their cancers, and how old they are or were against the patient, in years.
RELATIVES = (
    ("Mother", "f", 17, 38),
    ("Father", "m", 17, 38),
    ("Brother", "m", -9, 8),
    ("Sister", "f", -9, 8),
    ("Maternal aunt", "f", 8, 30),
    ("Paternal uncle", "m", 8, 30),
    ("Cousin", "", -9, 8),
)
FATES = (
    "[{kin}, diagnosed at {then}|died of {kin} at {then}|{kin}, treated with [surgery|chemotherapy|radiotherapy]]",
    "[{kin} at {then}, [surgery|chemotherapy]|survivor of {kin}]",
    "[myocardial infarction at {then}|stroke at {then}|type 2 diabetes|hypertension|osteoporosis]",
    "[alive and well|in good health|died at {then} of pneumonia|asthma]",
)
OF_ONE_SEX = {"f": ("prostate cancer",), "m": ("breast cancer",), "": ("prostate cancer", "breast cancer")}
PUBLISHED_TREATMENT = "[surgery|surgery|radiotherapy|chemotherapy|none|surgery, chemotherapy|{drug}|surgery, {drug}]"
PUBLISHED_OUTCOME = (
    "[alive at {d2} months|died after {months} months|lost to follow-up|recurrence at {d2} months|alive with disease]"
)
SERIES = ("Table 2. Cases published before", "Previously reported patients", "Table. Other cases in the literature")
SERVICES = ("General Medicine", "Surgery", "Oncology", "Hematology and Oncology", "Internal Medicine B", "Ward 7 East")
TITLES = ("DISCHARGE SUMMARY", "CONSULTATION", "Progress note", "CLINIC NOTE", "Discharge letter", "TRANSFER SUMMARY")


def fits(story: Story, sentence: str) -> bool:
    """Whether a sentence says nothing of the organs and complaints of the story."""
    low = sentence.lower()
    touched: frozenset[int] = story.touched
    if any(any(stem in low for stem in ORGANS[at]) for at in touched):
        return False
    return not any(word in low for word in str(story.slots["sy"]).lower().split() if len(word) > 5)


def touched_organs(story: Story) -> frozenset[int]:
    """Which of ORGANS the story speaks of."""
    told = [*story.record.values(), *(sentence for block in story.blocks.values() for sentence in block)]
    words = (
        f"{story.slots['at']} {story.slots['sy']} {story.slots['name']} {' '.join(one or '' for one in told)}".lower()
    )
    return frozenset(at for at, stems in enumerate(ORGANS) if any(stem in words for stem in stems))


def say(story: Story, template: str) -> str:
    """One text of a template, with fresh numbers."""
    draw_numbers(story)
    rng, slots = story.rng, story.slots
    slots["year"] = str(story.day.year - rng.randint(0, 14))
    slots["kg"] = f"{story.weight + rng.uniform(-1.4, 1.4):.1f}"
    return expand(template, story.slots, story.rng)


def sentences_of(story: Story, section: LongSection) -> list[str]:
    """Some sentences of a section that suit the patient."""
    rng, sex = story.rng, "m:" if story.slots["s"] == "he" else "f:"
    options = [one for one in section.of if one[1:2] != ":" or one.startswith(sex)]
    n = min(len(options), rng.randint(*section.n))
    # Lists of findings keep their order from head to foot.
    chosen = [options[at] for at in sorted(rng.sample(range(len(options)), n))]
    if section.as_ != "lines":
        rng.shuffle(chosen)
    said = (say(story, one.removeprefix(sex)) for one in chosen)
    return [capital(one) for one in said if section.name in LONG_LISTS["unchecked"] or fits(story, one)]


def list_items(story: Story, items: Iterable[str], mark: str) -> str:
    """Items below one another, each behind a mark; numbers where the mark is "1"."""
    return "\n".join(f"{at}. {item}" if mark == "1" else f"{mark}{item}" for at, item in enumerate(items, 1))


def _medicines(story: Story) -> str:
    rng = story.rng
    chosen = rng.sample(LONG_LISTS["medicines"], rng.randint(5, 13))
    if story.slots["s"] == "she":
        chosen = [one for one in chosen if "tamsulosin" not in one]
    rows = [say(story, one).split(" | ") for one in chosen]
    if chance(0.4, rng):
        return draw([["Drug", "Dose", "Frequency", "For"], *rows], rng)
    lines = [
        f"{capital(name)} {dose} {often}" + (f" ({why})" if chance(0.3, rng) else "") for name, dose, often, why in rows
    ]
    return "; ".join(lines) + "." if chance(0.25, rng) else list_items(story, lines, rng.choice(("- ", "1", "", "* ")))


def _family(story: Story) -> str:
    rng, rows = story.rng, []
    for who, sex, younger, older in sorted(rng.sample(RELATIVES, rng.randint(3, 6)), key=RELATIVES.index):
        age = int(str(story.slots["age"])) + rng.randint(younger, older)
        story.slots["then"] = str(min(91, max(24, age if age < 92 else rng.randint(66, 91))))
        story.slots["kin"] = tuple(word for word in WORDS["other"] if word not in OF_ONE_SEX[sex])
        rows.append([who, say(story, rng.choice(FATES))])
    if chance(0.25, rng):
        return draw([["Relative", "Illness"], *rows], rng)
    if chance(0.4, rng):
        return "; ".join(f"{who.lower()}: {what}" for who, what in rows) + "."
    return list_items(story, (f"{who}: {what}" for who, what in rows), rng.choice(("- ", "", "* ")))


def _labs(story: Story) -> str:
    return laboratory(story.rng, story.rng.randint(7, 18), story.day)


def _days(story: Story) -> str:
    """What happened on the ward; each thing goes through its steps in order."""
    rng = story.rng
    way, by_date = rng.randint(0, 3), chance(0.5, rng)
    tracks = [track.split(" > ") for track in LONG_LISTS["days"]]
    lines = []
    for at in range(rng.randint(4, 13)):
        name = written_date(story.day + timedelta(days=at), way) if by_date else f"Day {at + 1}"
        chosen = rng.sample(tracks, min(len(tracks), rng.randint(2, 4)))
        if not chosen:
            break
        lines.append(f"{name}: {'. '.join(say(story, track.pop(0)) for track in chosen)}.")
        tracks = [track for track in tracks if track]
    return "\n".join(lines)


def _visits(story: Story) -> str:
    rng = story.rng
    way, steps = rng.randint(0, 3), [timedelta(days=rng.randint(20, 120)) for _ in range(rng.randint(3, 8))]
    day = story.day - sum(steps, timedelta(days=14))
    seen: set[str] = set()
    lines = []
    for step in steps:
        chosen = sorted(rng.sample(range(len(LONG_LISTS["visits"])), rng.randint(3, 6)))
        said = [one for at in chosen if (one := say(story, LONG_LISTS["visits"][at])) not in seen]
        seen.update(said)
        lines.append(f"{written_date(day, way)}: {'. '.join(said or ['Seen briefly'])}.")
        day += step
    return "\n".join(lines)


def _series(story: Story) -> str:
    """Other patients, published before: whatever was given to them, and how they fared, is not the patient's."""
    rng = story.rng
    sex = story.tumour.sex.upper() or "[M|F]"
    rows = [["Author", "Year", "Age/sex", "Size (cm)", "Treatment", "Outcome"]]
    for name in sorted(rng.sample(LONG_LISTS["surnames"], rng.randint(4, 9))):
        cells = ("{year}", f"{{age2}}/{sex}", "{cm}", PUBLISHED_TREATMENT, PUBLISHED_OUTCOME)
        rows.append([f"{name} et al.", *(say(story, cell) for cell in cells)])
    return f"{rng.choice(SERIES)}\n{draw(rows, rng)}"


def _references(story: Story) -> str:
    rng, names = story.rng, LONG_LISTS["surnames"]
    lines = []
    for at in range(1, rng.randint(5, 20) + 1):
        authors = ", ".join(f"{name} {rng.choice('ABEGHJKLMPRST')}" for name in rng.sample(names, rng.randint(1, 3)))
        title = capital(say(story, rng.choice(LONG_LISTS["titles"])))
        page = rng.randint(1, 980)
        year = rng.randint(story.day.year - 20, story.day.year)
        where = f"{rng.choice(LONG_LISTS['journals'])} {year};{rng.randint(3, 88)}:{page}-{page + rng.randint(2, 9)}"
        lines.append(f"{at}. {authors}{', et al' if chance(0.5, rng) else ''}. {title}. {where}.")
    return "\n".join(lines)


# name: (in which notes, weight, how often at most, headings, what writes it)
WRITTEN: dict[str, tuple[str, float, int, tuple[str, ...], Callable[[Story], str]]] = {
    "medicines": (
        "cl",
        14,
        1,
        ("MEDICATIONS", "Current medications", "Home medications", "Medication list"),
        _medicines,
    ),
    "family": ("cp", 9, 1, ("FAMILY HISTORY", "Family history", "FH"), _family),
    "labs": ("cpl", 16, 2, ("LABORATORY DATA", "Laboratory results", "Labs", "LABORATORY"), _labs),
    "days": ("cpl", 10, 1, ("HOSPITAL COURSE", "Course by day", "Ward course", "Daily notes"), _days),
    "visits": ("cl", 10, 1, ("OUTPATIENT VISITS", "Previous visits", "Primary care notes", "Visit log"), _visits),
    "series": ("p", 8, 1, ("PREVIOUS CASES", "Published cases", "Literature"), _series),
    "references": ("p", 14, 1, ("REFERENCES", "References", "Literature cited"), _references),
}


def header(story: Story) -> str:
    """The lines above a hospital's note."""
    rng = story.rng
    day, way = story.day, rng.randint(0, 3)
    lines = [
        rng.choice(TITLES),
        f"Admitted: {written_date(day, way)}",
        f"Service: {rng.choice(SERVICES)}",
        f"Age: {story.slots['age']}",
    ]
    if chance(0.6, rng):
        lines.insert(2, f"Discharged: {written_date(day + timedelta(days=rng.randint(3, 28)), way)}")
    if chance(0.7, rng):
        lines.append(f"Reason: {story.slots['sy']}")
    return rng.choice(("\n", "\n", "   ")).join(lines)


def prepare(story: Story) -> None:
    """Words for the sections: other people's cancers, and drugs that the patient did not get."""
    given = (story.record.get("treatment") or "").lower()
    drugs = tuple(drug for drug in WORDS["drug"] if drug not in given)
    story.slots["other"] = story.slots["other2"] = WORDS["other"]
    story.slots["other_c"] = tuple(capital(word) for word in WORDS["other"])
    story.slots["drug"], story.slots["drug_c"] = drugs, tuple(capital(drug) for drug in drugs)
    story.touched = touched_organs(story)
    # Everything else happened in the last year that the facts name, or before it.
    told = " ".join(sentence for block in story.blocks.values() for sentence in block)
    day, years = some_day(story.rng), [int(year) for year in re.findall(r"\b(?:19|20)\d\d\b", told)]
    story.day = day.replace(year=max(years)) if years else day
    is_man = story.slots["s"] == "he"
    story.slots["height"] = str(story.rng.randint(163, 191) if is_man else story.rng.randint(152, 178))
    story.weight = story.rng.uniform(61, 96) if is_man else story.rng.uniform(48, 84)


SECTIONS = {section.name: section for section in LONG_SECTIONS}
