"""Which notes are there already: the same id and exactly the same text, see `data.identity`.

A record without an id is the note with its text, whatever id that has: its own, where one without an id is there, or
else the one that was there first. A record with an id is never a note of another id, nor one without: it becomes a note
of its own, and the import says how many did. So nothing is merged without a word, and importing twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy.orm import Session

from data.notes import Note
from db.schema.dialects import is_postgres

Meeting = Literal["new", "known", "labels"]


@dataclass(slots=True, eq=False)
class Entry:
    """A note that is in the store, or that is about to be.

    Attributes:
        number: its number in the store; 0 for one that was not stored.
        is_bare: whether it has no labels.
        is_new: whether it was not in the store when it was met.
        note: what is to be stored of a new one; a preview, which stores nothing, lets go of it.
    """

    number: int
    is_bare: bool
    is_new: bool = False
    note: Note | None = None


N_PLACES = 100
"""Places that are kept of each kind."""


@dataclass
class Likenesses:
    """Of the new notes of an import, those that are like another note.

    Attributes:
        n_copies: have exactly the text of another note, under another id.
        n_namesakes: have the id of another note, with another text.
        copies: where the first of these were read.
        namesakes: where the first of those were read.
    """

    n_copies: int = 0
    n_namesakes: int = 0
    copies: list[str] = field(default_factory=list)
    namesakes: list[str] = field(default_factory=list)

    def add(self, others: Likenesses) -> None:
        """Count those of another batch in."""
        self.n_copies += others.n_copies
        self.n_namesakes += others.n_namesakes
        self.copies += others.copies[: N_PLACES - len(self.copies)]
        self.namesakes += others.namesakes[: N_PLACES - len(self.namesakes)]

    def note_copy(self, place: str) -> None:
        """Count a note with another's text."""
        self.add(Likenesses(n_copies=1, copies=[place]))

    def note_namesake(self, place: str) -> None:
        """Count a note with another's id."""
        self.add(Likenesses(n_namesakes=1, namesakes=[place]))


class Known:
    """The notes that records are compared with: those of the store and those met before.

    An import makes one for each batch, since what was before is in the store by then; a preview keeps one throughout.
    """

    def __init__(self) -> None:
        self.likenesses = Likenesses()
        self._of_text: dict[str, dict[str | None, Entry]] = {}
        self._ids: dict[str, str | None] = {}  # to one text that goes by it; None for one of the store

    def look_up(self, session: Session, notes: Collection[Note]) -> None:
        """Read from the store what records may be the same as."""
        of_text = self._of_text
        hashes = {note.text_hash for note in notes} - of_text.keys()
        columns = "id, text_hash, external_id, gold IS NULL"
        rows = _select(session, columns, "text_hash", hashes)
        for number, hashed, external_id, is_bare in sorted(rows, key=itemgetter(0)):  # the oldest of a text first
            of_text.setdefault(hashed, {})[external_id] = Entry(number, bool(is_bare))
        new = [note.external_id for note in notes if note.external_id not in of_text.get(note.text_hash, ())]
        ids = {external_id for external_id in new if external_id is not None} - self._ids.keys()
        for external_id, hashed in _select(session, "external_id, text_hash", "external_id", ids):
            self._ids[external_id] = hashed

    def meet(self, note: Note) -> tuple[Entry, Meeting]:
        """The note that a record is, and whether it is new, known, or known and given labels by this record."""
        same_text = self._of_text.get(note.text_hash)
        if same_text is None:
            same_text = self._of_text[note.text_hash] = {}
        entry = same_text.get(note.external_id)
        if entry is None and note.external_id is None and same_text:
            entry = next(iter(same_text.values()))
        if entry is None:
            self._note_likeness(note, has_copy=bool(same_text))
            entry = same_text[note.external_id] = Entry(0, note.gold is None, True, note)
            return entry, "new"
        if note.gold is None or not entry.is_bare:
            return entry, "known"
        entry.is_bare = False
        if entry.note is not None:
            entry.note = replace(entry.note, gold=note.gold, origin=note.origin)
        return entry, "labels"

    def _note_likeness(self, note: Note, *, has_copy: bool) -> None:
        if has_copy:
            self.likenesses.note_copy(note.place)
        if note.external_id is not None and self._ids.setdefault(note.external_id, note.text_hash) != note.text_hash:
            self.likenesses.note_namesake(note.place)


def _select(session: Session, columns: str, key: str, values: Collection[str]) -> Sequence[Any]:
    """Columns of the notes with one of some values.

    Written out: SQLAlchemy takes longer to spell a list of thousands than the database to look them up.
    """
    if not values:
        return ()
    places = ", ".join(["%s" if is_postgres(session) else "?"] * len(values))
    statement = f"SELECT {columns} FROM note WHERE {key} IN ({places})"  # noqa: S608 - names of this module
    return session.connection().exec_driver_sql(statement, tuple(values)).all()
