"""How far reviewers agree who looked at the same notes: a card of the progress screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from app.core.desk import Desk
from app.screens.charts.bars import share_row
from app.screens.markup import empty, percent, plural, table
from data.evaluation.agreement import FieldAgreement, agreement, differing
from data.evaluation.intervals import wilson
from data.task import Task
from db.notes.notes import Filters, count_notes
from db.notes.queue.overlap import read_overlap
from db.review.figures.statistics import note_names
from db.review.opinions import OpinionRow, decided_among, shared_opinions
from db.store.store import Session

N_NOTES = 1000
"""The newest notes with several opinions that the figures are about; more would not change them."""
N_WORST = 10


def agreeing(desk: Desk, session: Session) -> str:
    """The card: per field the share of notes with one answer, the coefficients, and the notes that differ most."""
    title = "<h3>How far reviewers agree</h3>"
    opinions = shared_opinions(session, N_NOTES)
    overlap, n_disputed = read_overlap(session), count_notes(session, Filters(is_disputed=True, origin="incoming"))
    if not opinions:
        return title + (
            empty(
                "No note has two opinions yet.",
                f"{percent(overlap.share)} of the notes are given to {overlap.n_opinions} reviewers each.",
            )
            if overlap.share
            else empty(
                "Every note has one reviewer.",
                "Under Settings a share of the notes can be given to several, to see how far they agree.",
            )
        )
    said = {
        number: {one.reviewer: one.extraction for one in some if one.status == "submitted"}
        for number, some in opinions.items()
    }
    found = agreement(desk.task, list(said.values()))
    names = {one.reviewer for some in opinions.values() for one in some}
    told = f"{plural(len(opinions), 'note')}, {plural(len(names), 'reviewer')}"
    waiting = f"; {n_disputed:,} to adjudicate (in the queue)" if n_disputed else ""
    return f'{title}<p class="quiet">{told}{waiting}</p>{_coefficients(desk.task, found)}' + _worst(
        desk.task, session, said, opinions
    )


def _coefficients(task: Task, found: Mapping[str, FieldAgreement]) -> str:
    rows = []
    for field in task.fields:
        one = found[field.key]
        if not one.n_notes:
            continue
        _, low, high = wilson(round(one.agreed * one.n_notes), one.n_notes)
        rows.append(
            (
                f"<b>{escape(field.title)}</b>",
                share_row(one.agreed, low, high),
                percent(one.agreed),
                *(_shown(value) for value in (one.cohen, one.fleiss, one.alpha)),
            )
        )
    columns = ("Field", "", "Agree", "Cohen κ", "Fleiss κ", "Kripp. α")
    return f'<div class="agreement">{table(columns, rows, numbers=range(2, 6))}</div>{_HOW_TO_READ}'


_HOW_TO_READ = (
    '<p class="quiet">Cohen’s and Fleiss’ kappa, Krippendorff’s alpha: 1 is full agreement, 0 what chance alone would'
    " give; – where everybody always said the same, so that chance would agree as well. The bar is the share of notes"
    " with one answer, with its interval.</p>"
)


def _worst(
    task: Task,
    session: Session,
    said: Mapping[int, Mapping[str, Mapping[str, str | None]]],
    opinions: Mapping[int, Sequence[OpinionRow]],
) -> str:
    """The decided notes in which most fields differ, each a click away.

    About the others nobody is to know yet where they differ; whoever decides finds them in the queue.
    """
    titles = {field.key: field.title for field in task.fields}
    differ = {number: differing(task, said[number]) for number in decided_among(session, said)}
    worst = sorted((number for number in differ if differ[number]), key=lambda number: (-len(differ[number]), number))[
        :N_WORST
    ]
    if not worst:
        return ""
    names = note_names(session, worst)
    rows = (
        (
            f'<button type="button" class="note" data-note="{number}">{escape(names[number])}</button>',
            escape(", ".join(titles[key] for key in differ[number])),
            escape(", ".join(one.reviewer for one in opinions[number])),
        )
        for number in worst
    )
    listed = table(("Note", "Differ in", "Reviewers"), rows)
    return f'<h4>Notes that differ most</h4><div class="confusions">{listed}</div>'


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
