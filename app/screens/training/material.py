"""The card of the next run: what it would learn from, what it leaves out, and who judges it."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any

import gradio as gr

from app.core.desk import Desk
from app.screens.markup import plural
from app.training.foresight import foreseen
from app.training.material import foretold, foretold_reach
from db.notes.samples import Samples, samples_of
from db.review.decisions import holdout_rows, reviewed, training_rows
from db.training.adapters import activations

AWAITED = "Looking for near duplicates of hold-out notes."
"""Stands in the card until they are counted."""


def material_html(desk: Desk) -> str:
    """What the next run would learn from. Reads every labelled note, so it is for the opening of the tab."""
    with desk.store.reading() as session:
        sources = Counter(row.source for row in training_rows(session, desk.task))
        n_holdout = sum(1 for _ in holdout_rows(session, desk.task))
        history = activations(session)
        since = history[0].at if history else None
        of_samples = samples_of(session)
        n_new = sum(row.note.split == "train" for row in reviewed(session, since=since))
    new = f", {n_new:,} of them since the active adapter took over" if history and sources["annotation"] else ""
    return (
        f"<h3>The next run</h3><p>It learns from <b>{plural(sources['original'], 'original')}</b> that came with labels"
        f" and <b>{plural(sources['annotation'], 'reviewed note')}</b>{new}."
        f" {plural(n_holdout, 'labelled note')} are held out: never learned from, they decide whether it is better."
        f"{_foreseen_html(desk) if sources and n_holdout else ''}</p>"
        f"{_told_of_samples(of_samples)}{'' if sources['annotation'] else _see_it_learn_html()}"
    )


def awaited_html(desk: Desk, shown: str | None) -> Any:
    """The card once what it waits for is known, and no change before."""
    if AWAITED not in (shown or "") or foreseen(desk, patience_s=0) is None:
        return gr.skip()
    return material_html(desk)


def _told_of_samples(found: Samples) -> str:
    """What the samples count for; the queue has the button that takes them out."""
    if not found.n_notes:
        return ""
    many = plural(found.n_notes, "note here is a sample", "notes here are samples")
    return f'<p class="quiet">{many}, synthetic with invented patients. {escape(found.sentence)}</p>'


def _see_it_learn_html() -> str:
    """For a desk on which nothing was reviewed: what a run is good for can be seen on another one."""
    return (
        "<h3>See it learn</h3><p>Nothing here is reviewed yet. <code>caseloop demo</code> shows what comes of it, step"
        " by step and within ten minutes: 60 made-up notes are corrected into a house's style, the model learns from"
        " them, passes the gate on 60 others, and fills in the next notes in that style. It has a desk of its own and"
        " touches nothing on this one; <code>caseloop demo --keep learned</code> keeps it to look around in.</p>"
    )


def _foreseen_html(desk: Desk) -> str:
    known = foreseen(desk)
    if known is None:
        return f" {AWAITED}"
    with desk.store.reading() as session:
        said = " ".join(filter(None, (foretold(known), foretold_reach(session, known))))
    return f" {escape(said)}" if said else ""
