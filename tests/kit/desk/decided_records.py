"""A desk where people have decided, made up from a seed; its export, brought into another desk and exported again."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.exporting.choice import Choice
from app.exporting.formats import Format
from app.exporting.writing import export_pieces
from app.importing.decisions import DecisionReport, import_decisions
from data.notes import NoteError, make_note
from data.suggestion import Grounding, Span, Suggestion
from data.task import SPECIAL_TOKEN, Extraction, load_task
from db.notes.identity import Rules
from db.notes.notes import add_notes
from db.notes.queue.overlap import Overlap
from db.notes.suggestions import add_suggestion
from db.review.decisions import submit
from db.review.overlap_changes import set_overlap
from db.review.trials import begin_trial
from db.store.store import Session, Store
from tests.kit.desk.permits import person_in, program_in

TASK = load_task()
STATUSES = ("submitted", "skipped", "flagged")
PEOPLE = ("ada", "Bo Ängström", "eve@ward", "local", "李")
WORDS = (
    *("Report", "melanoma", "stage IV", "BRAF V600E", "ER+", "HER2-", "<1%", "≥", "Ki-67", "lung", "pembrolizumab"),
    *("=1+1", "+", "-", "@x", "\t", "\r", "\n", "\r\n", "'", "''", '"', '","', ",", ";", "|", "\\", "\\n", "_x000D_"),
    *("\x0b", "\x1f", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "e\u0301", "é", "ß", "🧬", "👩\u200d⚕\ufe0f"),
    *("\U0010ffff", "null", "None", "NaN", "N/A", "true", "007", "1e5", "癌", "\u202e", " ", "  ", "\uffff"),
)  # fmt: skip
METADATA = (None, "", "007", 7, 1.5, True, ["a", 1, None], {"ward": "3 B", "n": [1]}, "2026-01-31", "=1+1")
N_BATCH = 100
_START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def words(draw: random.Random, most: int) -> str:
    """A text of whatever formats take for something else."""
    return "".join(draw.choice(WORDS) for _ in range(draw.randrange(most + 1)))


def _text(draw: random.Random, number: int) -> str:
    while True:
        text = f"{words(draw, 6)}w{number}{words(draw, 12)}"
        try:
            return make_note(TASK, text).text
        except NoteError:
            continue


def _id(draw: random.Random, number: int) -> str | None:
    while True:
        name = draw.choice((None, f"00{number}", f"{words(draw, 3)}{number}", str(number)))
        try:
            make_note(TASK, "w", external_id=name)
        except NoteError:
            continue
        return name


def values(draw: random.Random, text: str) -> Extraction:
    """Values, some of them words of the note."""
    found: dict[str, str | None] = {}
    for key in TASK.keys:
        start = draw.randrange(len(text))
        value = draw.choice((None, words(draw, 3), text[start : start + 9], "melanoma"))
        found[key] = None if value is None or SPECIAL_TOKEN.search(value) else value
    return Extraction(TASK, found)


def fill(store: Store, n: int, seed: int = 0) -> None:
    """Add `n` notes that people decided about: with and without suggestions, ids, metadata, opinions, trials."""
    draw = random.Random(seed)
    for first in range(0, n, N_BATCH):
        with store.transaction() as session:
            set_overlap(person_in(session), Overlap(0.1, 2))
            some = range(first, min(n, first + N_BATCH))
            notes = [
                make_note(
                    TASK,
                    _text(draw, number),
                    external_id=_id(draw, number),
                    metadata={f"key {k}": draw.choice(METADATA) for k in range(draw.randrange(4))},
                )
                for number in some
            ]
            source = Rules(source=draw.choice(("", "lab")))
            for note_id, note in zip(add_notes(program_in(session), notes, source).note_ids, notes, strict=True):
                _decide(session, draw, note_id, note.text)


def _decide(session: Session, draw: random.Random, note_id: int, text: str) -> None:
    suggested = _suggestion(draw, text) if draw.random() < 0.7 else None
    number = add_suggestion(program_in(session), note_id, suggested) if suggested else None
    decided = values(draw, text)
    if suggested is not None:
        decided = Extraction(TASK, {k: draw.choice((v, suggested.extraction[k])) for k, v in decided.items()})
    status = draw.choices(STATUSES, (8, 1, 1))[0]
    who = draw.sample(PEOPLE, 2)
    if draw.random() < 0.1:
        begin_trial(person_in(session, who[0]), note_id=note_id, kind="blind")
    for round_, by in enumerate(who):
        saved = submit(
            person_in(session, by),
            note_id=note_id,
            status=status,  # type: ignore[arg-type]
            extraction=decided,
            seen_revision=0,
            token=f"token-{note_id}-{round_}",
            suggestion_id=number,
            comment=words(draw, 4),
            lead_time_ms=draw.randrange(10**6),
            settled=[key for key in TASK.keys if draw.random() < 0.5],
            decided_at=_START + timedelta(seconds=note_id, microseconds=draw.randrange(10**6)),
        )
        if saved.annotation_id is not None:
            return


def _suggestion(draw: random.Random, text: str) -> Suggestion:
    extraction = values(draw, text)
    filled = [key for key, value in extraction.items() if value is not None]
    spans = {}
    for key in filled:
        start = draw.randrange(len(text))
        spans[key] = (Span(start, min(len(text), start + 5)),) if draw.random() < 0.8 else ()
    return Suggestion(
        extraction,
        {key: draw.random() for key in filled},
        "{}",
        draw.choice(("embedded", "run-0001")),
        1,
        12,
        evidence=spans,
        grounding={key: draw.choice((*Grounding,)) for key in filled},
    )


def exported(store: Store, form: Format, **chosen: Any) -> bytes:
    """An export of everything that people decided, with how it came about."""
    choice = Choice(form, **{"with_provenance": True, "statuses": STATUSES, **chosen})
    with store.reading() as session:
        return b"".join(export_pieces(session, TASK, choice))


def records(store: Store, **chosen: Any) -> list[dict[str, Any]]:
    """The same as records, without what counts at each desk anew."""
    found = [json.loads(line) for line in exported(store, "jsonl", **chosen).splitlines()]
    for record in found:
        del record["provenance"]["revision"]
    return found


def brought(store: Store, path: Path, **settings: Any) -> DecisionReport:
    """What came of a file's decisions; nothing of it was refused."""
    report = import_decisions(store, TASK, [path], **settings)
    assert report.sentences() == [], report.sentences()[:3]
    return report
