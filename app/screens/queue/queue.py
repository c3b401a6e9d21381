"""The queue: every note, searched and filtered in the store, fifty at a time; and where a file is dropped.

The filter's controls are plain HTML that `filters.js` reads and sets. Gradio carries one line of JSON, what is wanted,
to the server and brings the list back; what the list shows stands in it as JSON, so that whatever is done next is
done to exactly what is on screen.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any, cast, get_args

import gradio as gr
from pydantic import ValidationError

from app.core.desk import Desk
from app.core.errors import sentence_of
from app.screens.markup import FOLLOWING, SEE_IT_LEARN, calling, empty, moment, percent, state
from app.screens.queue.bulk import MAX_SEARCH_CHARACTERS, Shown, shown_of
from app.screens.queue.samples import CHIP, samples_line
from app.screens.review.note.frame import MAX_COMMENT_CHARACTERS
from app.screens.review.queue_position import ORDERS, chosen
from data.cutoffs import SURE
from db.notes.notes import Counts, Order, QueueRow, counts, search_notes
from db.notes.queue.novelty import count_compared
from db.notes.queue.queue_view import Walk, count_on
from db.notes.queue.saved_filters import MAX_NAME_CHARACTERS, saved_filters
from db.notes.queue.search import Found, count_found
from db.people.reviewers import list_reviewers
from db.store.store import Session, StoreError
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


def build_queue(desk: Desk) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened.
    """
    with gr.Row(elem_id="queue-top"):
        figures = gr.HTML(elem_id="queue-counts", js_on_load=None)
        gr.HTML(_IMPORT, js_on_load=None, elem_id="queue-import")
    gr.HTML(_controls(), elem_id="queue-controls", js_on_load=None)
    table = gr.HTML(elem_id="queue-table", js_on_load=None)
    gr.HTML(_FOOT, elem_id="queue-foot", js_on_load=None)
    wanted = gr.Textbox(FIRST, visible="hidden", container=False)
    refresh = gr.Button(visible="hidden", elem_id="queue-refresh")

    def listed(request: gr.Request, sent: str) -> list[Any]:
        return show(desk, request.username, sent)

    outputs = [wanted, figures, table]
    asking = "queue/list/asking.js"
    event = refresh.click(listed, [wanted], outputs, js=calling(asking, "wanted"), **FOLLOWING)
    event.failure(None, js=calling(asking, "showFailure"))
    return listed, [wanted], outputs


