"""Searching the notes and counting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.notes import Origin
from db.notes.queue.metadata import Condition, clauses
from db.notes.queue.order import Order, keys_of
from db.notes.queue.words import is_in_note, split_words
from db.schema import tables as t
from db.schema.dialects import matches
from db.schema.errors import StoreError
from db.training.adapters import active_name

State = Literal["todo", "draft", "submitted", "skipped", "flagged"]
PREVIEW_CHARACTERS = 120


@dataclass(frozen=True)
class Filters:
    """Which notes are meant: those that fit everything that is set. Searching, counting, saved filters and what is
    done to many notes at once all go by it.

    Attributes:
        text: words that the note or its external id must hold, in any order; the last may be unfinished, from three
            letters on.
        state: only notes in this state.
        origin: only notes of this origin; "incoming" stands for all that came to be reviewed, and so for samples
            without labels as well.
        reviewer: only notes whose latest annotation or draft is this reviewer's.
        adapter: only notes whose newest suggestion is this adapter's.
        sure_below: only notes whose newest suggestion has a field with a confidence below this.
        is_not_found: only notes whose newest suggestion has a value that was not found in the note.
        is_corrected: only notes whose latest annotation differs from the suggestion that it started from.
        is_disputed: only undecided notes about which reviewers' opinions differ.
        metadata: only notes that came with what all of these ask for.
        with_superseded: also notes that a newer one replaces.

    Raises:
        StoreError: there is no such state or origin.
    """

    text: str = ""
    state: State | None = None
    origin: Origin | None = None
    reviewer: str | None = None
    adapter: str | None = None
    sure_below: float | None = None
    is_not_found: bool = False
    is_corrected: bool = False
    is_disputed: bool = False
    metadata: tuple[Condition, ...] = ()
    with_superseded: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (("state", self.state, State), ("origin", self.origin, Origin)):
            if value is not None and value not in get_args(known):
                raise StoreError(f"Expected one of the {name}s {', '.join(get_args(known))}; found {value!r}.")

    def to_json(self) -> dict[str, Any]:
        """What is set, as plain JSON values."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "", False, ())}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Filters:
        """Filters from what `to_json` gave; what is not known is left out.

        Raises:
            StoreError: there is no such state or origin.
        """
        known = {field.name for field in fields(Filters)}
        given = {name: value for name, value in values.items() if name in known}
        conditions = tuple([Condition(**one) for one in given.pop("metadata", ())])
        return Filters(**given, metadata=conditions)


ALL = Filters()


@dataclass(frozen=True)
class Found:
    """How many notes a filter shows, and how many of them something can be done to at once.

    Attributes:
        n_untouched: notes to review that nobody decided about or has a draft of.
        n_decided: notes that somebody decided about.
    """

    n_notes: int = 0
    n_untouched: int = 0
    n_decided: int = 0


@dataclass(frozen=True)
class QueueRow:
    """A note as a line of the queue.

    Attributes:
        preview: the beginning of the text on one line, at most 120 characters.
        is_labelled: whether it came with labels.
        min_confidence: the lowest confidence of the shown suggestion's fields; None without one.
        is_raw: whether that is not calibrated.
        adapter: whose suggestion is shown: the active adapter's, or else the newest; None without one.
        n_not_found: values of the newest suggestion that were not found in the note; None without one.
        n_changed: fields in which the latest annotation differs from the suggestion that it started from; None where
            there is no annotation or it started from none.
        reviewer: who submitted the latest annotation or, before that, saved the latest draft.
        is_copy: whether another note has exactly the same text.
        is_newer: whether it supersedes another note.
        is_superseded: whether another note supersedes it.
    """

    id: int
    external_id: str | None
    state: State
    preview: str
    origin: Origin
    is_labelled: bool
    min_confidence: float | None
    is_raw: bool
    adapter: str | None
    n_not_found: int | None
    n_changed: int | None
    reviewer: str | None
    updated_at: datetime
    is_copy: bool = False
    is_newer: bool = False
    is_superseded: bool = False


@dataclass(frozen=True)
class Counts:
    """How many notes there are. States count incoming notes and, once reviewed, originals; `n_todo` and `n_draft` are
    the review queue: incoming notes only. `n_prefilled` are incoming notes with a suggestion, whatever their state.
    `n_samples` of all these came with caseloop.
    """

    n_notes: int = 0
    n_incoming: int = 0
    n_originals: int = 0
    n_todo: int = 0
    n_prefilled: int = 0
    n_draft: int = 0
    n_submitted: int = 0
    n_skipped: int = 0
    n_flagged: int = 0
    n_holdout: int = 0
    n_samples: int = 0


