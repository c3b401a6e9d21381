"""The verdict on a run's adapter as a page: how sure it is, field by field, what blocked it, and note by note."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.core.desk import Desk
from app.core.errors import DeskError
from app.core.templates import Pieces
from app.screens.charts.plots import reliability
from app.screens.charts.rows import Effect, EffectPlot
from app.screens.markup import chance, heading, refused
from app.screens.training.blind import invitation_html
from app.screens.training.differences import notes_html
from app.training.answers import comparable_answers
from app.training.decisions import rejection
from app.training.material import describe_left_out
from app.training.requests import run_directory, run_name
from data.evaluation.reliability import WANTED_ACCURACY
from data.gate.gate import OUTWEIGHED
from data.task import Task
from data.text.figures import percent, plural
from db.notes.notes import notes_by_hash
from db.training.adapters import activations, active_adapter
from db.training.preferences import preferences
from db.training.runs import TrainingRunRow, list_runs

OUTCOMES = {
    "first": ("●", "the first one", "passed"),
    "better": ("▲", "better", "passed"),
    "unclear": ("○", "too few notes to tell", "refused"),
    "worse": ("▼", "worse", "failed"),
    "blocked": ("■", "blocked", "failed"),
    # Of runs from before the gate knew how sure it was.
    "passed": ("▲", "right more often", "passed"),
    "refused": ("○", "not right more often", "refused"),
}
DIRECTIONS = {"better": ("▶", "better"), "worse": ("◀", "worse"), "unclear": ("○", "no clear change")}
N_RUNS = 50

_HTML = Pieces("screens/training/verdict.html")


def outcome_of(gate: Mapping[str, Any]) -> str:
    """The verdict in a word, also of runs that kept only whether it passed."""
    known = str(gate.get("outcome", ""))
    return known if known in OUTCOMES else "passed" if gate.get("passed") else "refused"


def verdict_word(run: TrainingRunRow) -> str:
    """The verdict on a run's adapter as a shape and a word."""
    shape, word, _ = OUTCOMES[outcome_of(run.gate or {})]
    return f"{shape} {word}"


@dataclass(frozen=True)
class VerdictCard:
    """The parts of the card that the screen around it fills and wires.

    Attributes:
        seen: what the page shows, so that a look every two seconds sends nothing new and folds nothing up.
        run: the chosen run.
        parts: what `show` gives values for, in its order.
    """

    whole: Any
    seen: Any
    run: Any
    reason: Any
    activate: Any
    reject: Any
    back: Any
    compare: Any
    said: Any
    parts: list[Any]


def build_verdict() -> VerdictCard:
    """Lay out the card; it is hidden until a run has a verdict."""
    seen = gr.Textbox("", visible="hidden", container=False)
    with gr.Column(elem_classes="card", elem_id="verdict", visible=False) as whole:
        with gr.Row(elem_classes="line", elem_id="verdict-top"):
            gr.HTML(heading("The verdict"), js_on_load=None)
            run = gr.Dropdown([], label="Run", elem_id="verdict-run", min_width=220)
        head = gr.HTML(elem_id="verdict-head", js_on_load=None)
        with gr.Row(elem_classes="line", elem_id="verdict-actions"):
            reason = gr.Textbox(label="Reason", placeholder="why", elem_id="verdict-reason", max_lines=1)
            activate = gr.Button(elem_id="verdict-activate", min_width=0)
            reject = gr.Button(elem_id="verdict-reject", min_width=0)
            back = gr.Button(elem_id="verdict-back", min_width=0)
        said = gr.HTML(elem_id="verdict-said", js_on_load=None)
        figures = gr.HTML(elem_id="verdict-figures", js_on_load=None)
        invitation = gr.HTML(elem_id="verdict-blind", js_on_load=None)
        compare = gr.Button("Compare blind", elem_id="blind-open", min_width=0)
        notes = gr.HTML(elem_id="verdict-notes", js_on_load=None)
    parts = [whole, seen, run, head, activate, reject, back, figures, invitation, compare, notes]
    return VerdictCard(whole, seen, run, reason, activate, reject, back, compare, said, parts)


