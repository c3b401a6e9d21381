"""How far reviewers agree who looked at the same notes: a card of the progress screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from app.core.desk import Desk
from app.core.templates import Pieces
from app.screens.charts.rows import share_row
from data.evaluation.agreement import FieldAgreement, agreement, differing_fields
from data.evaluation.intervals import wilson
from data.task import Task
from data.text.figures import percent
from db.notes.queue.overlap import read_overlap
from db.notes.queue.search import Filters, count_notes
from db.review.figures.statistics import note_names
from db.review.opinions import OpinionRow, find_decided, shared_opinions
from db.store.store import Session

N_NOTES = 1000
"""The newest notes with several opinions that the figures are about; more would not change them."""
N_WORST = 10

_HTML = Pieces("screens/progress/progress.html")


def agreement_card(desk: Desk, session: Session) -> Markup:
    """The card: per field the share of notes with one answer, the coefficients, and the notes that differ most."""
    opinions = shared_opinions(session, N_NOTES)
    overlap, n_disputed = read_overlap(session), count_notes(session, Filters(is_disputed=True, origin="incoming"))
    if not opinions:
        return _HTML.no_opinions(overlap)
    said = {
        number: {one.reviewer: one.extraction for one in some if one.status == "submitted"}
        for number, some in opinions.items()
    }
    found = agreement(desk.task, list(said.values()))
    names = {one.reviewer for some in opinions.values() for one in some}
    rows, worst = _coefficients(desk.task, found), _worst(desk.task, session, said, opinions)
    return _HTML.agreement(len(opinions), len(names), n_disputed, rows, worst)


def _coefficients(task: Task, found: Mapping[str, FieldAgreement]) -> list[tuple[str, Markup, list[str]]]:
    rows = []
    for field in task.fields:
        if (one := found[field.key]).n_notes:
            _, low, high = wilson(round(one.agreed * one.n_notes), one.n_notes)
            figures = ("–" if value is None else f"{value:.2f}" for value in (one.cohen, one.fleiss, one.alpha))
            rows.append((field.title, share_row(one.agreed, low, high), [percent(one.agreed), *figures]))
    return rows


def _worst(
    task: Task,
    session: Session,
    said: Mapping[int, Mapping[str, Mapping[str, str | None]]],
    opinions: Mapping[int, Sequence[OpinionRow]],
) -> list[tuple[int, str, list[str], list[str]]]:
    """The decided notes in which most fields differ: number, name, the fields, and who gave an opinion.

    About the others nobody is to know yet where they differ; whoever decides finds them in the queue.
    """
    titles = {field.key: field.title for field in task.fields}
    differ = {number: differing_fields(task, said[number]) for number in find_decided(session, said)}
    worst = sorted((number for number in differ if differ[number]), key=lambda number: (-len(differ[number]), number))[
        :N_WORST
    ]
    names = note_names(session, worst)
    return [
        (number, names[number], [titles[key] for key in differ[number]], [one.reviewer for one in opinions[number]])
        for number in worst
    ]