def search_notes(
    session: Session,
    filters: Filters = ALL,
    *,
    order: Order = "imported",
    seed: int = 0,
    offset: int = 0,
    limit: int = 50,
    **named: Any,
) -> list[QueueRow]:
    """A page of the notes that match.

    Args:
        filters: which.
        order: "imported" (oldest first), "newest", "updated" (latest change first), "confidence" (the newest
            suggestion's lowest first, notes without one last), "doubt" (the largest sum of its fields' doubts first),
            "novelty" (least like the reviewed notes first, notes that were not compared last), "random", or by what
            came with the notes: "meta.NAME" upward and "-meta.NAME" downward, notes without it last.
        seed: another one shuffles a random order anew; with the same, pages neither repeat nor miss a note.
        offset: notes to pass over.
        limit: notes to give.
        named: single filters by name, in place of those in `filters`.

    Raises:
        StoreError: there is no such order or state.
    """
    query, document = select_filtered([t.note.c.id], replace(filters, **named))
    sorted_query = query.order_by(*(key.sorted for key in keys_of(order, seed, document)))
    ids = session.execute(sorted_query.offset(offset).limit(limit)).scalars().all()
    return _lines(session, ids)


def count_notes(session: Session, filters: Filters = ALL, **named: Any) -> int:
    """How many notes match; see `search_notes`."""
    query, _ = select_filtered([sa.func.count()], replace(filters, **named))
    return int(session.execute(query).scalar_one())


def count_found(session: Session, filters: Filters = ALL) -> Found:
    """How many notes match, and what state they are in."""
    c = t.note.c
    query, _ = select_filtered([c.origin, c.state, sa.func.count().label("n")], filters)
    found = session.execute(query.group_by(c.origin, c.state)).all()
    n_labelled = 0
    if any(row.origin == "sample" for row in found):
        labelled, _ = select_filtered([sa.func.count()], filters)
        n_labelled = session.execute(labelled.where(_LABELLED_SAMPLE, c.state == "todo")).scalar_one()
    return Found(
        n_notes=sum(row.n for row in found),
        n_untouched=sum(row.n for row in found if row.origin != "original" and row.state == "todo") - n_labelled,
        n_decided=sum(row.n for row in found if row.state not in ("todo", "draft")),
    )


def counts(session: Session) -> Counts:
    """How many notes there are, by state, origin and split. A sample counts as what it stands for, and as a sample."""
    c = t.note.c
    groups = (c.origin, c.state, c.is_suggested, c.split)
    query = sa.select(*groups, sa.func.count().label("n")).where(_STANDS).group_by(*groups)
    found = [(row.origin == "incoming", row) for row in session.execute(query)]  # all of it from an index
    if any(row.origin == "sample" for _, row in found):
        found = [(is_incoming, row) for is_incoming, row in found if row.origin != "sample"]
        for is_incoming, of in ((True, c.gold.is_(None)), (False, c.gold.is_not(None))):
            found += [(is_incoming, row) for row in session.execute(query.where(c.origin == "sample", of))]
    total: dict[str, int] = {}
    for is_incoming, row in found:
        names = ["n_notes", "n_incoming" if is_incoming else "n_originals"]
        if is_incoming or row.state not in ("todo", "draft"):
            names.append(f"n_{row.state}")
        if is_incoming and row.is_suggested:
            names.append("n_prefilled")
        if row.split == "holdout":
            names.append("n_holdout")
        if row.origin == "sample":
            names.append("n_samples")
        for name in names:
            total[name] = total.get(name, 0) + row.n
    return Counts(**total)


_STANDS = sa.literal_column("note.is_superseded = 0", sa.Boolean)
_sample = t.note.alias("labelled_sample")
_LABELLED_SAMPLE = sa.and_(t.note.c.origin == "sample", t.note.c.gold.is_not(None))


def select_filtered(
    columns: Sequence[sa.ColumnElement[Any]], filters: Filters
) -> tuple[sa.Select[Any], sa.ColumnElement[int] | None]:
    """The query, and the full-text index's row number when it searches text."""
    query = sa.select(*columns)
    document = None
    words, sought = split_words(filters.text.replace("\0", " "))
    if words:
        document = t.note_search.c.rowid
        query = query.select_from(t.note_search.join(t.note, t.note.c.id == document))
        query = query.where(matches(words))
    else:
        query = query.select_from(t.note)
    return query.where(*_conditions(filters), *map(is_in_note, sought)), document


