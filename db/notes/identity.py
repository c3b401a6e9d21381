"""Which notes are there already: the same source, id and exactly the same text, see `data.identity`.

A record without an id is the note with its text, whatever id that has: its own, where one without an id is there, or
else the one that was there first. A record with an id is never a note of another id, nor one without: it becomes a note
of its own, and the import says how many did. So nothing is merged without a word, and importing twice changes nothing.
The same holds for the source, which an import may name: where it names none, a note of any source is meant.

What is known of a note may be put right by a record with the same text (`update`), and a record with a known id and
another text may be a newer version of that note (`same_id`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Literal

from sqlalchemy.orm import Session

from data.notes import Note
from db.schema.dialects import is_postgres
from db.schema.json_text import from_json

Meeting = Literal["new", "known", "labels", "updated", "refused"]
SameId = Literal["separate", "supersede", "refuse"]
ID = "id"
"""What the id is called among the fields that an update changes."""


@dataclass(slots=True, eq=False)
class Entry:
    """A note that is in the store, or that is about to be.

    Attributes:
        number: its number in the store; 0 for one that was not stored.
        is_bare: whether it has no labels.
        is_new: whether it was not in the store when it was met.
        note: what is to be stored of a new one; a preview, which stores nothing, lets go of it.
        supersedes: the number of the note that it replaces; 0 for none.
        gold: its labels, where they may be put right.
        metadata: what else came with it, where that may be put right.
        changes: field to the value from before and the one now, of what is put right.
        is_of_this: whether the same import brought it: a file puts nothing right that it brings.
    """

    number: int
    is_bare: bool
    is_new: bool = False
    note: Note | None = None
    supersedes: int = 0
    gold: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    is_of_this: bool = False


@dataclass(slots=True)
class _Named:
    """A note by its id.

    Attributes:
        is_of_this: whether the same import brought it: an id that a file repeats names no version of a note.
    """

    text_hash: str
    source: str
    number: int
    is_of_this: bool
    is_superseded: bool = False


N_PLACES = 100
"""Places that are kept of each kind."""
N_EXAMPLES = 3
"""Examples of each field that an update changes."""
_KINDS = ("copies", "namesakes", "superseding", "refused")


@dataclass
class Likenesses:
    """Of the new notes of an import, those that are like another note.

    Attributes:
        n_copies: have exactly the text of another note, under another id.
        n_namesakes: have the id of another note, with another text.
        n_superseding: have the id of another note, which they replace.
        n_refused: were refused because they have the id of another note.
        copies: where the first of these were read; and so on.
    """

    n_copies: int = 0
    n_namesakes: int = 0
    n_superseding: int = 0
    n_refused: int = 0
    copies: list[str] = field(default_factory=list)
    namesakes: list[str] = field(default_factory=list)
    superseding: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def add(self, others: Likenesses) -> None:
        """Count those of another batch in."""
        for kind in _KINDS:
            setattr(self, f"n_{kind}", getattr(self, f"n_{kind}") + getattr(others, f"n_{kind}"))
            mine: list[str] = getattr(self, kind)
            mine += getattr(others, kind)[: N_PLACES - len(mine)]

    def note(self, kind: Literal["copies", "namesakes", "superseding", "refused"], place: str) -> None:
        """Count one more of a kind."""
        one = Likenesses()
        setattr(one, f"n_{kind}", 1)
        getattr(one, kind).append(place)
        self.add(one)


@dataclass
class Changes:
    """What an update changes.

    Attributes:
        n_notes: notes in which something changes.
        by_field: of how many notes each field changes: the id, labels by their keys, metadata by their names.
        examples: field to the first of them: the place of the record, the value from before and the one now.
    """

    n_notes: int = 0
    by_field: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, Any, Any]]] = field(default_factory=dict)

    def add(self, others: Changes) -> None:
        """Count those of another batch in."""
        self.n_notes += others.n_notes
        self.by_field += others.by_field
        for name, some in others.examples.items():
            mine = self.examples.setdefault(name, [])
            mine += some[: N_EXAMPLES - len(mine)]

    def note(self, place: str, changed: Mapping[str, tuple[Any, Any]], *, is_first: bool) -> None:
        """Count the changes that one record makes."""
        examples = {name: [(place, *pair)] for name, pair in changed.items()}
        self.add(Changes(int(is_first), Counter(changed.keys()), examples))


@dataclass(frozen=True)
class Rules:
    """How an import treats what is known already.

    Attributes:
        source: where its notes come from; empty where nothing is said.
        update: whether ids, labels and metadata of notes with the same text are put right.
        same_id: what becomes of a record with the id of a note that has another text.
        import_id: the import, where there is one: what it brought before is no older version.
    """

    source: str = ""
    update: bool = False
    same_id: SameId = "separate"
    import_id: int | None = None


USUALLY = Rules()


class Known:
    """The notes that records are compared with: those of the store and those met before.

    An import makes one for each batch, since what was before is in the store by then; a preview keeps one throughout.
    """

    def __init__(self, rules: Rules = USUALLY) -> None:
        self.likenesses = Likenesses()
        self.changes = Changes()
        self._rules = rules
        self._of_text: dict[str, dict[tuple[str | None, str], Entry]] = {}
        self._ids: dict[str, list[_Named]] = {}
        self._text_of: dict[str, str] = {}
        self._repeated: set[str] = set()  # ids that come with several texts

    def look_up(self, session: Session, notes: Collection[Note]) -> None:
        """Read from the store what records may be the same as."""
        for note in notes:
            if note.external_id and self._text_of.setdefault(note.external_id, note.text_hash) != note.text_hash:
                self._repeated.add(note.external_id)
        of_text, more = self._of_text, ", gold, metadata" if self._rules.update else ""
        hashes = {note.text_hash for note in notes} - of_text.keys()
        columns = f"id, text_hash, external_id, source, gold IS NULL, import_id{more}"
        rows = _select(session, columns, "text_hash", hashes)
        for number, hashed, external_id, source, is_bare, brought, *held in sorted(rows, key=itemgetter(0)):
            entry = Entry(number, bool(is_bare))
            if held:
                entry.gold, entry.metadata = (_value(one) for one in held)
                entry.is_of_this = brought is not None and brought == self._rules.import_id
            of_text.setdefault(hashed, {})[external_id, source] = entry
        ids = {note.external_id for note in notes if self._find(note) is None and note.external_id is not None}
        columns = "external_id, text_hash, source, id, import_id, is_superseded, origin"
        for external_id, hashed, source, number, brought, gone, origin in _select(
            session, columns, "external_id", ids - self._ids.keys()
        ):
            is_of_this = origin == "sample" or (brought is not None and brought == self._rules.import_id)
            named = _Named(hashed, source, number, is_of_this, bool(gone))
            self._ids.setdefault(external_id, []).append(named)

    def meet(self, note: Note) -> tuple[Entry, Meeting]:
        """The note that a record is, and whether it is new, known, put right by this record or refused."""
        entry = self._find(note)
        if entry is None:
            return self._meet_new(note)
        changed = self._changes(entry, note) if self._rules.update else {}
        if note.gold is not None and entry.is_bare:
            entry.is_bare = False
            if entry.note is not None:
                entry.note = replace(entry.note, gold=note.gold, origin=note.origin)
            self._put_right(entry, note, changed)
            return entry, "labels"
        self._put_right(entry, note, changed)
        return entry, "updated" if changed else "known"

    def _find(self, note: Note) -> Entry | None:
        same_text = self._of_text.get(note.text_hash)
        if not same_text:
            return None
        external_id, source = note.external_id, self._rules.source
        exact = same_text.get((external_id, source))
        if exact is not None:
            return exact
        of_source = {key: entry for key, entry in same_text.items() if source in ("", key[1])}
        if external_id is None:
            bare = (entry for (named, _), entry in of_source.items() if named is None)
            return next(bare, None) or next(iter(of_source.values()), None)
        same_id = next((entry for (named, _), entry in of_source.items() if named == external_id), None)
        if same_id is None and self._rules.update:  # it gets the id
            bare = (entry for (named, _), entry in of_source.items() if named is None and not entry.is_of_this)
            return next(bare, None)
        return same_id

    def _meet_new(self, note: Note) -> tuple[Entry, Meeting]:
        same_text = self._of_text.setdefault(note.text_hash, {})
        entry = Entry(0, note.gold is None, True, note, is_of_this=True)
        if note.external_id is not None:
            older = self._older(note, note.external_id)
            if older and self._rules.same_id == "refuse" and not older[0].is_of_this:
                self.likenesses.note("refused", note.place)
                return entry, "refused"
            entry.supersedes = 0 if note.external_id in self._repeated else self._superseded_by(older)
            if entry.supersedes:
                self.likenesses.note("superseding", note.place)
            elif older:
                self.likenesses.note("namesakes", note.place)
            named = _Named(note.text_hash, self._rules.source, 0, is_of_this=True)
            self._ids.setdefault(note.external_id, []).append(named)
        if same_text:
            self.likenesses.note("copies", note.place)
        same_text[note.external_id, self._rules.source] = entry
        return entry, "new"

    def _older(self, note: Note, external_id: str) -> list[_Named]:
        """The notes that have the id with another text, and that nothing replaces yet; those of before first."""
        some = [
            named
            for named in self._ids.get(external_id, ())
            if named.text_hash != note.text_hash
            and not named.is_superseded
            and self._rules.source in ("", named.source)
        ]
        return sorted(some, key=lambda named: named.is_of_this)

    def _superseded_by(self, older: Sequence[_Named]) -> int:
        """Which note a new one replaces: the only one that has its id."""
        if self._rules.same_id != "supersede" or len(older) != 1 or older[0].is_of_this:
            return 0
        older[0].is_superseded = True
        return older[0].number

    def _changes(self, entry: Entry, note: Note) -> dict[str, tuple[Any, Any]]:
        """What a record says otherwise than the note; what it leaves out stays."""
        if entry.is_of_this:
            return {}
        changed: dict[str, tuple[Any, Any]] = {}
        same_text, key = self._of_text[note.text_hash], (note.external_id, self._rules.source)
        if note.external_id is not None and same_text.get(key) is not entry:
            before = next(known for known, one in same_text.items() if one is entry)
            if before[0] is None:
                same_text[note.external_id, before[1]] = same_text.pop(before)
                changed[ID] = (None, note.external_id)
        elif note.external_id is None and len(same_text) > 1:
            return {}  # nobody can tell which of the copies is meant
        if entry.gold is not None:
            for name, value in _labels(note).items():
                if entry.gold.get(name) != value:
                    changed[name] = (entry.gold.get(name), value)
        for name, value in note.metadata.items():
            if entry.metadata is not None and entry.metadata.get(name) != value:
                changed[f"metadata {name}"] = (entry.metadata.get(name), value)
        return changed

    def _put_right(self, entry: Entry, note: Note, changed: Mapping[str, tuple[Any, Any]]) -> None:
        if not changed:
            return
        self.changes.note(note.place, changed, is_first=not entry.changes)
        for name, (before, now) in changed.items():
            entry.changes[name] = (entry.changes[name][0] if name in entry.changes else before, now)
        if note.gold is not None:
            entry.gold = {**(entry.gold or note.gold), **_labels(note)}
        entry.metadata = {**(entry.metadata or {}), **note.metadata}


def _labels(note: Note) -> dict[str, str | None]:
    """The labels that a record has; not those that are empty because it lacks their fields."""
    missing = note.labels.missing if note.labels is not None else ()
    return {key: value for key, value in (note.gold or {}).items() if key not in missing}


def _value(held: Any) -> Any:
    """A JSON column as the driver gives it: one of them gives its text."""
    return from_json(held) if isinstance(held, str) else held


def _select(session: Session, columns: str, key: str, values: Collection[str]) -> Sequence[Any]:
    """Columns of the notes with one of some values.

    Written out: SQLAlchemy takes longer to spell a list of thousands than the database to look them up.
    """
    if not values:
        return ()
    places = ", ".join(["%s" if is_postgres(session) else "?"] * len(values))
    statement = f"SELECT {columns} FROM note WHERE {key} IN ({places})"  # noqa: S608 - names of this module
    return session.connection().exec_driver_sql(statement, tuple(values)).all()