def show(desk: Desk, chosen: str | None, seen: str) -> list[Any]:
    """Values of the card's parts; none changes while there is nothing new.

    Args:
        desk: the desk.
        chosen: number of the run on the page; a newer one takes its place when the page showed the newest.
        seen: what the page shows, as this gave it.
    """
    with desk.store.reading() as session:
        runs = {str(run.id): run for run in list_runs(session, status="finished", limit=N_RUNS) if run.gate}
        newest = next(iter(runs), "")
        run = runs.get(newest if chosen == seen.partition(" ")[0] else chosen or newest, runs.get(newest))
        active, restorable = active_adapter(session), len(activations(session)) > 1
        n_judged = len(preferences(session, run.id)) if run else 0
    if run is None:
        return [gr.Column(visible=False), "", *[gr.skip()] * 9]
    name = active.name if active else ""
    now = f"{newest} {run.id} {name} {n_judged} {json.dumps((run.gate or {}).get('decision'))}"
    if now == seen:
        return [gr.skip()] * 11
    invitation, is_open = invitation_html(desk, run)
    choices = [(f"{run_name(one.id)}  {verdict_word(one)}", number) for number, one in runs.items()]
    return [
        gr.skip() if seen else gr.Column(visible=True),
        now,
        gr.Dropdown(choices=choices, value=str(run.id)),
        head_html(run),
        *_buttons(run, name, can_go_back=restorable),
        figures_html(desk.task, run),
        invitation,
        gr.Button(visible=is_open),
        _notes(desk, run) + confidence_html(((run.metrics or {}).get("new") or {}).get("confidence")),
    ]


def _buttons(run: TrainingRunRow, active: str, *, can_go_back: bool) -> list[Any]:
    """Activate, reject and roll back, each named after what it does; those without a meaning now are hidden."""
    is_active, gate = run.adapter == active, run.gate or {}
    is_rejected = rejection(gate) is not None
    anyway = "" if gate.get("passed") and not is_rejected else " anyway"
    return [
        gr.Button(
            f"Activate {run.adapter}{anyway}", variant="secondary" if anyway else "primary", visible=not is_active
        ),
        gr.Button(f"Reject {run.adapter}", visible=not is_active and not is_rejected),
        gr.Button(f"Roll back from {run.adapter}", visible=is_active and can_go_back),
    ]


def head_html(run: TrainingRunRow) -> Markup:
    """The verdict in a word and in the gate's own sentence, what speaks against it, and what was decided."""
    gate = run.gate or {}
    *shown, kind = OUTCOMES[outcome_of(gate)]
    decision = gate.get("decision")
    decided = decision if isinstance(decision, Mapping) else None
    return _HTML.head(kind, shown, _sentence(gate), gate.get("reasons"), decided, describe_left_out(run.config))


def _sentence(gate: Mapping[str, Any]) -> str:
    """The gate's sentence without what speaks against the adapter: that has its own place on the page."""
    sentence = str(gate.get("sentence", ""))
    for reason in gate.get("reasons") or ():
        sentence = sentence.replace(f" {reason}", "")
    return sentence


def figures_html(task: Task, run: TrainingRunRow) -> Markup:
    """Field by field what changed and how sure that is, and what else was measured."""
    rows, facts = field_rows(task, run), _HTML.facts(list(_facts(run.gate or {})))
    if not rows:
        return facts
    effects = [effect for *_, effect in rows if effect is not None]
    floor = OUTWEIGHED * max(effects[0].change, 0.0) if effects else 0.0
    return _HTML.figures(rows, EffectPlot(effects, floor) if effects else None, floor, DIRECTIONS) + facts


FieldRow = tuple[str, float | None, float | None, Effect | None]


