"""Notes in the store: adding them, finding one, the next one to review. Searching them is in `search.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.identity import hash_of_value
from data.notes import Note, Origin, Split
from db.notes.identity import ID, USUALLY, Changes, Entry, Known, Likenesses, Rules
from db.notes.imports import count_in
from db.notes.queue.claimed import FREE, OWN, UNANSWERED
from db.notes.queue.metadata import keep_names
from db.notes.queue.overlap import read_overlap
from db.notes.queue.search import State
from db.notes.samples import removed_up_to
from db.notes.suggestions import WAITING, add_suggestion
from db.people.acting import LeadAct, Program
from db.schema import tables as t
from db.schema.dialects import is_postgres
from db.schema.errors import UnknownNote
from db.schema.json_text import as_json

__all__ = ["AddReport", "NoteRow", "add_notes", "find_note", "get_note", "next_note", "next_notes", "notes_by_hash"]

N_BATCH = 2000
_NEW = (
    *("id", "content_hash", "text_hash", "external_id", "split", "origin", "metadata", "gold", "state", "revision"),
    *("is_suggested", "added_at", "updated_at", "n_wanted", "source", "import_id", "supersedes_id"),
)


@dataclass(frozen=True)
class AddReport:
    """What became of notes that were given to the store.

    Attributes:
        n_added: notes that were new.
        n_known: notes that were there already, see `db.notes.identity`.
        n_originals: of all given, those that came with labels.
        note_ids: their numbers, in the order given.
        n_labelled: of the known ones, those that had no labels and have these now.
        likenesses: of the new ones, those with another note's text or id.
        changes: what was put right in known ones.
        n_refused: notes that were not taken, because another text has their id; their number is 0.
    """

    n_added: int
    n_known: int
    n_originals: int
    note_ids: tuple[int, ...]
    n_labelled: int = 0
    likenesses: Likenesses = field(default_factory=Likenesses)
    changes: Changes = field(default_factory=Changes)

    @property
    def n_refused(self) -> int:
        """See the class."""
        return self.likenesses.n_refused


@dataclass(frozen=True)
class NoteRow:
    """A note in the store.

    Attributes:
        gold: the labels it came with, never changed by a review; None when it came without.
        state: "todo", "draft" (somebody typed, nobody submitted), "submitted", "skipped" or "flagged".
        revision: how many annotations it has: what a page must send back when it saves.
        n_wanted: how many reviewers are asked about it, each without seeing what the others say.
        n_opinions: how many of them have answered.
        is_disputed: whether their answers differed; a lead decides.
        source: what its import said of where it comes from; empty where nothing was said.
        import_id: the import that brought it; None for samples, and for notes from before imports were kept.
        supersedes_id: the note whose text this one replaces, under the same id; None for none.
        is_superseded: whether a newer note replaces it: it is neither reviewed nor exported any more.
    """

    id: int
    text: str
    external_id: str | None
    metadata: dict[str, Any]
    content_hash: str
    text_hash: str
    split: Split
    origin: Origin
    gold: dict[str, str | None] | None
    state: State
    added_at: datetime
    updated_at: datetime
    revision: int
    n_wanted: int = 1
    n_opinions: int = 0
    is_disputed: bool = False
    source: str = ""
    import_id: int | None = None
    supersedes_id: int | None = None
    is_superseded: bool = False

    @property
    def is_decided(self) -> bool:
        """Whether somebody's decision about it stands."""
        return self.state not in ("todo", "draft")


def add_notes(permit: LeadAct | Program, notes: Iterable[Note], rules: Rules = USUALLY, **details: Any) -> AddReport:
    """Add notes; one that is known already, with the same id and exactly the same text, is not added twice.

    Labels that arrive for a known note without any are kept with it as its gold; others stay, unless the rules say that
    they are put right. If nobody had worked on the note it becomes an original and leaves the review queue. Drafts and
    annotations stay as they are.

    Args:
        permit: of whoever brings them.
        notes: read as they are added.
        rules: what becomes of notes that are known by their text or id.
        details: what the entry in the audit trail says besides how many they were.
    """
    stream = iter(notes)
    total = AddReport(n_added=0, n_known=0, n_originals=0, note_ids=())
    note_ids: list[int] = []
    while batch := list(islice(stream, N_BATCH)):
        done = _add_batch(permit, batch, rules)
        for note_id, note in zip(done.note_ids, batch, strict=True):
            for suggestion in note.suggestions:
                add_suggestion(permit, note_id, suggestion)
        note_ids += done.note_ids
        total.likenesses.add(done.likenesses)
        total.changes.add(done.changes)
        total = replace(
            total,
            n_added=total.n_added + done.n_added,
            n_known=total.n_known + done.n_known,
            n_originals=total.n_originals + done.n_originals,
            n_labelled=total.n_labelled + done.n_labelled,
        )
    counted: dict[str, Any] = {"n_added": total.n_added, "n_known": total.n_known, "n_labelled": total.n_labelled}
    if rules.import_id is None:
        permit.record("imported", **details, **counted)
    else:
        counted |= {"n_updated": total.changes.n_notes, "n_superseded": total.likenesses.n_superseding}
        count_in(permit, rules.import_id, counted)
    return replace(total, note_ids=tuple(note_ids))