def show(desk: Desk, reviewer: str, sent: str) -> list[Any]:
    """One page of the queue.

    Args:
        reviewer: whose saved filters are offered.
        sent: JSON with `filters`, `order`, `seed` and `page`; whatever of it is not known counts as not sent.

    Returns:
        What was wanted, as it was understood; the counts; the list.
    """
    shown, order, seed, page = _understood(sent)
    walk = chosen({**shown.model_dump(), "order": order, "seed": seed})
    query, link = (walk.query, walk.link) if walk else ("", "")
    try:
        with desk.store.reading() as session:
            figures = counts(session)
            found = count_found(session, shown.filters)
            n_waiting = count_on(session, Walk(shown.filters), reviewer)
            page = max(0, min(page, (found.n_notes - 1) // N_ROWS))
            rows = search_notes(session, shown.filters, order=order, seed=seed, offset=page * N_ROWS, limit=N_ROWS)
            said = _said_of_novelty(count_compared(session)) if order == "novelty" else ""
            offered, of_samples = _offered(session, reviewer), samples_line(session)
    except StoreError as error:
        return [sent, gr.skip(), _trouble(sentence_of(error))]
    wanted = {"filters": shown.model_dump(), "order": order, "seed": seed, "page": page}
    n_pages = max(1, -(-found.n_notes // N_ROWS))
    told = {**wanted, "n_pages": n_pages, "n_waiting": n_waiting, **_figures(found), **offered}
    body = table_html(rows, link) if rows else _no_rows(figures)
    return [
        json.dumps(wanted),
        progress_bar(figures) + of_samples,
        f'<div data-queue="{escape(json.dumps(told))}" data-walk="{escape(query)}">{said}{body}</div>',
    ]


def _understood(sent: str) -> tuple[Shown, Order, int, int]:
    try:
        wanted = json.loads(sent)
        shown = Shown.model_validate(wanted.get("filters", {}))
        seed, page = (int(wanted.get(name) or 0) for name in ("seed", "page"))
    except (ValueError, TypeError, AttributeError, ValidationError, RecursionError):
        return Shown(origin="incoming"), "imported", 0, 0
    order = wanted.get("order")
    known = order if isinstance(order, str) and order in get_args(Order) else "imported"
    return shown, cast(Order, known), seed % (1 << 31), max(0, min(page, 1 << 40))


def _figures(found: Found) -> dict[str, int]:
    return {"n_notes": found.n_notes, "n_untouched": found.n_untouched, "n_decided": found.n_decided}


def _offered(session: Session, reviewer: str) -> dict[str, Any]:
    """What the controls offer to choose from."""
    kept = saved_filters(session, reviewer)
    return {
        "reviewers": [row.name for row in list_reviewers(session)],
        "adapters": [row.name for row in list_adapters(session)],
        "saved": [
            {"id": row.id, "name": row.name, "filters": shown_of(row.filters), "order": row.order} for row in kept
        ],
    }


def _said_of_novelty(n_compared: int) -> str:
    if n_compared:
        return ""
    return (
        '<p class="said">No note has been compared with the reviewed ones yet, so they stand as they were imported. '
        "The worker does it once a note is reviewed and none waits for a suggestion.</p>"
    )


def progress_bar(figures: Counts) -> str:
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
    total = max(1, figures.n_incoming)
    bar = "".join(f'<i class="{name}" style="width:{100 * n / total:.2f}%"></i>' for name, n, _ in parts if n)
    legend = "".join(f'<li class="{name}"><b>{n:,}</b> {words}</li>' for name, n, words in parts)
    return f'<div class="stack" role="img" aria-label="Progress">{bar}</div><ul class="legend">{legend}</ul>'


def table_html(rows: list[QueueRow], query: str = "") -> str:
    """The notes as rows that can be ticked and that open in the review screen.

    Args:
        rows: the notes.
        query: of the walk that goes on from each of them.
    """
    head = "".join(
        f'<th scope="col"{name}>{title}</th>'
        for title, name in (
            ("Note", ""), ("Begins", ""), ("State", ""), ("Least sure", ' class="number"'),
            ("Not found", ' class="number"'), ("Changed", ' class="number"'), ("Reviewer", ' class="late"'),
            ("Last change", ' class="late"'),
        )
    )  # fmt: skip
    tick = '<th scope="col" class="tick"><input type="checkbox" id="tick-all" aria-label="Tick all on this page"></th>'
    lines = "".join(_row(row, query) for row in rows)
    return (
        '<table class="list" aria-label="Notes, with keys: J and K move, Enter opens, X ticks">'
        f"<thead><tr>{tick}{head}</tr></thead><tbody>{lines}</tbody></table>"
    )


def _row(row: QueueRow, query: str) -> str:
    sure = row.min_confidence
    certain = "–" if sure is None else f'<span class="{"" if sure >= SURE else "doubt"}">{percent(sure)}</span>'
    if sure is not None and row.is_raw:
        certain = f'<span class="doubt" title="Not calibrated: the model\'s own probability">raw {percent(sure)}</span>'
    missing = "–" if row.n_not_found is None else str(row.n_not_found)
    changed = "–" if row.n_changed is None else str(row.n_changed)
    name = escape(row.external_id or f"note {row.id}")
    chip = f" {CHIP}" if row.origin == "sample" else ""
    address = escape(f"?note={row.id}{'&' if query else ''}{query}")
    return (
        f'<tr data-note="{row.id}" data-state="{row.state}" data-origin="{row.origin}"'
        f' data-labelled="{int(row.is_labelled)}" tabindex="-1">'
        f'<td class="tick"><input type="checkbox" tabindex="-1" aria-label="Tick {name}"></td>'
        f'<th scope="row" class="name"><a href="{address}" tabindex="-1">{name}</a>{chip}</th>'
        f'<td class="begins" dir="auto">{escape(row.preview)}</td><td>{state(row.state)}</td>'
        f'<td class="number">{certain}</td>'
        f'<td class="number"><span class="{"missing" if row.n_not_found else ""}">{missing}</span></td>'
        f'<td class="number">{changed}</td>'
        f'<td class="late">{escape(row.reviewer or "–")}</td><td class="late">{moment(row.updated_at)}</td></tr>'
    )


def _no_rows(figures: Counts) -> str:
    if not figures.n_notes:
        return empty(
            "No notes yet.", f"Drop a file on this page, choose one above, or run caseloop import FILE. {SEE_IT_LEARN}"
        )
    way_out = '<p><button type="button" class="plain" data-queue-do="clear">Clear the filter</button></p>'
    said = empty("No note fits.", "Take a filter away, or search for fewer words; every word must be in the note.")
    return said.removesuffix("</div>") + way_out + "</div>"


def _trouble(sentence: str) -> str:
    """What stands in the list's place when the store cannot be read; the filter stays as it is."""
    return (
        '<div class="empty trouble-here" role="alert"><strong>The notes cannot be listed.</strong>'
        f"<p>{escape(sentence)}</p>"
        '<p><button type="button" class="plain" data-queue-do="refresh">Try again</button></p></div>'
    )


def _select(name: str, label: str, choices: list[tuple[str, str]]) -> str:
    options = "".join(f'<option value="{escape(value)}">{escape(title)}</option>' for title, value in choices)
    select = f'<select name="{name}" aria-label="{label}">{options}</select>'
    return f'<label class="choice"><span>{label}</span>{select}</label>'


def _check(name: str, label: str, title: str) -> str:
    return f'<label class="chip" title="{title}"><input type="checkbox" name="{name}"><span>{label}</span></label>'


def _controls() -> str:
    """The filter, what can be done to what it shows, and the windows in which that is asked for."""
    orders = [(ORDERS[order].capitalize(), str(order)) for order in OFFERED]
    return (
        '<form id="queue-filters" role="search" aria-label="Filter the notes" autocomplete="off">'
        '<div class="filter-line"><input type="search" id="queue-search" name="text" aria-label="Search the notes"'
        f' placeholder="Search the notes" maxlength="{MAX_SEARCH_CHARACTERS}" spellcheck="false">'
        '<kbd aria-hidden="true">/</kbd>'
        '<label class="choice"><span>Saved filter</span>'
        '<select id="queue-saved" aria-label="Saved filter"></select></label>'
        '<button type="button" class="plain" data-queue-do="save">Save filter…</button>'
        '<button type="button" class="plain" data-queue-do="drop" hidden>Delete it</button>'
        '<button type="button" class="plain" data-queue-do="clear" hidden>Clear</button></div>'
        f'<div class="filter-line">{_select("state", "State", STATE_CHOICES)}'
        f"{_select('origin', 'Origin', ORIGIN_CHOICES)}{_select('reviewer', 'Reviewer', [('Anybody', '')])}"
        f"{_select('adapter', 'Adapter', [('Any adapter', '')])}"
        '<fieldset class="chips"><legend>Only</legend>'
        f"{_check('is_unsure', 'unsure', f'A field below {SURE:.0%}')}"
        f"{_check('is_not_found', 'not found', 'A suggested value that the note does not hold')}"
        f"{_check('is_corrected', 'corrected', 'The reviewer disagreed with the model')}"
        f"{_check('is_disputed', 'to adjudicate', 'Reviewers disagreed with each other; a lead decides')}</fieldset>"
        f"{_select('order', 'Order', orders)}</div></form>"
        '<div id="queue-many"><p id="queue-found" role="status"></p>'
        '<button type="button" class="strong-button" data-queue-do="review"></button>'
        '<button type="button" class="plain" data-queue-do="refresh" hidden>Try again</button>'
        '<span class="spring"></span>'
        '<button type="button" class="plain" data-queue-do="untick" hidden>Untick all</button>'
        '<button type="button" class="plain" data-queue-act="skip"></button>'
        '<button type="button" class="plain" data-queue-act="flag"></button>'
        '<button type="button" class="plain" data-queue-act="reopen"></button></div>'
        '<div id="queue-done" role="status" hidden><span></span>'
        '<button type="button" class="plain" data-queue-do="undo">Undo</button>'
        '<button type="button" class="plain" data-queue-do="stop" hidden>Stop</button></div>'
        f"{_ASK}"
    )


_ASK = (
    '<dialog id="queue-ask" aria-labelledby="queue-ask-title"><form method="dialog"><h3 id="queue-ask-title"></h3>'
    '<p id="queue-ask-says"></p>'
    '<label id="queue-ask-line" hidden><span></span>'
    f'<input type="text" maxlength="{MAX_COMMENT_CHARACTERS}" data-name-limit="{MAX_NAME_CHARACTERS}"></label>'
    '<div class="answers"><button type="button" class="plain" data-queue-do="cancel">Cancel</button>'
    '<button type="submit" value="yes" class="strong-button"></button></div></form></dialog>'
)
_FOOT = (
    '<div id="queue-pages" hidden><button type="button" class="plain" data-queue-do="back">Earlier</button>'
    '<p id="queue-place" class="quiet"></p><button type="button" class="plain" data-queue-do="on">Later</button></div>'
    '<p class="help"><kbd>/</kbd> search, <kbd>J</kbd> <kbd>K</kbd> or arrows move, <kbd>Enter</kbd> opens, '
    '<span class="ticks"><kbd>X</kbd> ticks, </span><kbd>R</kbd> reviews these, <kbd>Esc</kbd> leaves the search.</p>'
)
_IMPORT = (
    '<div id="import" role="button" tabindex="0" title="It is shown before anything is written.">'
    "<p><b>Import notes:</b> drop a file here or choose one "
    '<span class="quiet">(.jsonl .json .csv .tsv .parquet .txt)</span></p></div>'
    '<input id="import-file" type="file" accept=".jsonl,.ndjson,.json,.csv,.tsv,.txt,.parquet" hidden>'
    '<div id="import-report" role="status"></div>'
    '<dialog id="import-preview" aria-labelledby="import-title"></dialog>'
)
