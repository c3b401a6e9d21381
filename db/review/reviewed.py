"""Reading what people decided: single annotations, the reviewed stream, training rows, figures of the work done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Literal, TypedDict, Unpack, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.corrections import Kind, compare, is_corrected
from data.labels import without_placeholders
from data.notes import Origin, Split
from data.snapshot import Row, Source
from data.suggestion import Span
from data.task import Extraction, Task, load_task
from db.notes.notes import NoteRow, note_columns
from db.notes.queue.metadata import Condition, clauses
from db.notes.samples import COUNTS, VOTES
from db.notes.suggestions import SuggestionRow, read_evidence, read_suggestion
from db.schema import tables as t
from db.schema.dialects import json_kind, json_members

Status = Literal["submitted", "skipped", "flagged"]
Kept = Literal["submitted", "skipped", "flagged", "reopened"]
_STREAM = {"yield_per": 500}


@dataclass(frozen=True)
class AnnotationRow:
    """One decision of a person about a note. It is never changed: the next revision supersedes it.

    Attributes:
        revision: 1 for a note's first annotation, then one more each.
        reviewer: the name of the person.
        status: a decision, or "reopened" where a decision was taken back.
        settled: the fields that the person confirmed or changed; the others nobody touched.
        suggestion_id: the suggestion that it started from, if any.
        lead_time_ms: how long the person worked on it.
        token: the save's own name, by which a repeated save is known.
    """

    id: int
    note_id: int
    revision: int
    reviewer: str
    status: Kept
    extraction: dict[str, str | None]
    settled: list[str]
    comment: str
    suggestion_id: int | None
    lead_time_ms: int
    token: str
    submitted_at: datetime


@dataclass(frozen=True)
class ReviewedRow:
    """A reviewed note: its latest annotation, and the suggestion that this started from."""

    note: NoteRow
    annotation: AnnotationRow
    suggestion: SuggestionRow | None


@dataclass(frozen=True)
class DecidedRow:
    """What was decided about a note, and what the values rested on; see `NoteRow`, `AnnotationRow`, `SuggestionRow`.

    Attributes:
        suggested: the values that it started from; None without a suggestion.
        evidence: what these rested on.
    """

    note_id: int
    external_id: str | None
    text: str
    status: Kept
    extraction: dict[str, str | None]
    suggested: dict[str, str | None] | None = None
    evidence: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


class Filters(TypedDict, total=False):
    """Which of the decisions that stand are meant; what is left out does not matter.

    Attributes:
        since: only annotations from this time on.
        until: only annotations before this time.
        reviewer: only annotations of this reviewer.
        adapter: only annotations that started from a suggestion of this adapter.
        is_corrected: whether only annotations count in which a suggested value was changed.
        statuses: only annotations with one of these; submitted ones where nothing is said.
        with_samples: whether those about samples are among them in any case; else only while none about a real note
            stands, see `db.notes.samples.COUNTS`.
        origin: only annotations about notes of this origin.
        metadata: only annotations about notes that came with what all of these ask for.
        with_superseded: whether those about notes that a newer one replaces are among them.
    """

    since: datetime | None
    until: datetime | None
    reviewer: str | None
    adapter: str | None
    is_corrected: bool
    statuses: Sequence[Status]
    with_samples: bool
    origin: Origin
    metadata: Sequence[Condition]
    with_superseded: bool


@dataclass(frozen=True)
class DayCount:
    """Notes by the day of their latest annotation."""

    day: date
    n_submitted: int
    n_skipped: int
    n_flagged: int


def history(session: Session, note_id: int) -> list[AnnotationRow]:
    """All annotations of a note, latest first."""
    query = select_annotations().where(t.annotation.c.note_id == note_id).order_by(t.annotation.c.revision.desc())
    return [read_annotation(row) for row in session.execute(query)]


def latest_annotation(session: Session, note_id: int) -> AnnotationRow | None:
    """The annotation that stands for a note, or None."""
    query = select_annotations().where(t.annotation.c.note_id == note_id)
    row = session.execute(query.order_by(t.annotation.c.revision.desc()).limit(1)).one_or_none()
    return read_annotation(row) if row else None


def read_reviewed_rows(session: Session, **filters: Unpack[Filters]) -> Iterator[ReviewedRow]:
    """Reviewed notes with the annotation that stands, in import order; read in portions, not all at once."""
    groups: tuple[list[Any], ...] = (note_columns(), annotation_columns(), list(t.suggestion.c))
    # Names of their own, since the tables share some; read by place, since looking up names takes longer than the rest.
    columns = [column.label(f"{number}_{column.name}") for number, some in enumerate(groups) for column in some]
    note, annotation, suggestion = ([column.name for column in some] for some in groups)
    first, second = len(note), len(note) + len(annotation)
    query = _select_standing(columns, filters, t.note_text).order_by(t.note.c.id)
    for row in session.execute(query, execution_options=_STREAM):
        started = dict(zip(suggestion, row[second:], strict=True))
        yield ReviewedRow(
            note=NoteRow(**dict(zip(note, row[:first], strict=True))),
            annotation=AnnotationRow(**dict(zip(annotation, row[first:second], strict=True))),
            suggestion=read_suggestion(started) if started["id"] is not None else None,
        )


def read_decided_rows(
    session: Session, *, with_evidence: bool = False, **filters: Unpack[Filters]
) -> Iterator[DecidedRow]:
    """The notes of `read_reviewed_rows` in the same order, in a third of the time."""
    note, annotation = t.note.c, t.annotation.c
    columns = [note.id, note.external_id, t.note_text.c.text, annotation.status, annotation.extraction]
    columns.append(note.metadata)
    if with_evidence:
        columns += [t.suggestion.c.extraction, t.suggestion.c.evidence]
    query = _select_standing(columns, filters, t.note_text).order_by(note.id)
    for row in session.execute(query, execution_options=_STREAM):
        number, external_id, text, status, values, metadata, *proposed = row
        suggested, evidence = proposed or (None, None)
        found = read_evidence(evidence or {})
        yield DecidedRow(number, external_id, text, status, values, suggested, found, metadata)


def metadata_kinds(session: Session, **filters: Unpack[Filters]) -> dict[str, set[str]]:
    """The names in the metadata of the notes of `reviewed`, sorted, and what kinds of values each has.

    The kinds are those of `db.schema.dialects.json_kind`, without "null".
    """
    each = json_members(t.note.c.metadata).table_valued("key").alias("each")
    columns = [each.c.key, json_kind().label("kind")]
    found: dict[str, set[str]] = {}
    for key, kind in session.execute(_select_standing(columns, filters, joined=each).distinct().order_by(each.c.key)):
        found.setdefault(key, set()).update({kind} - {"null"})
    return found


def count_reviewed(session: Session, **filters: Unpack[Filters]) -> int:
    """How many notes `read_reviewed_rows` would give."""
    return int(session.execute(_select_standing([sa.func.count()], filters)).scalar_one())


def suggesters(session: Session) -> list[str]:
    """The adapters from whose suggestions a decision started, by name."""
    started = sa.exists().where(t.annotation.c.suggestion_id == t.suggestion.c.id)
    query = sa.select(t.suggestion.c.adapter).where(started).distinct().order_by(t.suggestion.c.adapter)
    return list(session.execute(query).scalars())


def training_rows(session: Session, task: Task) -> Iterator[Row]:
    """What an adapter may be trained on, of the training side of the hold-out, in import order.

    A submitted annotation is a label; so are the labels that a note came with, until an annotation replaces them. A
    note that stands flagged is left out: somebody said that it is not right; so is one that a newer note replaces. A
    value that only says that there is none, such as "N/A", is null: stores hold some from before imports read them so.
    Samples are left out as soon as a real note is labelled, see `db.notes.samples.VOTES`.
    """
    return _read_labelled_rows(session, task, "train")


def holdout_rows(session: Session, task: Task) -> Iterator[Row]:
    """The same, of the other side: what an adapter is measured on and never trained on."""
    return _read_labelled_rows(session, task, "holdout")


def holdout_texts(session: Session) -> Iterator[str]:
    """The texts of all notes of that side, labelled or not: what has no label today may be measured on tomorrow."""
    query = sa.select(t.note_text.c.text).join(t.note, t.note_text.c.note_id == t.note.c.id)
    query = query.where(t.note.c.split == "holdout", VOTES).order_by(t.note.c.id)
    yield from session.execute(query, execution_options=_STREAM).scalars()


def draft_rows(session: Session, task: Task, limit: int) -> list[Row]:
    """At most `limit` labelled notes, those reviewed last before the originals: what answers may look like.

    Both sides of the hold-out, since nothing is trained on them.
    """
    found: list[Row] = []
    for source in ("annotation", "original"):
        query = (
            sa.select(t.note_text.c.text, t.note.c.content_hash, t.note.c.gold, t.annotation.c.extraction)
            .select_from(t.note)
            .join(t.note_text, t.note_text.c.note_id == t.note.c.id)
            .outerjoin(t.annotation, _stands())
        )
        if source == "annotation":
            query = query.where(t.note.c.state == "submitted").order_by(t.annotation.c.id.desc())
        else:
            query = query.where(t.note.c.gold.is_not(None), t.note.c.state.not_in(("submitted", "flagged")))
        for row in session.execute(query.limit(limit - len(found))):
            label = row.extraction if source == "annotation" else row.gold
            values, _ = without_placeholders(task, Extraction.from_stored(task, label))
            found.append(Row(row.text, values, source, row.content_hash))
    return found


def count_labelled(session: Session) -> int:
    """How often labels came or changed so far: grows with every original and every annotation."""
    originals = sa.select(sa.func.count()).select_from(t.note).where(t.note.c.origin.in_(("original", "sample")))
    newest = sa.select(sa.func.max(t.annotation.c.id))
    return int(session.execute(originals).scalar_one()) + int(session.execute(newest).scalar_one() or 0)


def acceptance(session: Session, task: Task | None = None) -> dict[str, dict[str, dict[Kind, int]]]:
    """Adapter to field to how often its value was accepted, edited, added or cleared.

    Counts the submitted annotations that stand and that started from a suggestion.
    """
    task = task or load_task()
    totals: dict[str, dict[str, dict[Kind, int]]] = {}
    query = (
        sa.select(t.suggestion.c.adapter, t.suggestion.c.extraction, t.annotation.c.extraction.label("decided"))
        .select_from(t.note)
        .join(t.annotation, _stands())
        .join(t.suggestion, t.suggestion.c.id == t.annotation.c.suggestion_id)
        .where(t.note.c.state == "submitted", COUNTS)
    )
    for row in session.execute(query, execution_options=_STREAM):
        fields = totals.setdefault(row.adapter, {key: _no_kinds() for key in task.keys})
        suggested, decided = Extraction.from_stored(task, row.extraction), Extraction.from_stored(task, row.decided)
        for key, kind in compare(task, suggested, decided).items():
            fields[key][kind] += 1
    return totals


def reviewed_per_day(session: Session, zone: tzinfo | None = UTC) -> list[DayCount]:
    """The work done, by day of the annotation that stands; days without any are left out.

    Args:
        zone: whose days; None for the machine's.
    """
    # Grouped by the minute, which is as fine as time zones differ, and then by the day that it falls on there.
    minute = sa.func.substr(sa.type_coerce(t.annotation.c.submitted_at, sa.Text), 1, 16).label("minute")
    numbers = [
        sa.func.count(sa.case((t.note.c.state == state, 1))).label(state)
        for state in ("submitted", "skipped", "flagged")
    ]
    query = sa.select(minute, *numbers).select_from(t.note).join(t.annotation, _stands()).group_by(minute)
    days: dict[date, list[int]] = {}
    for row in session.execute(query):
        counted = days.setdefault(datetime.fromisoformat(f"{row.minute}Z").astimezone(zone).date(), [0, 0, 0])
        counted[:] = map(sum, zip(counted, row[1:], strict=True))
    return [DayCount(day, *days[day]) for day in sorted(days)]


def annotation_columns() -> list[sa.ColumnElement[Any]]:
    """The columns of an `AnnotationRow`; the reviewer table must be joined."""
    own = [column for column in t.annotation.c if column.name != "reviewer_id"]
    return [*own, t.reviewer.c.name.label("reviewer")]


def select_annotations() -> sa.Select[Any]:
    """All annotations, as `read_annotation` reads them."""
    return sa.select(*annotation_columns()).join_from(t.annotation, t.reviewer)


def read_annotation(row: sa.Row[Any]) -> AnnotationRow:
    """A row of `annotation_columns` as plain data."""
    return AnnotationRow(**row._mapping)


def _read_labelled_rows(session: Session, task: Task, split: Split) -> Iterator[Row]:
    is_decided = t.note.c.state == "submitted"
    query = (
        sa.select(
            t.note_text.c.text,
            t.note.c.content_hash,
            t.note.c.gold,
            sa.case((is_decided, t.annotation.c.extraction)).label("decided"),
            t.suggestion.c.extraction.label("suggested"),
        )
        .select_from(t.note)
        .join(t.note_text, t.note_text.c.note_id == t.note.c.id)
        .outerjoin(t.annotation, _stands())
        .outerjoin(t.suggestion, t.suggestion.c.id == t.annotation.c.suggestion_id)
        .where(t.note.c.split == split, t.note.c.state != "flagged", t.note.c.is_superseded == 0, VOTES)
        .where(sa.or_(t.note.c.gold.is_not(None), is_decided))
        .order_by(t.note.c.id)
    )
    for row in session.execute(query, execution_options=_STREAM):
        label, source = (row.gold, "original") if row.decided is None else (row.decided, "annotation")
        values, n_empty = without_placeholders(task, Extraction.from_stored(task, label))
        corrected = False
        if row.decided is not None:
            before = row.gold if row.suggested is None else row.suggested
            corrected = is_corrected(task, None if before is None else Extraction.from_stored(task, before), values)
        yield Row(row.text, values, cast(Source, source), row.content_hash, corrected, n_placeholders=n_empty)


def _select_standing(
    columns: Sequence[Any], filters: Filters, *further: sa.Table, joined: Any = None
) -> sa.Select[Any]:
    """Notes with the annotation that stands, its reviewer and its suggestion, narrowed to those that are meant."""
    source = t.note.join(t.annotation, _stands()).join(t.reviewer, t.reviewer.c.id == t.annotation.c.reviewer_id)
    source = source.outerjoin(t.suggestion, t.suggestion.c.id == t.annotation.c.suggestion_id)
    for table in further:
        source = source.join(table, table.c.note_id == t.note.c.id)
    if joined is not None:
        source = source.join(joined, sa.true())
    query = sa.select(*columns).select_from(source)
    query = query.where(t.note.c.state.in_(filters.get("statuses", ("submitted",))))
    if not filters.get("with_samples"):
        query = query.where(COUNTS)
    if not filters.get("with_superseded"):
        query = query.where(t.note.c.is_superseded == 0)
    if "origin" in filters:
        query = query.where(t.note.c.origin == filters["origin"])
    query = query.where(*clauses(filters.get("metadata", ())))
    since, until = filters.get("since"), filters.get("until")
    reviewer, adapter = filters.get("reviewer"), filters.get("adapter")
    if since is not None:
        query = query.where(t.annotation.c.submitted_at >= since)
    if until is not None:
        query = query.where(t.annotation.c.submitted_at < until)
    if reviewer is not None:
        query = query.where(t.reviewer.c.name == reviewer)
    if adapter is not None:
        query = query.where(t.suggestion.c.adapter == adapter)
    if filters.get("is_corrected"):
        query = query.where(t.note.c.n_changed > 0)
    return query


def _stands() -> sa.ColumnElement[bool]:
    """Joins a note to the annotation that stands: its latest revision."""
    return sa.and_(t.annotation.c.note_id == t.note.c.id, t.annotation.c.revision == t.note.c.revision)


def _no_kinds() -> dict[Kind, int]:
    return {"accepted": 0, "edited": 0, "added": 0, "cleared": 0}
