"""What the next run would leave out and be judged by, worked out before anybody asks for the run.

Comparing labelled notes with the hold-out takes one to two seconds for each thousand. A screen waits a moment for it;
where it takes longer it goes on in the background, once for each state of the store.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from concurrent.futures import Future

from app.core.desk import Desk
from app.training.material import counts_of, read_sides
from db.notes.queue.search import counts
from db.review.reviewed import count_labelled
from db.store.store import Session
from db.training.adapters import AdapterRow, active_adapter
from db.training.runs import list_runs

PATIENCE_S = 1.5
"""What a screen waits."""

Foreseen = dict[str, int]
"""How many notes are left out and how many judge, by the names under which a run's row keeps it."""

_lock = threading.Lock()
_in_turn = threading.Lock()
_asked: dict[str, tuple[Hashable, Future[Foreseen]]] = {}


def foresee(desk: Desk, patience_s: float = PATIENCE_S) -> Foreseen | None:
    """What the next run would leave out and be judged by; None where it is not known yet: ask again.

    Args:
        desk: whose.
        patience_s: how long to wait for what was not worked out before.

    Raises:
        StoreError: the store cannot be read.
    """
    with desk.store.reading() as session:
        active = active_adapter(session)
        state = _state(session, active)
    with _lock:
        known, answer = _asked.get(desk.store.place, (None, Future[Foreseen]()))
        if known != state or (answer.done() and answer.exception() is not None):
            answer = Future()
            _asked[desk.store.place] = state, answer
            # A daemon: a desk that is told to stop does not wait for it.
            threading.Thread(target=_work_out, args=(desk, active, answer), name="foresight", daemon=True).start()
    try:
        return answer.result(patience_s)
    except TimeoutError:
        return None


def _state(session: Session, active: AdapterRow | None) -> Hashable:
    """All that the answer follows from: labels, notes, the adapter to beat, and who judged the last run."""
    found, last = counts(session), next(iter(list_runs(session, limit=1)), None)
    notes = (found.n_notes, found.n_originals, found.n_submitted, found.n_flagged, count_labelled(session))
    return notes, active and active.name, last and (last.id, last.snapshot_fingerprint)


def _work_out(desk: Desk, active: AdapterRow | None, answer: Future[Foreseen]) -> None:
    with _in_turn:  # two at once would be slower than one after the other
        try:
            answer.set_result(counts_of(read_sides(desk, active)))
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            answer.set_exception(error)
