"""From sentences to a note: their order, its heading, its layout, its small faults."""

from __future__ import annotations

import random

from data.synthetic.abstracts.case import Case, capital
from data.synthetic.abstracts.layout import long_note, telegram
from data.synthetic.abstracts.patient import new_case
from data.synthetic.courses import write_course
from data.synthetic.example import FIELDS, Example
from data.synthetic.grammar import chance, choose
from data.synthetic.lexicon.cancers import cancers
from data.synthetic.noise import blur
from data.synthetic.phrases import asides, opening

ORDERS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (40, ("open", "stage", "mets", "mol", "tx", "resp", "tail", "extra")),
    (16, ("open", "stage", "mol", "mets", "tx", "resp", "tail", "extra")),
    (10, ("open", "mets", "stage", "mol", "tx", "resp", "tail", "extra")),
    (6, ("open", "mol", "stage", "mets", "tx", "resp", "tail", "extra")),
    (6, ("open", "stage", "mets", "tx", "resp", "tail", "mol", "extra")),
    (4, ("open", "mol", "tx", "resp", "tail", "mets", "stage", "extra")),
    (4, ("open", "mets", "mol", "tx", "resp", "tail", "stage", "extra")),
    (3, ("open", "tx", "resp", "tail", "mets", "stage", "mol", "extra")),
    (2, ("open", "stage", "tx", "resp", "tail", "mol", "mets", "extra")),
    (2, ("mol", "open", "stage", "mets", "tx", "resp", "tail", "extra")),
)
HEADINGS = {
    "open": ("Dx", "Diagnosis", "Oncologic history", "Background"),
    "stage": ("Stage", "Staging"),
    "mets": ("Sites", "Imaging", "Extent"),
    "mol": ("Molecular", "Pathology/biomarkers", "Markers"),
    "tx": ("Treatment", "Tx", "Therapy"),
    "resp": ("Response", "Status", "Course"),
    "tail": ("Plan", "Further course"),
    "extra": ("Other", "Notes"),
}
SHAPES = ((89, "prose"), (2.5, "columns"), (5.5, "long"), (3, "telegram"))


def write_note(rng: random.Random) -> Example:
    """One note."""
    case = new_case(choose([(cancer.weight, cancer) for cancer in cancers()], rng), rng)
    parts = write_course(case)
    case.record["treatment"] = "; ".join(dict.fromkeys(case.treatments)) or None
    order = choose(ORDERS, rng)
    ranked = sorted(enumerate(parts), key=lambda row: (order.index(row[1][0]), row[0]))
    sentences = [(kind, capital(_tidy(text))) for _, (kind, text) in ranked if text.strip()]
    _distract(case, sentences)
    shape = choose(SHAPES, rng)
    text = _columns(sentences, rng) if shape == "columns" else _prose(case, sentences)
    if shape == "long":
        text = long_note(case, text)
    elif shape == "telegram":
        text = telegram(text, rng)
    return Example(blur(text, case, rng), {key: case.record.get(key) for key in FIELDS})


def _tidy(text: str) -> str:
    text = " ".join(text.split()).strip(" ,;").replace(" ,", ",").replace(" .", ".").replace(" ;", ";")
    return text.replace("adjuvant the combination of ", "adjuvant combination of ").replace(
        "first-line the ", "first-line "
    )


def _distract(case: Case, sentences: list[tuple[str, str]]) -> None:
    long = sum(len(text) for _, text in sentences)
    if long < 330 and case.chance(0.45):
        sentences.insert(case.rng.randint(1, len(sentences)), ("extra", capital(case.pick(asides["distractors"]))))
    if case.chance(0.16 if long < 470 else 0.05):
        sentences.insert(case.rng.randint(1, len(sentences)), ("extra", capital(case.pick(asides["distractors"]))))


def _prose(case: Case, sentences: list[tuple[str, str]]) -> str:
    rng = case.rng
    text = ""
    for _, sentence in sentences:
        if not text:
            text = sentence
        elif rng.random() < 0.05:
            text += "; " + (
                sentence
                if sentence[:2].isupper() or sentence.startswith(("Keytruda", "He ", "She "))
                else sentence[:1].lower() + sentence[1:]
            )
        else:
            text += (". " if text[-1] not in ".!?:" else " ") + sentence
    text += "" if text[-1] in ".!?" else "."
    if chance(0.22, rng):
        genre = rng.choice(opening["genres"])
        text = f"{genre}{rng.choice((': ', ': ', ': ', ': ', ' - ', ': '))}{text}"
    elif chance(0.02, rng):
        text = f"{case.slots['day']} {case.slots['month']} {case.slots['year']}. {text}"
    return text


def _columns(sentences: list[tuple[str, str]], rng: random.Random) -> str:
    lines = [f"{rng.choice(HEADINGS[kind])}: {text}." for kind, text in sentences]
    return rng.choice(("\n", "\n", " | ", "\n- ")).join(lines)
