"""What is done to many notes at once: skipping, flagging, taking decisions back, and undoing just that.

Values are never decided on here. A skip or a flag is kept as the page's own would be, with what the form shows and no
field settled; a note in which somebody has a draft is left alone, so that nothing typed is lost and undoing it leads
back to exactly what was there. Each call is one transaction of a caller's, on a few hundred notes; the caller goes on
behind the last number that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.prefill.withholding import form_values
from data.task import Extraction, Task
from db.notes.notes import get_note
from db.notes.queue.search import ALL, Filters, select_filtered
from db.notes.suggestions import WAITING, SuggestionRow, suggestion_of
from db.people.acting import Act, LeadAct
from db.review.decisions import reopen, submit
from db.review.drafts import discard_draft
from db.review.reviewed import AnnotationRow, Status, read_annotation, select_annotations
from db.review.revisions import Conflict
from db.schema import tables as t
from db.schema.errors import StoreError

Action = Literal["skip", "flag", "reopen"]
N_BATCH = 500
Current = Callable[[Session, SuggestionRow], SuggestionRow]
WORKED_ON = sa.or_(
    t.note.c.revision > 0,
    t.note.c.n_opinions > 0,
    sa.exists().where(t.draft.c.note_id == t.note.c.id).correlate(t.note),
)
"""Notes that somebody decided about, gave an opinion about, or typed in."""
_STATUSES: dict[Action, Status] = {"skip": "skipped", "flag": "flagged"}


@dataclass(frozen=True)
class Many:
    """Which notes something is done to.

    Attributes:
        filters: the notes that these show, unless `ids` are given.
        ids: exactly these notes; None for all that the filters show.
        upto: no note with a higher number: those are younger than the plan. None for all.
        import_id: only notes that this import brought.
        is_untouched: only notes that nobody worked on: no decision, no opinion, no draft.
        is_worked_on: only the others.
        with_older: the versions that these notes supersede as well, however many.
    """

    filters: Filters = ALL
    ids: tuple[int, ...] | None = None
    upto: int | None = None
    import_id: int | None = None
    is_untouched: bool = False
    is_worked_on: bool = False
    with_older: bool = False


@dataclass(frozen=True)
class Plan:
    """What would be done.

    Attributes:
        n_notes: notes that are meant.
        n_touched: those of them that it can be done to.
        upto: the highest number of a note; what is done is done up to here.
    """

    n_notes: int
    n_touched: int
    upto: int


@dataclass(frozen=True)
class Done:
    """What was done in one turn.

    Attributes:
        n_done: notes that were changed.
        n_left_alone: notes that an undo passed over, because somebody worked on them since.
        last: the highest number looked at: the next turn begins behind it; None when nothing is left.
    """

    n_done: int
    n_left_alone: int = 0
    last: int | None = None


def plan(session: Session, action: Action, many: Many) -> Plan:
    """How many notes an action would touch.

    Raises:
        StoreError: there is no such action.
    """
    upto = session.execute(sa.select(sa.func.max(t.note.c.id))).scalar_one() or 0
    n_notes = _count(session, select_meant([sa.func.count()], many))
    return Plan(
        n_notes, _count(session, select_meant([sa.func.count()], many).where(*_action_conditions(action))), int(upto)
    )


def carry_out(
    act: LeadAct,
    task: Task,
    *,
    action: Action,
    many: Many,
    bulk: str,
    comment: str = "",
    after: int = 0,
    current: Current = lambda session, suggestion: suggestion,
) -> Done:
    """Do an action to the next notes, at most `N_BATCH`.

    Args:
        task: whose fields a skipped note without a suggestion gets, all null.
        bulk: a name made up for the whole of it, of letters and digits; what `undo` goes by.
        comment: kept with each note that is flagged or skipped.
        after: only notes with a higher number.
        current: a stored suggestion as a page would show it now.

    Raises:
        StoreError: there is no such action, or a flag has no comment.
    """
    session = act.session
    if action == "flag" and not comment.strip():
        raise StoreError("A flag needs a comment. Write one for those who read it.")
    query = select_meant([t.note.c.id, t.note.c.revision], many).where(*_action_conditions(action), t.note.c.id > after)
    rows = session.execute(query.order_by(t.note.c.id).limit(N_BATCH)).all()
    for row in rows:
        token = f"bulk-{bulk}-{row.id}"
        if action == "reopen":
            reopen(act, note_id=row.id, seen_revision=row.revision, token=token)
            continue
        shown = suggestion_of(session, row.id)
        submit(
            act,
            note_id=row.id,
            status=_STATUSES[action],
            extraction=_form_values(session, task, row.id, current(session, shown) if shown else None),
            seen_revision=row.revision,
            suggestion_id=shown.id if shown else None,
            comment=comment.strip(),
            token=token,
            is_final=True,
        )
    return Done(n_done=len(rows), last=rows[-1].id if len(rows) == N_BATCH else None)


def _form_values(session: Session, task: Task, note_id: int, shown: SuggestionRow | None) -> Extraction:
    """What the form of a note shows that nobody has touched."""
    if shown is None:
        return Extraction.empty(task)
    return Extraction.from_stored(task, form_values(task, lambda: get_note(session, note_id).text, shown))


def undo(act: LeadAct, task: Task, *, bulk: str, after: int = 0) -> Done:
    """Take back what `carry_out` did under this name, for the next notes, at most `N_BATCH`; see `undo_all`."""
    return undo_all(act, task, prefix=f"bulk-{bulk}-", after=after)


def undo_all(act: Act, task: Task, *, prefix: str, after: int = 0) -> Done:
    """Take back decisions whose tokens begin alike, for the next notes, at most `N_BATCH`.

    A note that somebody decided about since, or typed into, is left as it is. A decision that was taken back stands
    again as its own reviewer made it.

    Args:
        act: of whoever did it; nobody else undoes it.
        task: what the values are checked against.
        prefix: of the tokens, up to the note's number.
        after: only notes with a higher number.
    """
    a, n = t.annotation.c, t.note.c
    typed = (
        sa.exists()
        .where(t.draft.c.note_id == n.id, t.draft.c.saved_at > a.submitted_at)
        .correlate(t.note, t.annotation)
    )
    rows = act.session.execute(
        sa.select(n.id, n.revision, a.status, sa.and_(a.revision == n.revision, ~typed).label("is_as_left"))
        .join_from(t.annotation, t.note, n.id == a.note_id)
        # A range of the index on tokens: everything that begins with the name.
        .where(a.token >= prefix, a.token < f"{prefix[:-1]}.", a.reviewer_id == act.number, n.id > after)
        .order_by(n.id)
        .limit(N_BATCH)
    ).all()
    n_done = 0
    for row in rows:
        if row.is_as_left:
            _take_back(act, task, row, f"undo-{prefix.removeprefix('bulk-')}{row.id}")
            n_done += 1
    last = rows[-1].id if len(rows) == N_BATCH else None
    return Done(n_done=n_done, n_left_alone=len(rows) - n_done, last=last)


def _take_back(act: Act, task: Task, row: sa.Row[Any], token: str) -> None:
    if row.status != "reopened":
        reopen(act, note_id=row.id, seen_revision=row.revision, token=token)
        discard_draft(act, note_id=row.id)  # there was none before
        return
    before = _annotation(act.session, row.id, row.revision - 1)
    discard_draft(act, note_id=row.id)
    submit(
        act.restore_for(before.reviewer),
        note_id=row.id,
        status=cast(Status, before.status),
        extraction=Extraction.from_stored(task, before.extraction),
        seen_revision=row.revision,
        settled=before.settled,
        suggestion_id=before.suggestion_id,
        comment=before.comment,
        lead_time_ms=before.lead_time_ms,
        token=token,
        is_final=True,
    )


def _annotation(session: Session, note_id: int, revision: int) -> AnnotationRow:
    query = select_annotations().where(t.annotation.c.note_id == note_id, t.annotation.c.revision == revision)
    row = session.execute(query).one_or_none()
    if row is None:
        raise Conflict(note_id, revision=revision)
    return read_annotation(row)


def select_meant(columns: Collection[sa.ColumnElement[Any]], many: Many) -> sa.Select[Any]:
    """Columns of the notes that are meant."""
    if many.with_older:
        meant = select_meant([t.note.c.id], replace(many, with_older=False)).cte("meant", recursive=True)
        version = t.note.alias("version")
        older = sa.select(version.c.supersedes_id).join(meant, meant.c.id == version.c.id)
        meant = meant.union(older.where(version.c.supersedes_id.is_not(None)))
        return sa.select(*columns).select_from(t.note).where(t.note.c.id.in_(sa.select(meant.c.id)))
    filters = many.filters if many.ids is None else ALL
    if many.ids is not None or many.import_id is not None:  # named, so that it does not matter what they are shown by
        filters = replace(filters, with_superseded=True)
    query, _ = select_filtered(list(columns), filters)
    if many.ids is not None:
        query = query.where(t.note.c.id.in_(many.ids))
    if many.import_id is not None:
        query = query.where(t.note.c.import_id == many.import_id)
    if many.is_untouched:
        query = query.where(~WORKED_ON)
    if many.is_worked_on:
        query = query.where(WORKED_ON)
    return query if many.upto is None else query.where(t.note.c.id <= many.upto)


def names_meant(session: Session, many: Many, limit: int) -> list[str]:
    """What the first of the notes that are meant are called: their ids, or else their numbers."""
    query = select_meant([t.note.c.id, t.note.c.external_id], many).order_by(t.note.c.id).limit(limit)
    return [row.external_id or f"note {row.id}" for row in session.execute(query)]


def _action_conditions(action: Action) -> list[sa.ColumnElement[bool]]:
    """Notes that an action can be done to, none with a draft in it."""
    if action not in get_args(Action):
        raise StoreError(f"Expected one of {', '.join(get_args(Action))}; found {action!r}. Nothing was changed.")
    drafts = sa.exists().where(t.draft.c.note_id == t.note.c.id).correlate(t.note)
    if action == "reopen":
        return [t.note.c.state.in_(("submitted", "skipped", "flagged")), ~drafts]
    return [sa.literal_column(f"({WAITING.text})", sa.Boolean), ~drafts]


def _count(session: Session, query: sa.Select[Any]) -> int:
    return int(session.execute(query).scalar_one())
