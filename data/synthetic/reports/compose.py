"""From a story to a note: which style, in which order, between how much else, with which faults of typing or scanning."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable

from data.synthetic.example import FIELDS, Example
from data.synthetic.grammar import chance, choose, expand
from data.synthetic.reports.grids import add_table, is_table, run_on
from data.synthetic.reports.long import write_long
from data.synthetic.reports.pathology import write_pathology
from data.synthetic.reports.scan import break_lines, scan
from data.synthetic.reports.story import Story, new_story, write_story
from data.synthetic.reports.tables import WORDS

STYLES = ((56, "published"), (24, "clinic"), (20, "pathology"))
ORDER = (
    "open",
    "history",
    "exam",
    "labs",
    "imaging",
    "dx",
    "ihc",
    "gene",
    "spread",
    "stage",
    "tx",
    "late",
    "end",
    "general",
)
# What fills a note up to its length: phrases, and the block that they belong to.
FILLERS = (
    (20, "history", "history"),
    (5, "family", "history"),
    (4, "past_cancer", "history"),
    (18, "exam", "exam"),
    (14, "labs", "labs"),
    (9, "imaging", "imaging"),
    (10, "general", "general"),
    (3, "not_given", "tx"),
    (4, "open_end", "tx"),
    (10, "chores", "end"),
)
HEADINGS = {
    "open": ("HISTORY OF PRESENT ILLNESS", "Case report", "Presenting complaint", "HPI", "Reason for visit"),
    "history": ("PAST MEDICAL HISTORY", "History", "Past history", "PMH / family history"),
    "exam": ("PHYSICAL EXAMINATION", "Examination", "On examination", "Review and examination"),
    "labs": ("LABORATORY DATA", "Labs", "Investigations"),
    "imaging": ("IMAGING", "Radiology", "Studies"),
    "dx": ("PATHOLOGY", "Diagnosis", "Histology"),
    "ihc": ("IMMUNOHISTOCHEMISTRY", "Markers", "IHC"),
    "gene": ("MOLECULAR", "Genetics", "Molecular findings"),
    "spread": ("STAGING", "Extent of disease"),
    "stage": ("STAGE", "Staging"),
    "tx": ("TREATMENT", "Management", "Course of treatment", "ONCOLOGIC HISTORY"),
    "late": ("COURSE", "Follow-up"),
    "end": ("PLAN", "Outcome", "Assessment and plan", "IMPRESSION"),
    "general": ("DISCUSSION", "Comment", "Discussion"),
}

CASE_HEADINGS = {
    "open": ("Case presentation", "Case report", "Case"),
    "tx": ("Treatment", "Clinical course", "Management"),
    "end": ("Outcome", "Follow-up"),
}
LONG = 0.08  # of the reports are long
TABLE = 0.17  # of the reports hold a table of their own
ADULT = 18  # years
LONG_PAGE = 5000  # characters


def write_report(rng: random.Random) -> Example:
    """One note in the style of real ones; its record holds what the note says and no more."""
    style = choose(STYLES, rng)
    is_long = chance(LONG, rng)
    if chance(0.07, rng):
        story = _benign_story(rng)
        style = "published" if style == "pathology" else style
    elif style == "pathology":
        return _pathologist(rng, is_long=is_long)
    else:
        story = write_story(rng)
        while is_long and int(str(story.slots["age"])) < ADULT:  # the sections of long notes are of adults
            story = write_story(rng)
    if chance(TABLE, rng):
        add_table(story)
    if is_long:
        text = write_long(story, style, _pieces(story, style))
    else:
        _fill(story, style, _length(rng))
        text = _clinic(story) if style == "clinic" else _write_published(story)
    return Example(_tidy(text), {key: story.record.get(key) for key in FIELDS})


def _pathologist(rng: random.Random, *, is_long: bool) -> Example:
    story, text = write_pathology(rng)
    if is_long:
        # Each part as it stands, with its own heading.
        text = write_long(story, "pathology", [("", part) for part in re.split(r"\n(?=[A-Z ]+:\n)", text)])
    scanned = scan(text, rng)
    # A page whose values cannot be read any more would ask for names that it does not hold.
    scanned = scanned if _readable(text, scanned, [*story.record.values(), str(story.slots["name"])]) else text
    return Example(_tidy(scanned), {key: story.record.get(key) for key in FIELDS})


def _pieces(story: Story, style: str) -> list[tuple[str, str]]:
    """The facts of a long note in one to five pieces, with headings."""
    rng = story.rng
    parts = [(block, run_on(sentences)) for block, sentences in _sentences(story, ORDER)]
    cuts = sorted(rng.sample(range(1, len(parts)), min(len(parts) - 1, rng.randint(0, 4))))
    headings = CASE_HEADINGS if style == "published" else HEADINGS
    pieces = []
    for start, end in zip([0, *cuts], [*cuts, len(parts)], strict=True):
        heading = rng.choice(headings.get(parts[start][0], HEADINGS[parts[start][0]]))
        pieces.append((heading, run_on([text for _, text in parts[start:end]])))
    return pieces


def _readable(text: str, scanned: str, values: Iterable[str | None]) -> bool:
    """Whether every word of the values that stood in the text stands in the scanned one too."""
    words = {word for value in values if value for word in re.findall(r"[\w.-]+", value.lower())}
    before, after = text.lower(), scanned.lower()
    # In a long page the same word may stand elsewhere: each of its stands counts.
    is_long = len(text) > LONG_PAGE
    return all(
        after.count(word) >= before.count(word) if is_long and len(word) > 3 else word in after
        for word in words
        if word in before
    )


def _length(rng: random.Random) -> int:
    """How many characters a note is to have at least: 300 to 12,000, half of them under a thousand."""
    return int(min(12_000, max(200, math.exp(rng.gauss(6.75, 0.75)))))


def _benign_story(rng: random.Random) -> Story:
    """Something that looked like cancer and is none: every field stays empty."""
    story = new_story(rng)
    story.slots["benign"] = rng.choice(WORDS["benign"])
    story.tell("open", "open")
    story.tell("imaging", "imaging")
    suspicion = "[{name_p} was suspected|A malignant tumor was suspected|Metastasis was suspected|The differential diagnosis included {name}]."
    found = "[Histology revealed|Pathology showed|The final diagnosis was|Biopsy was consistent with] {benign}[ without evidence of malignancy|. No malignant cells were found|]."
    story.slots["name_p"] = str(story.slots["name"])[:1].upper() + str(story.slots["name"])[1:]
    story.blocks["dx"] = [expand(text, story.slots, rng) for text in (suspicion, found)]
    story.tell("spread", "nomets")
    if chance(0.4, rng):
        story.blocks["tx"] = ["The lesion was excised and the patient recovered."]
    return story


def _fill(story: Story, style: str, length: int) -> None:
    """Add sentences that answer nothing until the note has its length."""
    rng = story.rng
    seen: set[str] = {sentence for block in story.blocks.values() for sentence in block}
    total = sum(len(sentence) + 1 for sentence in seen)
    for _ in range(160):
        if total >= length:
            return
        key, block = choose([(weight, (key, block)) for weight, key, block in FILLERS], rng)
        if (style == "published" and key == "chores") or (key == "imaging" and not story.record.get("cancer_type")):
            continue
        if key == "not_given" and story.record.get("treatment") and "drug" not in story.slots:
            continue
        if block == "history" and key != "history" and len(story.blocks.get("history", ())) > 5:
            continue
        sentence = story.say(key)
        if _contradicts(story, sentence) or sentence[:24] in {one[:24] for one in seen}:
            continue
        seen.add(sentence)
        story.blocks.setdefault(block, []).append(sentence)
        total += len(sentence) + 1


def _contradicts(story: Story, sentence: str) -> bool:
    """Whether a sentence that is only filling denies what the record holds, or names one of its treatments."""
    given = (story.record.get("treatment") or "").lower()
    if (
        "inoperable" in sentence
        or "not possible" in sentence
        or "not feasible" in sentence
        or "declined" in sentence
        or "refused" in sentence
    ):
        return bool(given)
    return bool(given) and str(story.slots["drug"]) in given and str(story.slots["drug"]) in sentence.lower()


def _sentences(story: Story, order: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    return [(block, story.blocks[block]) for block in order if story.blocks.get(block)]


def _write_published(story: Story) -> str:
    rng = story.rng
    parts = _sentences(story, ORDER)
    if chance(0.2, rng) and parts[-1][0] == "general":
        parts.insert(0, parts.pop())
    paragraphs = [run_on(sentences) for _, sentences in parts]
    if sum(map(len, paragraphs)) < 1400 or chance(0.4, rng):
        text = " ".join(paragraphs)
    else:
        text = paragraphs[0]
        for paragraph in paragraphs[1:]:
            text += rng.choice((" ", " ", "\n", "\n\n")) + paragraph
        if chance(0.3, rng):
            text = f"{rng.choice(('Case presentation', 'Case report', 'CASE', 'Case 1'))}\n{text}"
    has_table = any(is_table(sentence) for _, sentences in parts for sentence in sentences)
    return break_lines(text, rng) if chance(0.08, rng) and not has_table else text


def _clinic(story: Story) -> str:
    rng = story.rng
    order = list(ORDER)
    if chance(0.3, rng):
        order.remove("tx")
        order.insert(1, "tx")
    layout = choose(((5, "headed"), (3, "commas"), (2, "bullets"), (2, "letter")), rng)
    parts = _sentences(story, tuple(order))
    lines: list[str] = []
    for block, sentences in parts:
        heading = rng.choice(HEADINGS[block])
        if layout == "bullets":
            lines.append(f"{heading}:\n" + "\n".join(one.strip() if is_table(one) else f"- {one}" for one in sentences))
        elif layout == "letter":
            lines.append(run_on(sentences))
        else:
            lines.append(f"{heading}: {run_on(sentences)}")
    if layout == "commas":
        return ",".join(line.replace(": ", ":,  ", 1) for line in lines)
    if layout == "letter":
        start = f"Dear {rng.choice(('colleague', 'Dr. Miller', 'Doctor', 'Dr. Chen'))},\n"
        thanks = rng.choice(("Thank you for referring this patient. ", "I saw your patient in clinic today. ", ""))
        return f"{start}{thanks}{rng.choice((chr(10), ' ', chr(10) * 2)).join(lines)}\n{rng.choice(('Kind regards', 'Yours sincerely', 'With best wishes'))}"
    between = ("\n", "\n\n") if layout == "bullets" else ("\n", "\n\n", "\n", " ")
    return rng.choice(between).join(lines)


def _tidy(text: str) -> str:
    text = re.sub(r"\b([Aa]) (?=[aeiou8](?!ni|ro|re))", r"\1n ", text)
    text = re.sub(r"(?m) +([.,;])", r"\1", text)
    return re.sub(r"(?<=[a-z)][.!?] )(?<!y\.o\. )([a-z])", lambda match: match.group(1).upper(), text)
