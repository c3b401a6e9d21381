"""How different a note is from what was reviewed: a number per note, which the queue sorts by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.queue.order import shuffle_key
from db.notes.samples import COUNTS
from db.notes.suggestions import WAITING
from db.people.acting import Program
from db.schema import tables as t
from db.store.heartbeats import heartbeat, set_heartbeat

_PLACE = "novelty"


@dataclass(frozen=True)
class Compared:
    """How far the comparison has come.

    Attributes:
        n_reviewed: reviewed notes when it began; 0 when it never did.
        after: the highest number of a note that was compared since.
    """

    n_reviewed: int = 0
    after: int = 0


def read_comparison(session: Session) -> Compared:
    """How far the comparison has come."""
    beat = heartbeat(session, _PLACE)
    return Compared(**beat.payload) if beat else Compared()


def count_reviewed(session: Session) -> int:
    """How many notes have a decision with values; samples only while there are no others."""
    query = sa.select(sa.func.count()).select_from(t.note).where(t.note.c.state == "submitted", COUNTS)
    return int(session.execute(query).scalar_one())


def reviewed_texts(session: Session, limit: int) -> list[str]:
    """Texts of reviewed notes, at most `limit`; always the same choice from the same notes."""
    query = (
        sa.select(t.note_text.c.text)
        .join_from(t.note, t.note_text)
        .where(t.note.c.state == "submitted", COUNTS)
        .order_by(shuffle_key(0), t.note.c.id)
        .limit(limit)
    )
    return list(session.execute(query).scalars())


def waiting_texts(session: Session, after: int, limit: int) -> list[tuple[int, str]]:
    """Notes that wait for a person, with a higher number than `after`, as (number, text) in import order."""
    query = (
        sa.select(t.note.c.id, t.note_text.c.text)
        .join_from(t.note, t.note_text)
        .where(WAITING, t.note.c.id > after)
        .order_by(t.note.c.id)
        .limit(limit)
    )
    return [(row.id, row.text) for row in session.execute(query)]


def put_novelty(program: Program, novelty: Mapping[int, float], reached: Compared) -> None:
    """Write numbers from 0 (there is one just like it) to 1 (like none), and how far the comparison has come."""
    if novelty:
        program.session.connection().execute(
            sa.update(t.note).where(t.note.c.id == sa.bindparam("number")).values(novelty=sa.bindparam("value")),
            [{"number": note_id, "value": share} for note_id, share in novelty.items()],
        )
    set_heartbeat(program, _PLACE, {"n_reviewed": reached.n_reviewed, "after": reached.after})


def count_compared(session: Session) -> int:
    """How many notes have such a number; read from the index that they are sorted by."""
    has = sa.literal_column("coalesce(note.novelty, -1)") >= 0
    return int(session.execute(sa.select(sa.func.count()).select_from(t.note).where(has)).scalar_one())
