"""Sections of long notes that answer nothing about the patient's own tumour: histories, lists, tables, courses, references."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from data.synthetic.case import capital
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
RELATIVES = ("Mother", "Father", "Older brother", "Younger sister", "Maternal aunt", "Paternal uncle", "Grandmother")
FATES = (
    "[{other}, diagnosed at {age2}|died of {other} at {age2}|{other}, treated with {otherrx}]",
    "[{other} at {age2}, {otherrx}|survivor of {other}]",
    "[myocardial infarction at {age2}|stroke at {age2}|type 2 diabetes|hypertension|dementia]",
    "[alive and well|healthy at {age2}|died at {age2} of pneumonia|asthma]",
)
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
    return [capital(one) for one in said if section.name in UNCHECKED or fits(story, one)]


UNCHECKED = frozenset(
    ("social", "consults", "plan", "nursing", "boiler", "gross", "cassettes", "methods", "requisition")
    + ("background", "argument", "statements")
)


def listed(story: Story, items: Iterable[str], mark: str) -> str:
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
    return "; ".join(lines) + "." if chance(0.25, rng) else listed(story, lines, rng.choice(("- ", "1", "", "* ")))


def _family(story: Story) -> str:
    rng = story.rng
    rows = [[who, say(story, rng.choice(FATES))] for who in rng.sample(RELATIVES, rng.randint(3, 6))]
    if chance(0.25, rng):
        return draw([["Relative", "Illness"], *rows], rng)
    if chance(0.4, rng):
        return "; ".join(f"{who.lower()}: {what}" for who, what in rows) + "."
    return listed(story, (f"{who}: {what}" for who, what in rows), rng.choice(("- ", "", "* ")))


def _labs(story: Story) -> str:
    return laboratory(story.rng, story.rng.randint(8, 20))


def _days(story: Story) -> str:
    rng = story.rng
    first, way, by_date = some_day(rng), rng.randint(0, 3), chance(0.5, rng)
    lines = []
    for at in range(rng.randint(4, 11)):
        name = written_date(first + timedelta(days=at), way) if by_date else f"Day {at + 1}"
        said = [say(story, one) for one in rng.sample(LONG_LISTS["days"], rng.randint(2, 4))]
        lines.append(f"{name}: {'. '.join(said)}.")
    return "\n".join(lines)


def _visits(story: Story) -> str:
    rng = story.rng
    day, way = some_day(rng), rng.randint(0, 3)
    lines = []
    for _ in range(rng.randint(3, 8)):
        chosen = sorted(rng.sample(range(len(LONG_LISTS["visits"])), rng.randint(3, 6)))
        said = [say(story, LONG_LISTS["visits"][at]) for at in chosen]
        lines.append(f"{written_date(day, way)}: {'. '.join(said)}.")
        day += timedelta(days=rng.randint(20, 120))
    return "\n".join(lines)


def _series(story: Story) -> str:
    """Other patients, published before: whatever was given to them, and how they fared, is not the patient's."""
    rng = story.rng
    rows = [["Author", "Year", "Age/sex", "Tumor", "Treatment", "Outcome"]]
    for name in sorted(rng.sample(LONG_LISTS["surnames"], rng.randint(4, 9))):
        tumour, treatment = say(story, "{other}"), say(story, "[surgery|radiotherapy|{drug}|none|surgery, {drug}]")
        outcome = say(
            story,
            "[alive at {d2} months|died after {months} months|lost to follow-up|recurrence at {d2} months|alive with disease]",
        )
        rows.append([f"{name} et al.", say(story, "{year}"), say(story, "{age2}/[M|F]"), tumour, treatment, outcome])
    return f"{rng.choice(('Table 2. Cases published before', 'Previously reported patients', 'Table. Other cases in the literature'))}\n{draw(rows, rng)}"


def _references(story: Story) -> str:
    rng, names = story.rng, LONG_LISTS["surnames"]
    lines = []
    for at in range(1, rng.randint(5, 14) + 1):
        authors = ", ".join(f"{name} {rng.choice('ABEGHJKLMPRST')}" for name in rng.sample(names, rng.randint(1, 3)))
        title = capital(say(story, rng.choice(LONG_LISTS["titles"])))
        page = rng.randint(1, 980)
        where = f"{rng.choice(LONG_LISTS['journals'])} {rng.randint(1995, 2022)};{rng.randint(3, 88)}:{page}-{page + rng.randint(2, 9)}"
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
    "labs": ("cpl", 16, 3, ("LABORATORY DATA", "Laboratory results", "Labs", "LABORATORY"), _labs),
    "days": ("cpl", 10, 2, ("HOSPITAL COURSE", "Course by day", "Ward course", "Daily notes"), _days),
    "visits": ("cl", 10, 2, ("OUTPATIENT VISITS", "Previous visits", "Primary care notes", "Visit log"), _visits),
    "series": ("p", 8, 1, ("PREVIOUS CASES", "Published cases", "Literature"), _series),
    "references": ("p", 14, 1, ("REFERENCES", "References", "Literature cited"), _references),
}
ORDER = (
    ("requisition", "background", "past", "surgical", "medicines", "family", "social", "screening", "visits", "ros")
    + ("exam", "labs", "radiology", "tests", "gross", "cassettes", "methods", "days", "consults", "nursing", "plan")
    + ("argument", "series", "statements", "references", "boiler")
)


def header(story: Story) -> str:
    """The lines above a hospital's note."""
    rng = story.rng
    day, way = some_day(rng), rng.randint(0, 3)
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


SECTIONS = {section.name: section for section in LONG_SECTIONS}
