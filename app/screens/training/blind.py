"""The blind comparison: note by note two answers without names, and the count of what was preferred.

While it is open nothing else of the screen is: what the page holds says nowhere which answer is whose, and the server
alone tells the sides apart. Where a reader stands is in the store, so a reload goes on where they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.core.desk import Desk
from app.core.errors import DeskError, InputError, sentence_of
from app.core.templates import Pieces
from app.screens.markup import QUICK, chance, refused, try_action
from app.screens.review.note.highlights import mark_evidence
from app.training.answers import AnsweredNote, comparable_answers, sign_test
from app.training.requests import run_directory
from data.grounding.evidence import find_evidence
from data.suggestion import Span
from db.notes.notes import NoteRow, notes_by_hash
from db.people.acting import acting
from db.schema.errors import StoreError
from db.training.adapters import get_adapter
from db.training.preferences import Choice, Tally, add_preference, preferences, tallies
from db.training.runs import TrainingRunRow, get_run

_HTML = Pieces("screens/training/verdict.html")
SIDES = {"left": "Left is better", "same": "No difference", "right": "Right is better"}


@dataclass(frozen=True)
class Comparison:
    """A run's two adapters on the notes where their answers differ, as one reviewer gets them.

    Attributes:
        notes: in the reviewer's own order, each with its row in the store.
        seed: what the sides are drawn from: it holds a fingerprint of the weights, which is on no page.
    """

    run: TrainingRunRow
    old: str
    new: str
    notes: tuple[tuple[AnsweredNote, NoteRow], ...]
    seed: str

    def choice_of(self, note: AnsweredNote, side: str) -> Choice:
        """Whose answer stands on a side."""
        if side == "same":
            return "same"
        return "new" if (side == "left") == note.left_is_new(self.seed) else "old"


@dataclass(frozen=True)
class BlindPanel:
    """The parts of the panel that the screen around it opens, fills and closes.

    Attributes:
        whole: hidden until it is opened.
        parts: what `show` gives values for, in its order.
        stop: ends the comparison.
    """

    whole: Any
    parts: list[Any]
    stop: Any


def build_blind(desk: Desk) -> BlindPanel:
    """Lay out the panel and wire the choices."""
    at = gr.Textbox("", visible="hidden", elem_id="blind-at", container=False)
    with gr.Column(visible=False, elem_id="blind") as whole:
        with gr.Row(elem_classes="line card", elem_id="blind-top"):
            heading = gr.HTML(elem_id="blind-head", js_on_load=None)
            stop = gr.Button("Stop and show the count", elem_id="blind-stop", min_width=0)
        with gr.Row(elem_classes="columns-2", visible=False) as pages:
            text = gr.HTML(elem_classes="card", elem_id="blind-note", js_on_load=None)
            with gr.Column(elem_classes="card"):
                answers = gr.HTML(elem_id="blind-answers", js_on_load=None)
                with gr.Row(elem_classes="line"):
                    sides = {
                        side: gr.Button(label, elem_id=f"blind-{side}", min_width=0) for side, label in SIDES.items()
                    }
                    skip = gr.Button("Skip", elem_id="blind-skip", min_width=0)
        said = gr.HTML(elem_id="blind-said", js_on_load=None)
    parts = [at, heading, text, answers, pages, stop]

    def choose_side(side: str) -> Callable[..., list[Any]]:
        def keep(request: gr.Request, at: str) -> list[Any]:
            refusal = try_action(lambda: choose(desk, request.username, at, side))
            return [refusal, *show(desk, request.username, at)]

        return keep

    def skip_note(request: gr.Request, at: str) -> list[Any]:
        return show(desk, request.username, at)

    for side, button in sides.items():
        button.click(choose_side(side), [at], [said, *parts], **QUICK)
    skip.click(skip_note, [at], parts, **QUICK)
    return BlindPanel(whole, parts, stop)


def compare(desk: Desk, run_id: int, reviewer: str) -> Comparison | None:
    """What there is to compare for a run; None where its adapters have not both answered.

    Raises:
        StoreError: there is no such run.
        DeskError: the answers cannot be read.
    """
    with desk.store.reading() as session:
        run = get_run(session, run_id)
        old = run.config.get("parent")
        if not old or not run.adapter or run.status != "finished":
            return None
        weights = get_adapter(session, run.adapter).weights_sha256
        answered = [
            note for note in comparable_answers(desk.task, run_directory(desk.settings, run_id)) if note.differing
        ]
        known = notes_by_hash(session, [note.note_hash for note in answered])
    seed = f"{weights} {reviewer}"
    answered = sorted(answered, key=lambda note: hashlib.sha256(f"{note.note_hash} {seed}".encode()).digest())
    # A text under several ids may stand in the hold-out with several labels; it is shown once.
    pairs = {row.id: (note, row) for note in answered if (row := known.get(note.note_hash)) is not None}
    return Comparison(run, str(old), run.adapter, tuple(pairs.values()), seed) if pairs else None


def choose(desk: Desk, reviewer: str, at: str, side: str) -> None:
    """Keep which side a reviewer preferred for the note that the page shows.

    Args:
        desk: the desk.
        reviewer: who chose.
        at: what `show` put on the page: run and note.
        side: `left`, `right` or `same`.

    Raises:
        InputError: the page shows no note of the comparison, or the side is none.
    """
    run_id, note_id = _place(at)
    comparison = compare(desk, run_id, reviewer)
    found = [note for note, row in comparison.notes if row.id == note_id] if comparison else []
    if comparison is None or not found or side not in SIDES:
        raise InputError("The choice is for neither side of this note. Open it again.")
    with acting(desk.store, reviewer, "review") as act:
        add_preference(
            act,
            run_id=run_id,
            note_id=note_id,
            old_adapter=comparison.old,
            new_adapter=comparison.new,
            choice=comparison.choice_of(found[0], side),
        )


def _place(at: str) -> tuple[int, int]:
    run, _, note = at.partition(":")
    is_number = all(part.isascii() and part.isdigit() and len(part) < 18 for part in (run, note or "0"))
    return (int(run), int(note or 0)) if is_number else (0, 0)


def show(desk: Desk, reviewer: str, at: str) -> list[Any]:
    """Values of the panel: place, heading, note, answers, and the buttons.

    Args:
        desk: the desk.
        reviewer: who looks.
        at: the run, and the note just left, behind which the next one is looked for.
    """
    run_id, left = _place(at)
    try:
        comparison = compare(desk, run_id, reviewer)
    except (DeskError, StoreError) as error:
        return _values("", refused(sentence_of(error)))
    if comparison is None:
        return _values("", _HTML.blind_head())
    with desk.store.reading() as session:
        judged = {row.note_id for row in preferences(session, run_id, reviewer)}
    open_now = [pair for pair in comparison.notes if pair[1].id not in judged]
    n_notes = len(comparison.notes)
    if not open_now:
        return _values(f"{run_id}:", _HTML.blind_head(n_notes, n_notes, _count_choices(desk, comparison.run)))
    ids = [row.id for _, row in comparison.notes]
    behind = ids.index(left) if left in ids else -1
    note, row = next((pair for pair in open_now if ids.index(pair[1].id) > behind), open_now[0])
    heading = _HTML.blind_head(n_notes - len(open_now), n_notes)
    return _values(f"{run_id}:{row.id}", heading, _text(desk, note, row), _answers(comparison, note))


def _values(at: str, heading: str, text: str = "", answers: str = "") -> list[Any]:
    is_open = bool(answers)
    last = gr.Button("Stop and show the count" if is_open else "Back to the verdict")
    return [at, heading, text, answers, gr.Row(visible=is_open), last]


def _text(desk: Desk, note: AnsweredNote, row: NoteRow) -> Markup:
    """The note, with the words marked that either answer rests on in the fields that differ."""
    evidence: dict[str, list[Span]] = {field.key: [] for field in note.differing}
    for answer in (note.old, note.new):
        found = find_evidence(desk.task, row.text, answer) if answer is not None else {}
        for key in evidence:
            evidence[key] += found.get(key, ())
    return _HTML.blind_note(row, mark_evidence(desk.task, row.text, evidence))


def _answers(comparison: Comparison, note: AnsweredNote) -> Markup:
    left, right = (note.new, note.old) if note.left_is_new(comparison.seed) else (note.old, note.new)
    return _HTML.blind_answers(note.task.fields, note.differing, left, right)


def _count_choices(desk: Desk, run: TrainingRunRow) -> Markup:
    with desk.store.reading() as session:
        return tallies_html(tallies(session, run.id))


def tallies_html(counted: Mapping[str, Tally]) -> Markup:
    """What was preferred so far, reviewer by reviewer, and whether chance would do as much; empty for nobody."""
    return _HTML.tallies([(name, tally, chance(sign_test(tally))) for name, tally in sorted(counted.items())])


def invitation_html(desk: Desk, run: TrainingRunRow) -> tuple[str, bool]:
    """What the verdict page says about the blind comparison, and whether it can be opened."""
    try:
        comparison = compare(desk, run.id, reviewer="")
    except (DeskError, StoreError):
        return "", False  # the page says so where it shows the notes
    if comparison is None:
        return "", False
    return _HTML.invitation(len(comparison.notes), _count_choices(desk, run)), True
