"""The card of the next run: what it would learn from, what it leaves out, and who judges it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.core.desk import Desk
from app.core.templates import Pieces
from app.training.foresight import foresee
from app.training.material import foretell_material, foretell_reach
from db.notes.samples import samples_of
from db.review.reviewed import holdout_rows, read_reviewed_rows, training_rows
from db.training.adapters import activations

_HTML = Pieces("screens/training/training.html")
AWAITED = "Looking for near duplicates of hold-out notes."
"""Stands in the card until they are counted."""


def material_html(desk: Desk) -> Markup:
    """What the next run would learn from. Reads every labelled note, so it is for the opening of the tab."""
    with desk.store.reading() as session:
        sources = Counter(row.source for row in training_rows(session, desk.task))
        n_holdout = sum(1 for _ in holdout_rows(session, desk.task))
        history = activations(session)
        since = history[0].at if history else None
        of_samples = samples_of(session)
        n_new = sum(row.note.split == "train" for row in read_reviewed_rows(session, since=since))
    since_then = n_new if history and sources["annotation"] else None
    foreseen = _foresee(desk) if sources and n_holdout else ""
    return _HTML.material(sources, since_then, n_holdout, foreseen, of_samples)


def awaited_html(desk: Desk, shown: str | None) -> Any:
    """The card once what it waits for is known, and no change before."""
    if AWAITED not in (shown or "") or foresee(desk, patience_s=0) is None:
        return gr.skip()
    return material_html(desk)


def _foresee(desk: Desk) -> str:
    known = foresee(desk)
    if known is None:
        return AWAITED
    with desk.store.reading() as session:
        return " ".join(filter(None, (foretell_material(known), foretell_reach(session, known))))