def field_rows(task: Task, run: TrainingRunRow) -> list[FieldRow]:
    """Title, old share, new share and change: all fields together, then each; empty where nothing was kept."""
    gate, metrics = run.gate or {}, run.metrics or {}
    kept = gate.get("fields") or {}
    old, new = metrics.get("old") or {}, metrics.get("new") or metrics
    rows: list[FieldRow] = [("All fields together", *_row(gate, gate.get("change") or {}))]
    for field in task.fields:
        figures = kept.get(field.key) or {"old": _share(old, field.key), "new": _share(new, field.key)}
        rows.append((field.title, *_row(figures, figures)))
    return rows if any(share is not None for _, _, share, _ in rows[1:]) else []


def _row(shares: Mapping[str, Any], by: Mapping[str, Any]) -> tuple[float | None, float | None, Effect | None]:
    old, new = shares.get("old"), shares.get("new")
    change = by.get("change")
    if change is None and old is not None and new is not None:
        change = new - old
    return old, new, None if change is None else Effect(change, by.get("low"), by.get("high"))


def _share(score: Mapping[str, Any], key: str) -> float | None:
    value = ((score.get("fields") or {}).get(key) or {}).get("normalised")
    return None if value is None else float(value)


def _facts(gate: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What else was measured, one line each: what it is about, and what was found."""
    whole, invented = gate.get("all_fields") or {}, gate.get("hallucination") or {}
    valid = gate.get("json_valid") or {}
    if whole:
        tested = ""
        if whole.get("p") is not None:
            gained, lost = plural(whole["n_gained"], "note"), f"{whole['n_lost']:,}"
            tested = f" {gained} gained it, {lost} lost it. {chance(whole['p'])}"
        yield "Every field right", f" in {percent(whole.get('new'))} of the notes{_before_words(whole)}.{tested}"
    if invented:
        effect = _row(invented, invented)[2]
        # Less of it is better.
        words = {"better": "more than before", "worse": "less than before", "unclear": "no clear change"}
        said = f": {words[effect.direction]}" if effect is not None and effect.low is not None else ""
        share = f"{percent(invented.get('new'))} of such fields{_before_words(invented)}"
        yield "A value where the note has none", f" in {share}{said}."
    if valid:
        yield "Replies that could be read", f": {percent(valid.get('new'))}{_before_words(valid)}."
    if gate.get("detectable") is not None and gate.get("outcome") != "unclear":  # there the sentence says it
        sure = f" show a true difference of {100 * gate['detectable']:.1f} points in 8 of 10 cases"
        yield plural(gate["n_notes"], "note"), f"{sure}; a smaller one is easily missed."
    if gate.get("n_uses") is not None:
        often = f"had decided {plural(gate['n_uses'], 'time')} before" if gate["n_uses"] else "had never decided before"
        yield "This hold-out", f" {often}."


def _before_words(figures: Mapping[str, Any]) -> str:
    return "" if figures.get("old") is None else f" (before: {percent(figures['old'])})"


def _notes(desk: Desk, run: TrainingRunRow) -> Markup:
    """The notes that changed, side by side."""
    try:
        answered = comparable_answers(desk.task, run_directory(desk.settings, run.id))
    except DeskError as error:
        return refused(str(error))
    if not answered:
        return _HTML.no_differences()
    with desk.store.reading() as session:
        known = notes_by_hash(session, [note.note_hash for note in answered if note.n_gained])
    return notes_html(answered, known, str(run.config.get("parent") or "the active one"), str(run.adapter))


def confidence_html(measured: Mapping[str, Any] | None) -> Markup:
    """How far an adapter's confidence can be trusted: a sentence, and the diagram that supports it.

    Args:
        measured: of `data.evaluation.scoring.Confidence.to_json`, None where it was not.
    """
    figures = (measured or {}).get("overall")
    if not measured or not figures:
        return Markup()
    covered = float(figures[f"coverage_at_{WANTED_ACCURACY}"])
    kept = (
        f"of the surest {percent(covered)} of its values {percent(WANTED_ACCURACY)} are right"
        if covered
        else f"no share of its values is {percent(WANTED_ACCURACY)} right"
    )
    return _HTML.confidence(measured, kept, reliability(figures["bins"], "share right over confidence"))
