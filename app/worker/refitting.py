"""Fitting confidence between trainings: from the first reviewed notes on, for the adapter that suggests."""

from __future__ import annotations

import logging
import time
from typing import Any

from app.core.desk import Desk
from app.core.logs import place
from app.worker.calibration import apply_curves, curves_of, keep_curves, kept_curves, key_of, name_weights, own_curves
from app.worker.engines import with_kept_curves
from data.evaluation.calibration import Calibration
from data.suggestion import Suggestion
from data.task import Extraction, TaskError
from db.people.acting import as_program
from db.review.figures.judged import Judged, count_judged, put_places, read_judged_rows, read_placement, read_unplaced
from db.schema.errors import StoreError
from db.training.adapters import AdapterRow
from trainer.engine.api import Suggester

LOOK_S = 30.0
"""The store is asked so often at most."""
GROWTH = 1.15
"""So many times as many reviewed notes, and the curves are fitted anew."""
MOST_NOTES = 2000
N_TURN = 200
"""Notes that get their places in one turn."""

_log = logging.getLogger(__name__)


class Refitting:
    """Keeps the curves of one adapter up to date, in the home and in the engine that suggests."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._looked = float("-inf")

    def begin(self, adapter: AdapterRow, engine: Suggester) -> None:
        """Give a newly loaded engine the curves that hold."""
        loaded: Any = getattr(engine, "loaded", None)
        if loaded is not None and loaded.manifest is not None:
            name_weights(self._desk.settings, adapter, loaded.manifest.weights_sha256, loaded.calibration)
        self._looked = float("-inf")
        with_kept_curves(self._desk.settings, adapter, engine)

    def turn(self, adapter: AdapterRow, engine: Suggester, *, is_idle: bool = True) -> None:
        """Fit the curves anew where enough notes were reviewed since, and give some notes their places.

        Args:
            adapter: which one the engine suggests with.
            engine: what suggests.
            is_idle: whether there is time for the places.

        Raises:
            StoreError: the store cannot be read or written.
        """
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        try:
            if refit(self._desk, adapter) is not None:
                with_kept_curves(self._desk.settings, adapter, engine)
            if is_idle and self._place(adapter):
                self._looked = float("-inf")  # more of them wait
        except StoreError:
            raise
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, OSError, ImportError) as error:
            _log.warning("confidence could not be fitted: %s", place(error))

    def _place(self, adapter: AdapterRow) -> int:
        """Sort the notes that wait by the curves that hold, a few at a time; where it stopped is in the store."""
        curves, kept = curves_of(self._desk.settings, adapter), kept_curves(self._desk.settings, adapter)
        told = f"{adapter.name} {_fingerprint(curves)}"
        with self._desk.store.reading() as session:
            reached = read_placement(session)
            after = reached.after if reached.curves == told else 0
            rows = [apply_curves(row, kept) for row in read_unplaced(session, adapter.name, after, N_TURN)]
        if rows:
            with as_program(self._desk.store) as program:
                put_places(program, rows, told)
        return len(rows)


def refit(desk: Desk, adapter: AdapterRow) -> Calibration | None:
    """Fit and keep an adapter's curves on what was reviewed; None where too little is new."""
    from data.evaluation.calibration import MIN_NOTES
    from trainer.evaluation.calibrate import calibrate

    with desk.store.reading() as session:
        n_judged = min(count_judged(session, adapter.name), MOST_NOTES)
        known = kept_curves(desk.settings, adapter)
        if n_judged < max(MIN_NOTES, GROWTH * known.n_notes if known else 0):
            return None
        rows = read_judged_rows(session, adapter.name, MOST_NOTES)
    pairs = [pair for row in rows if (pair := _pair(desk, row)) is not None]
    if len(pairs) < MIN_NOTES:
        return None
    gold, answers = [gold for gold, _ in pairs], [answer for _, answer in pairs]
    fitted, _ = calibrate(desk.task, gold, answers, adapter.name, own_curves(desk.settings, adapter))
    return fitted if keep_curves(desk.settings, key_of(desk.settings, adapter), fitted) else None


def _pair(desk: Desk, row: Judged) -> tuple[Extraction, Suggestion] | None:
    """A label and a suggestion; None where they are not of the task as it is now."""
    try:
        gold, suggested = Extraction(desk.task, row.decided), Extraction(desk.task, row.suggested)
    except TaskError:
        return None
    if row.raw_confidence.keys() != set(desk.task.keys):
        return None
    raw = row.raw_confidence
    return gold, Suggestion(suggested, raw, "", "", 1, 0, raw_confidence=raw, grounding=row.grounding)


def _fingerprint(curves: Calibration | None) -> str:
    return "raw" if curves is None else f"{curves.adapter} {curves.n_notes}"