def _conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    c = t.note.c
    conditions: list[sa.ColumnElement[bool]] = []
    for column, value in ((c.state, filters.state), (c.origin, filters.origin), (c.suggested_by, filters.adapter)):
        if value == "incoming":
            # So asked, an index still has all that is needed: it has no labels, but it has the number.
            labelled = sa.select(_sample.c.id).where(_sample.c.origin == "sample", _sample.c.gold.is_not(None))
            conditions += [c.origin.in_(("incoming", "sample")), c.id.not_in(labelled)]
        elif value is not None:
            conditions.append(column == value)
    if filters.reviewer is not None:
        who = sa.select(t.reviewer.c.id).where(t.reviewer.c.name == filters.reviewer).scalar_subquery()
        conditions.append(c.reviewer_id == who)
    if filters.sure_below is not None:
        # Notes without a suggestion stand behind all others in this index.
        conditions.append(sa.literal_column("coalesce(note.min_confidence, 2)") < min(filters.sure_below, 2.0))
    # Written out, without parameters: only so does SQLite see that a partial index fits.
    if filters.is_not_found:
        conditions.append(sa.literal_column("note.n_not_found > 0", sa.Boolean))
    if filters.is_corrected:
        conditions.append(sa.literal_column("note.n_changed > 0", sa.Boolean))
    if not filters.with_superseded:
        conditions.append(_STANDS)
    if filters.is_disputed:
        conditions.append(sa.literal_column("note.is_disputed = 1", sa.Boolean))
        conditions.append(c.state.in_(("todo", "draft")))
    return [*conditions, *clauses(filters.metadata)]


def _lines(session: Session, ids: Sequence[int]) -> list[QueueRow]:
    """The lines of these notes, in this order."""
    c = t.note.c
    shown = (
        sa.select(t.suggestion.c.id)
        .where(t.suggestion.c.note_id == c.id)
        .order_by((t.suggestion.c.adapter == active_name()).desc(), t.suggestion.c.id.desc())
        .limit(1)
        .correlate(t.note)
        .scalar_subquery()
    )
    started_from = t.suggestion.alias("started_from")
    suggestion = t.suggestion.alias("shown")
    other = t.note.alias("other")
    same_text = sa.exists().where(other.c.text_hash == c.text_hash, other.c.id != c.id, other.c.is_superseded == 0)
    query = (
        sa.select(c.id, c.external_id, c.state, c.origin, c.updated_at, t.reviewer.c.name.label("reviewer"))
        .add_columns(same_text.correlate(t.note).label("is_copy"), c.supersedes_id.is_not(None).label("is_newer"))
        .add_columns(c.is_superseded, c.n_not_found, c.gold.is_not(None).label("is_labelled"))
        .add_columns(sa.func.substr(t.note_text.c.text, 1, 4 * PREVIEW_CHARACTERS).label("beginning"))
        .add_columns(suggestion.c.adapter, suggestion.c.min_confidence)
        .add_columns(sa.case((suggestion.c.adapter == c.suggested_by, c.min_confidence)).label("place"))
        .add_columns(started_from.c.extraction.label("suggested"), t.annotation.c.extraction.label("decided"))
        .select_from(t.note)
        .join(t.note_text, t.note_text.c.note_id == c.id)
        .outerjoin(t.reviewer, t.reviewer.c.id == c.reviewer_id)
        .outerjoin(suggestion, suggestion.c.id == shown)
        .outerjoin(t.annotation, sa.and_(t.annotation.c.note_id == c.id, t.annotation.c.revision == c.revision))
        .outerjoin(started_from, started_from.c.id == t.annotation.c.suggestion_id)
        .where(c.id.in_(ids))
    )
    lines = {row.id: _line(row) for row in session.execute(query)}
    return [lines[number] for number in ids]


def _line(row: sa.Row[Any]) -> QueueRow:
    values = dict(row._mapping)
    suggested, decided = values.pop("suggested"), values.pop("decided")
    values["n_changed"] = None
    if suggested is not None and decided is not None:
        values["n_changed"] = sum(suggested.get(key) != decided[key] for key in decided)
    place = values.pop("place")
    values["is_raw"] = place is not None and place < 0
    if place is not None and place >= 0:  # by curves that came after the suggestion
        values["min_confidence"] = place
    values["preview"] = _preview(values.pop("beginning"))
    return QueueRow(**values)


def _preview(beginning: str) -> str:
    line = " ".join(beginning.split())
    return line if len(line) <= PREVIEW_CHARACTERS else line[: PREVIEW_CHARACTERS - 1] + "…"