def get_note(session: Session, note_id: int) -> NoteRow:
    """The note of this number.

    Raises:
        UnknownNote: there is none.
    """
    row = session.execute(_select().where(t.note.c.id == note_id)).one_or_none()
    if row is None:
        raise UnknownNote(note_id)
    return read_note(row)


def find_note(session: Session, external_id_or_hash: str) -> NoteRow | None:
    """The note with this text hash, or else content hash, or else external id (the newest that has it), or None."""
    for column in (t.note.c.text_hash, t.note.c.content_hash, t.note.c.external_id):
        query = _select().where(column == external_id_or_hash).order_by(t.note.c.id.desc()).limit(1)
        row = session.execute(query).one_or_none()
        if row is not None:
            return read_note(row)
    return None


def numbers_of(session: Session, external_id: str) -> list[int]:
    """The numbers of the notes with this id: versions of one, or of several sources."""
    query = sa.select(t.note.c.id).where(t.note.c.external_id == external_id).order_by(t.note.c.id)
    return list(session.execute(query).scalars())


def notes_by_hash(session: Session, hashes: Collection[str]) -> dict[str, NoteRow]:
    """The notes with these hashes, those of the text or content hashes; those that the store lacks are left out.

    Several notes have one content hash where they differ in signs only, and one text hash where they are copies under
    several ids; the first of them is given.
    """
    stream = iter(hashes)
    found: dict[str, NoteRow] = {}
    while batch := list(islice(stream, N_BATCH)):
        for column in (t.note.c.content_hash, t.note.c.text_hash):
            for row in session.execute(_select().where(column.in_(batch)).order_by(t.note.c.id.desc())):
                found[getattr(row, column.name)] = read_note(row)
    return found


def next_note(session: Session, *, after: int | None = None, exclude: Collection[int] = ()) -> int | None:
    """The next note that waits for a person, whoever has it open; see `next_notes`."""
    return next(iter(next_notes(session, after=after, exclude=exclude, limit=1)), None)


def next_notes(
    session: Session,
    *,
    after: int | None = None,
    exclude: Collection[int] = (),
    reviewer: str | None = None,
    limit: int,
) -> list[int]:
    """The next notes that wait for a person: incoming, nobody has submitted them.

    Notes with a suggestion (of whatever adapter: activating another must not touch every row) come before those
    without, each in import order. With `after`, the search starts behind that note and comes round to its beginning.

    Args:
        after: the note just left; it is not given again.
        exclude: notes not to give, for example those decided on a page and not in the store yet.
        reviewer: who asks; notes that somebody else has claimed are not given, nor those that this reviewer has given
            an opinion about. None to pass over all claims and opinions.
        limit: how many to give.
    """
    left_out = {*exclude} if after is None else {*exclude, after}
    own = [] if reviewer is None else list(session.execute(OWN, {"reviewer": reviewer}).scalars())
    given = {"after": 0 if after is None else after, "n": limit + len(left_out)}
    found: list[int] = []
    for is_suggested in (1, 0):
        for is_behind in (True, False)[: 1 if after is None else 2]:
            # Two queries rather than one with an OR, so that each has an index: however many notes are claimed, the
            # first finds the free ones at once, and the second looks at one person's few.
            asked = {**given, "is_suggested": is_suggested, **({} if reviewer is None else {"reviewer": reviewer})}
            some = set(
                session.execute(_select_upcoming(is_behind, "all" if reviewer is None else "free"), asked).scalars()
            )
            if own:
                some.update(session.execute(_select_upcoming(is_behind, "own"), {**asked, "own": own}).scalars())
            found += sorted(some - left_out)[: limit - len(found)]
            if len(found) == limit:
                return found
    return found


@cache
def _select_upcoming(is_behind: bool, which: Literal["all", "free", "own"]) -> sa.Select[Any]:
    """Notes that wait, in import order. Built once: this is what every key press that saves waits for."""
    c, after = t.note.c, sa.bindparam("after", type_=sa.Integer)
    query = sa.select(c.id).where(
        WAITING, c.is_suggested == sa.bindparam("is_suggested"), c.id > after if is_behind else c.id < after
    )
    if which != "all":
        query = query.where(UNANSWERED)
    if which == "free":
        query = query.where(FREE)
    elif which == "own":
        query = query.where(c.id.in_(sa.bindparam("own", expanding=True)))
    return query.order_by(c.id).limit(sa.bindparam("n", type_=sa.Integer))


def note_columns() -> list[sa.ColumnElement[Any]]:
    """The columns that `read_note` needs."""
    derived = {"is_suggested", "suggested_by", "min_confidence", "doubt", "n_not_found", "n_changed", "novelty"}
    left_out = {*derived, "reviewer_id", "is_claimed"}
    return [column for column in t.note.c if column.name not in left_out] + [t.note_text.c.text]


