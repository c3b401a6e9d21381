"""Labelled notes out of a file, into a store, out of it again, and back: the two exports are the same bytes."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from hypothesis import strategies as st

from app.exporting.choice import Choice
from app.exporting.writing import export_pieces
from data.arrival.labels import read_labels
from data.limits import MAX_ID_CHARACTERS
from data.notes import Note, NoteError, make_note, read_notes
from data.task import SPECIAL_TOKEN, load_task
from db.notes.notes import add_notes
from db.review.decisions import submit
from db.store.store import Session, Store
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import person_in, program_in

TASK = load_task()
FORMS: tuple[Literal["jsonl", "csv"], ...] = ("jsonl", "csv")
SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

# What formats take for something else: separators, quotes, line ends of every kind, formula signs and their escape,
# marks of an encoding, characters of several code points, and words that other readers take for no value.
PIECES = st.sampled_from(
    [
        *("=", "+", "-", "@", "\t", "\r", "\n", "\r\n", "'", "''", "'=", "＝", '"', '""', '","', ",", ";"),
        *("|", "\\", "\\n", "\\u0000", "<|", "|>", "{", "]"),
        *("\x0b", "\x0c", "\x1c", "\x1e", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "\uffff"),
        *("e\u0301", "é", "ß", "İ", "ﬁ", "🧬", "👩\u200d⚕\ufe0f", "\U0010ffff", "\u202e", "\ue000"),
        *("null", "None", "NaN", "true", "0", "007", "1e5", "=cmd|' /C calc'!A0", "@SUM(1)", "w", " ", "  "),
    ]
)  # fmt: skip
TEXT = st.lists(PIECES | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=8).map("".join)


def _is_note(text: str) -> bool:
    try:
        make_note(TASK, text)
    except NoteError:
        return False
    return True


def _is_id(text: str) -> bool:
    try:
        make_note(TASK, "w", external_id=text)
    except NoteError:
        return False
    return len(text) <= MAX_ID_CHARACTERS


VALUES = st.none() | TEXT.filter(lambda text: "\0" not in text and not SPECIAL_TOKEN.search(text))
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.tuples(TEXT, TEXT).map("w".join).filter(_is_note) | TEXT.filter(_is_note),
            "id": st.none() | TEXT.filter(_is_id),
            "output": st.fixed_dictionaries(dict.fromkeys(TASK.keys, VALUES)),
        }
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda record: make_note(TASK, record["text"]).text_hash,
)


class _Undo(Exception):  # noqa: N818 - never leaves this module: it rolls a transaction back
    pass


@contextmanager
def store_of_tests():
    """A store that every case finds empty."""
    with tempfile.TemporaryDirectory() as folder, empty_store(Path(folder, "caseloop.db")) as store:
        yield store


def foreign_file(form: str, records: list[dict[str, Any]]) -> bytes:
    """The records as somebody else would have written them."""
    if form == "jsonl":
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["id", "text", *TASK.keys])
    for record in records:
        writer.writerow([record["id"], record["text"], *(record["output"][key] for key in TASK.keys)])
    return out.getvalue().encode()


def come_back(store: Store, form: Literal["jsonl", "csv"], records: list[dict[str, Any]]) -> None:
    """Import, export, import and export; raises AssertionError where anything is not what it was."""
    first_notes, first = through(store, form, foreign_file(form, records))
    second_notes, second = through(store, form, first)
    assert second == first
    for record, one, two in zip(records, first_notes, second_notes, strict=True):
        assert one.text == two.text == record["text"].replace("\r\n", "\n").replace("\r", "\n")
        # Words for no value are none; `tests/data/test_labels.py` says which.
        assert one.gold == two.gold == read_labels({"output": record["output"]}, TASK).extraction
        given = (record["id"] or "").strip() or None
        assert one.external_id == given
        assert two.external_id == given
        assert one.content_hash == two.content_hash
    if form == "csv":
        for row in csv.reader(io.StringIO(first.decode(), newline="")):
            assert not any(cell.startswith(SIGNS) for cell in row)


def through(store: Store, form: Literal["jsonl", "csv"], raw: bytes) -> tuple[list[Note], bytes]:
    """The notes of a file, and what is exported once a person has submitted each as it stands."""
    path = store.path.with_name(f"notes.{form}")
    path.write_bytes(raw)
    found = list(read_notes(path, TASK, original=True))
    notes = [one for one in found if isinstance(one, Note)]
    assert notes == found, [one.sentence for one in found if not isinstance(one, Note)]
    out = b""
    try:
        with store.transaction() as session:
            _review(session, notes)
            out = b"".join(export_pieces(session, TASK, Choice(form)))
            raise _Undo
    except _Undo:
        return notes, out


def _review(session: Session, notes: list[Note]) -> None:
    added = add_notes(program_in(session), notes)
    assert (added.n_added, added.n_originals) == (len(notes), len(notes))
    for number, note in zip(added.note_ids, notes, strict=True):
        assert note.gold is not None
        submit(person_in(session, "ada"), note_id=number, status="submitted", extraction=note.gold, seen_revision=0,
               token=f"token-{number}")  # fmt: skip
