"""A note that a reviewer has open and that lacks a suggestion: the worker is told."""

from __future__ import annotations

import logging
import threading

from app.core.desk import Desk
from app.core.logs import place
from db.notes.queue.waiting import open_note
from db.people.acting import as_program
from db.schema.errors import StoreError

_log = logging.getLogger(__name__)


def ask_for(desk: Desk, reviewer: str, note_id: int) -> None:
    """Tell the worker that a reviewer waits for this note, without making them wait for the store's other writers."""
    threading.Thread(target=_tell, args=(desk, reviewer, note_id), daemon=True).start()


def _tell(desk: Desk, reviewer: str, note_id: int) -> None:
    try:
        with as_program(desk.store) as program:
            open_note(program, reviewer, note_id)
    except StoreError as error:  # the note is read in its turn
        _log.warning("an open note could not be kept: %s", place(error))