def read_note(row: sa.Row[Any]) -> NoteRow:
    """A row of `note_columns` as plain data."""
    return NoteRow(**row._mapping)


def _select() -> sa.Select[Any]:
    return sa.select(*note_columns()).join_from(t.note, t.note_text)


def _add_batch(permit: LeadAct | Program, batch: Sequence[Note], rules: Rules) -> AddReport:
    session, known = permit.session, Known(rules)
    known.look_up(session, batch)
    met = [known.meet(note) for note in batch]
    fresh = [entry for entry, meeting in met if meeting == "new"]
    _insert(session, fresh, rules)
    keep_names(permit, [note.metadata for note in batch])
    for entry in fresh:
        if entry.supersedes:
            _supersede(permit, entry)
    labelled = [
        (entry.number, note)
        for (entry, meeting), note in zip(met, batch, strict=True)
        if meeting == "labels" and not entry.is_new
    ]
    for number, note in labelled:
        _label(session, number, note)
    for entry in {id(entry): entry for entry, _ in met if entry.changes}.values():
        _put_right(permit, entry, rules)
    n_refused = sum(meeting == "refused" for _, meeting in met)
    return AddReport(
        n_added=len(fresh),
        n_known=len(batch) - len(fresh) - n_refused,
        n_originals=sum(note.gold is not None for note in batch),
        note_ids=tuple(entry.number for entry, _ in met),
        n_labelled=len(labelled),
        likenesses=known.likenesses,
        changes=known.changes,
    )


def _place(session: Session) -> str:
    return "%s" if is_postgres(session) else "?"


def _insert(session: Session, entries: Sequence[Entry], rules: Rules) -> None:
    """Insert notes that are new. The write lock is held, so numbers can be given out here."""
    if not entries:
        return
    newest = session.execute(sa.select(sa.func.max(t.note.c.id))).scalar_one() or 0
    deleted = session.execute(sa.select(sa.func.max(t.deleted_note.c.note_id))).scalar_one() or 0
    first = max(newest, removed_up_to(session), deleted) + 1
    at, overlap = t.UtcTime.text_of(t.now()), read_overlap(session)
    rows: list[object] = []
    texts: list[object] = []
    for number, entry in enumerate(entries, first):
        entry.number, note = number, entry.note
        assert note is not None
        gold = as_json(dict(note.gold)) if note.gold is not None else None
        rows += (number, note.content_hash, note.text_hash, note.external_id, note.split, note.origin)
        rows += (as_json(dict(note.metadata)), gold, "todo", 0, 0, at, at)
        rows += (overlap.n_wanted(note.content_hash), rules.source, rules.import_id, entry.supersedes or None)
        texts += (number, note.text)
    _insert_rows(session, "note", _NEW, rows)
    _insert_rows(session, "note_text", ("note_id", "text"), texts)


def _insert_rows(session: Session, table: str, columns: Sequence[str], values: Sequence[object]) -> None:
    """Insert rows, all with one statement.

    The search index writes what it has gathered to the disk after each statement, and Python gets its lock back after
    each, while another thread is reading the next notes.
    """
    row = f"({', '.join([_place(session)] * len(columns))})"
    rows = ", ".join([row] * (len(values) // len(columns)))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {rows}"  # noqa: S608 - names of this module
    session.connection().exec_driver_sql(statement, tuple(values))


def _label(session: Session, note_id: int, note: Note) -> None:
    assert note.gold is not None
    becomes = sa.and_(t.note.c.state == "todo", t.note.c.origin == "incoming")
    untouched = sa.case((becomes, "original"), else_=t.note.c.origin)
    session.execute(sa.update(t.note).where(t.note.c.id == note_id).values(gold=dict(note.gold), origin=untouched))


def _supersede(permit: LeadAct | Program, entry: Entry) -> None:
    """Take the note that another one replaces out of the queue; what was decided about it stays with its text."""
    older = entry.supersedes
    permit.session.execute(sa.update(t.note).where(t.note.c.id == older).values(is_superseded=1))
    permit.record("superseded", f"note {older}", by=entry.number)


def _put_right(permit: LeadAct | Program, entry: Entry, rules: Rules) -> None:
    """Store what an import says otherwise of a known note. Of what stood there before the trail keeps the hashes."""
    values: dict[str, Any] = {}
    if ID in entry.changes:
        values["external_id"] = entry.changes[ID][1]
    if any(name != ID and not name.startswith("metadata ") for name in entry.changes):
        values["gold"] = dict(entry.gold or {})
    if any(name.startswith("metadata ") for name in entry.changes):
        values["metadata"] = dict(entry.metadata or {})
    permit.session.execute(sa.update(t.note).where(t.note.c.id == entry.number).values(**values))
    before = {name: hash_of_value(old) for name, (old, _) in entry.changes.items()}
    permit.record("put right", f"note {entry.number}", before=before, **{"import": rules.import_id})
