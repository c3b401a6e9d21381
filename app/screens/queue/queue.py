"""The queue: every note, searched and filtered in the store, fifty at a time; and where a file is dropped.

The filter's controls are plain HTML that `filters.js` reads and sets. Gradio carries one line of JSON, what is wanted,
to the server and brings the list back; what the list shows stands in it as JSON, so that whatever is done next is
done to exactly what is on screen.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from markupsafe import Markup
from pydantic import ValidationError

from app.core.desk import Desk
from app.core.errors import sentence_of
from app.core.templates import Pieces
from app.screens.markup import FOLLOWING, SEE_IT_LEARN, STATES, call_script
from app.screens.queue.bulk import MAX_SEARCH_CHARACTERS, Shown, filters_as_json, order_of
from app.screens.queue.samples import samples_line
from app.screens.review.note.frame import MAX_COMMENT_CHARACTERS
from app.screens.review.queue_position import ORDERS, TESTS, read_chosen
from data.cutoffs import SURE
from data.reading.formats import ENDINGS
from db.notes.queue.metadata import metadata_names
from db.notes.queue.novelty import count_compared
from db.notes.queue.order import Order
from db.notes.queue.queue_view import Walk, count_in_walk
from db.notes.queue.saved_filters import MAX_NAME_CHARACTERS, saved_filters
from db.notes.queue.search import Counts, Found, count_found, counts, search_notes
from db.people.reviewers import list_reviewers
from db.schema.errors import StoreError
from db.store.store import Session
from db.training.adapters import list_adapters

N_ROWS = 50
STATE_CHOICES = [
    ("Any state", ""),
    ("To review", "todo"),
    ("Draft", "draft"),
    ("Reviewed", "submitted"),
    ("Skipped", "skipped"),
    ("Flagged", "flagged"),
]
ORIGIN_CHOICES = [("Incoming", "incoming"), ("Originals", "original"), ("Samples", "sample"), ("All notes", "")]
OFFERED: tuple[Order, ...] = ("imported", "doubt", "novelty", "random", "updated")
FIRST = json.dumps({"filters": {"origin": "incoming"}})

_HTML = Pieces("screens/queue/queue.html")
_MARKS = {name: Pieces("screens/markup.html").mark(shown, f"state-{name}") for name, shown in STATES.items()}


def build_queue(desk: Desk) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened.
    """
    with gr.Row(elem_id="queue-top"):
        figures = gr.HTML(elem_id="queue-counts", js_on_load=None)
        gr.HTML(_HTML.importing(ENDINGS), js_on_load=None, elem_id="queue-import")
    gr.HTML(_controls(), elem_id="queue-controls", js_on_load=None)
    table = gr.HTML(elem_id="queue-table", js_on_load=None)
    gr.HTML(_HTML.foot(), elem_id="queue-foot", js_on_load=None)
    wanted = gr.Textbox(FIRST, visible="hidden", container=False)
    refresh = gr.Button(visible="hidden", elem_id="queue-refresh")

    def list_notes(request: gr.Request, sent: str) -> list[Any]:
        return show(desk, request.username, sent)

    outputs = [wanted, figures, table]
    asking = "queue/list/asking.js"
    event = refresh.click(list_notes, [wanted], outputs, js=call_script(asking, "readWanted"), **FOLLOWING)
    event.failure(None, js=call_script(asking, "showFailure"))
    return list_notes, [wanted], outputs


def show(desk: Desk, reviewer: str, sent: str) -> list[Any]:
    """One page of the queue.

    Args:
        reviewer: whose saved filters are offered.
        sent: JSON with `filters`, `order`, `seed` and `page`; whatever of it is not known counts as not sent.

    Returns:
        What was wanted, as it was understood; the counts; the list.
    """
    shown, order, seed, page = _read_request(sent)
    walk = read_chosen({**shown.model_dump(), "order": order, "seed": seed})
    query, link = (walk.query, walk.link) if walk else ("", "")
    try:
        with desk.store.reading() as session:
            figures = counts(session)
            found = count_found(session, shown.filters)
            n_waiting = count_in_walk(session, Walk(shown.filters), reviewer)
            page = max(0, min(page, (found.n_notes - 1) // N_ROWS))
            rows = search_notes(session, shown.filters, order=order, seed=seed, offset=page * N_ROWS, limit=N_ROWS)
            is_unordered = order == "novelty" and not count_compared(session)
            offered, of_samples = _list_choices(session, reviewer), samples_line(session)
    except StoreError as error:
        return [sent, gr.skip(), _HTML.unreadable(sentence_of(error))]
    wanted = {"filters": shown.model_dump(), "order": order, "seed": seed, "page": page}
    n_pages = max(1, -(-found.n_notes // N_ROWS))
    told = {**wanted, "n_pages": n_pages, "n_waiting": n_waiting, **_figures(found), **offered}
    body = _HTML.notes(rows, link, _MARKS, SURE) if rows else _HTML.no_notes(figures.n_notes, SEE_IT_LEARN)
    top = progress_bar(figures) + of_samples
    return [json.dumps(wanted), top, _HTML.listed(json.dumps(told), query, is_unordered, body)]


def _read_request(sent: str) -> tuple[Shown, Order, int, int]:
    try:
        wanted = json.loads(sent)
        shown = Shown.model_validate(wanted.get("filters", {}))
        seed, page = (int(wanted.get(name) or 0) for name in ("seed", "page"))
    except (ValueError, TypeError, AttributeError, ValidationError, RecursionError):
        return Shown(origin="incoming"), "imported", 0, 0
    order = wanted.get("order")
    try:
        known = order_of(order) if isinstance(order, str) else "imported"
    except ValueError:
        known = "imported"
    return shown, known, seed % (1 << 31), max(0, min(page, 1 << 40))


def _figures(found: Found) -> dict[str, int]:
    return {"n_notes": found.n_notes, "n_untouched": found.n_untouched, "n_decided": found.n_decided}


def _list_choices(session: Session, reviewer: str) -> dict[str, Any]:
    """What the controls offer to choose from."""
    kept = saved_filters(session, reviewer)
    return {
        "reviewers": [row.name for row in list_reviewers(session)],
        "adapters": [row.name for row in list_adapters(session)],
        "columns": metadata_names(session),
        "saved": [
            {"id": row.id, "name": row.name, "filters": filters_as_json(row.filters), "order": row.order}
            for row in kept
        ],
    }


def progress_bar(figures: Counts) -> Markup:
    """Reviewed, pre-filled and still bare notes as one bar with a legend."""
    n_done = figures.n_submitted + figures.n_skipped + figures.n_flagged
    n_left = max(0, figures.n_incoming - n_done)
    n_bare = min(n_left, max(0, figures.n_incoming - figures.n_prefilled))
    parts = [
        ("done", figures.n_submitted, "reviewed"),
        ("aside", figures.n_skipped + figures.n_flagged, "skipped or flagged"),
        ("ready", n_left - n_bare, "pre-filled, to review"),
        ("bare", n_bare, "not pre-filled yet"),
    ]
    return _HTML.progress(parts)


def _controls() -> Markup:
    limits = {"search": MAX_SEARCH_CHARACTERS, "comment": MAX_COMMENT_CHARACTERS, "name": MAX_NAME_CHARACTERS}
    orders = [(ORDERS[order].capitalize(), str(order)) for order in OFFERED]
    tests = [(words, test) for test, words in TESTS.items()]
    return _HTML.controls(STATE_CHOICES, ORIGIN_CHOICES, orders, tests, SURE, limits)
