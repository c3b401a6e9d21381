"""The demonstration: a desk of its own that learns a house's style from a few corrections, told step by step."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType

from app.access.guard import LOCAL_REVIEWER
from app.core.desk import Desk, open_desk
from app.core.errors import InputError, Interrupted
from app.operations.demo_report import Answer, FieldShown, Shown, Told
from app.training.conclusion import Outcome
from app.training.requests import Progress, TrainOptions, request_run
from app.training.runner import train_now
from app.worker.prefill import Prefill
from data.evaluation.scoring import is_right
from data.notes import Note, make_note
from data.prefill.withholding import find_withheld
from data.snapshot import Row
from data.storage.files import whole_directory
from data.synthetic.sets.demo_notes import Demo, demo_notes
from data.synthetic.sets.shipped import TASK_NAME
from data.task import Task
from db.notes.notes import add_notes, find_note
from db.notes.suggestions import suggestion_of
from db.people.acting import acting, as_program
from db.review.decisions import submit

EPOCHS = 4.0
LEARNING_RATE = 1e-3
"""Twice the usual of a warm run: in so few steps it teaches a style twice as well, to a desk that is thrown away."""
SETTINGS = {"batch_size": 4, "accumulation": 1, "correction_copies": 1}
"""Small steps: sixty notes make as many of them as a style needs in a few passes, each of which costs minutes."""
STOPPED = "The demonstration was stopped and left nothing behind. Start it again with: caseloop demo"
_ELSEWHERE = ("CASELOOP_DB_URL", "CASELOOP_ENGINE", "CASELOOP_BASE_URL", "CASELOOP_MODEL", "CASELOOP_ADAPTER_NAME")
"""What would lead to another store, or to a model that cannot be trained here."""

Say = Callable[[str], None]
Advance = Callable[[int, int | None, str], None]
"""Told: how many are done, of how many, and what to say beside it."""


class _Pace:
    """How fast a run learns: from its first step on, since loading the model is not learning."""

    def __init__(self, n_rows: int, epochs: float, advance: Advance) -> None:
        self._n_samples, self._advance = n_rows * epochs, advance
        self._began: tuple[int, float] | None = None
        self._last = (0, 0.0)
        self.n_steps = 0

    def follow(self, progress: Progress) -> None:
        """Take note of where the run stands, and tell."""
        if progress.state != "training" or not progress.n_steps:
            self._advance(0, None, progress.message or progress.state)
            return
        at, self.n_steps = (progress.step, time.monotonic()), progress.n_steps
        self._began = self._began or at
        if progress.step != self._last[0]:
            self._last = at
        rate = self.samples_per_s
        beside = [f"step {progress.step} of {progress.n_steps}", "" if rate is None else f"{rate:.2f} samples/s"]
        beside.append("" if progress.loss is None else f"loss {progress.loss:.3f}")
        self._advance(progress.step, progress.n_steps, ", ".join(filter(None, beside)))

    @property
    def seconds(self) -> float:
        """From the first step that was seen to the last."""
        return self._last[1] - self._began[1] if self._began and self._last[0] > self._began[0] else 0.0

    @property
    def samples_per_s(self) -> float | None:
        """Notes a second; None before two steps."""
        if self._began is None or not self.seconds:
            return None
        return (self._last[0] - self._began[0]) / self.n_steps * self._n_samples / self.seconds


def run_demo(keep: Path | None, n_notes: int, epochs: float, say: Say, advance: Advance) -> Told:
    """Show the loop from end to end in a home of its own, which is made for it.

    Args:
        keep: where the home is to stay; None: it is removed at the end. It appears at the end, whole.
        n_notes: to learn from, and as many held out.
        epochs: passes over them.
        say: told each step.
        advance: told how far a step is.

    Raises:
        Interrupted: it was stopped; nothing is left.
        InputError: there is something at `keep`, or another task is set up.
    """
    if keep is not None and (keep.exists() or keep.is_symlink()):
        raise InputError(f"{keep} already exists. Name a new directory for the demonstration.")
    with _stoppable(), _home(keep) as home, _environment(home):
        return _Demonstration(n_notes, epochs, say, advance).run()


class _Demonstration:
    """The six steps."""

    N_STEPS = 6

    def __init__(self, n_notes: int, epochs: float, say: Say, advance: Advance) -> None:
        self._n_notes, self._epochs, self._say, self._advance = n_notes, epochs, say, advance
        self._told = Told(n_held_out=n_notes)
        self._n_begun = 0

    def run(self) -> Told:
        """Take the steps; what came of them."""
        began = time.monotonic()
        with open_desk(may_begin=True) as desk:
            if desk.task.name != TASK_NAME:
                raise InputError(
                    f"The demonstration has notes for the task {TASK_NAME} only; this desk has {desk.task.name}."
                )
            demo = demo_notes(desk.task, self._n_notes)
            self._fill(desk, demo)
            before = self._prefill(desk, demo)
            self._correct(desk, demo)
            outcome = self._learn(desk, demo)
            self._judge(outcome, desk.task)
            if outcome.is_active:
                self._show(desk, demo, before)
        self._told.seconds = round(time.monotonic() - began, 1)
        return self._told

    def _begin(self, what: str) -> None:
        self._n_begun += 1
        self._say(f"Step {self._n_begun} of {self.N_STEPS}: {what}")

    def _fill(self, desk: Desk, demo: Demo) -> None:
        n = self._n_notes
        self._begin(
            f"a desk of its own with made-up notes: {n} to learn from, {n} held out to judge by, {len(demo.upcoming)} "
            "that nobody has seen. The house writes 'Stage IV' for IV, PR for partial response."
        )
        notes = [_note(desk.task, row, f"learn-{i:02d}") for i, row in enumerate(demo.learned, 1)]
        notes += [_note(desk.task, row, f"next-{i}") for i, row in enumerate(demo.upcoming, 1)]
        notes += [_note(desk.task, row, f"held-out-{i:02d}", gold=True) for i, row in enumerate(demo.held_out, 1)]
        with as_program(desk.store) as program:
            add_notes(program, notes)

    def _prefill(self, desk: Desk, demo: Demo) -> list[dict[str, Answer]]:
        self._begin("the model that comes with caseloop fills in the notes; it does not know the house's style.")
        n_all = len(demo.learned) + len(demo.upcoming)
        _suggest(desk, lambda n_done: self._advance(n_done, n_all, "notes filled in"))
        return [_answers(desk, row) for row in demo.upcoming]

    def _correct(self, desk: Desk, demo: Demo) -> None:
        task, told = desk.task, self._told
        for row in demo.learned:
            with acting(desk.store, LOCAL_REVIEWER, "review") as act:
                note = find_note(act.session, row.content_hash)
                assert note is not None
                suggestion = suggestion_of(act.session, note.id)
                proposed = suggestion.extraction if suggestion else dict.fromkeys(task.keys)
                told.n_changed += sum(
                    not is_right(one, row.extraction[one.key], proposed[one.key]) for one in task.fields
                )
                submit(
                    act,
                    note_id=note.id,
                    status="submitted",
                    extraction=row.extraction,
                    seen_revision=note.revision,
                    token=f"demo-{note.id}",
                    settled=task.keys,
                    suggestion_id=suggestion.id if suggestion else None,
                )
        told.n_rows, told.n_fields = len(demo.learned), len(demo.learned) * len(task.fields)
        self._begin(
            f"a reviewer corrects {told.n_rows} notes into the house's style: {told.n_changed} of {told.n_fields} "
            "fields are changed."
        )

    def _learn(self, desk: Desk, demo: Demo) -> Outcome:
        self._begin(f"the adapter learns from the {len(demo.learned)} corrected notes; this takes minutes.")
        options = TrainOptions(
            mode="warm", epochs=self._epochs, learning_rate=LEARNING_RATE, settings=SETTINGS, hold_out_only=True
        )
        pace = _Pace(len(demo.learned), self._epochs, self._advance)
        outcome = train_now(desk, lambda: request_run(desk.store, options, LOCAL_REVIEWER), pace.follow)
        assert isinstance(outcome, Outcome)
        told = self._told
        told.n_steps, told.samples_per_s, told.training_s = pace.n_steps, pace.samples_per_s, round(pace.seconds, 1)
        speed = "" if told.samples_per_s is None else f", {told.samples_per_s:.2f} samples/s"
        self._say(f"  {told.n_rows} rows, {told.n_steps} steps{speed}.")
        return outcome

    def _judge(self, outcome: Outcome, task: Task) -> None:
        told, verdict = self._told, outcome.verdict
        told.right_before, told.right_after = verdict.old or 0.0, verdict.new
        told.passed, told.sentence = outcome.is_active, outcome.sentence
        n_fields = told.n_held_out * len(task.fields)
        self._begin(
            f"both adapters answer the {told.n_held_out} held-out notes: {round(told.right_before * n_fields)} of "
            f"{n_fields} fields were right before, {round(told.right_after * n_fields)} are now."
        )
        self._say(f"  {outcome.sentence}")

    def _show(self, desk: Desk, demo: Demo, before: list[dict[str, Answer]]) -> None:
        _suggest(desk, lambda n_done: self._advance(n_done, len(demo.upcoming), "notes filled in"))
        self._begin("the notes that nobody has reviewed are filled in again, in the house's style.")
        for number, (row, was) in enumerate(zip(demo.upcoming, before, strict=True), 1):
            now = _answers(desk, row)
            self._told.notes.append(Shown(f"next-{number}", row.text, _compare_fields(desk.task, row, was, now)))


def _note(task: Task, row: Row, name: str, *, gold: bool = False) -> Note:
    """A sample, so that nobody takes it for a patient's and all can be taken out at once."""
    note = make_note(task, row.text, external_id=name, gold=row.extraction if gold else None)
    return replace(note, origin="sample")


def _suggest(desk: Desk, on_done: Callable[[int], None]) -> None:
    """Fill in what waits; the model is let go afterwards, since another process will need the memory."""
    prefill = Prefill(desk)
    prefill.run(on_done=on_done)
    del prefill
    gc.collect()


def _answers(desk: Desk, row: Row) -> dict[str, Answer]:
    with desk.store.reading() as session:
        note = find_note(session, row.content_hash)
        suggestion = suggestion_of(session, note.id) if note else None
    if suggestion is None:
        return dict.fromkeys(desk.task.keys, Answer(None, is_beside=False))
    beside = find_withheld(desk.task, lambda: row.text, suggestion)
    return {key: Answer(suggestion.extraction.get(key), key in beside) for key in desk.task.keys}


def _compare_fields(task: Task, row: Row, before: dict[str, Answer], after: dict[str, Answer]) -> list[FieldShown]:
    return [
        FieldShown(
            one.title,
            row.extraction[one.key],
            before[one.key],
            after[one.key],
            is_right(one, row.extraction[one.key], before[one.key].value),
            is_right(one, row.extraction[one.key], after[one.key].value),
        )
        for one in task.fields
    ]


@contextlib.contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="caseloop-demo-") as place:
            yield Path(place) / "home"
        return
    keep.parent.mkdir(parents=True, exist_ok=True)
    with whole_directory(keep) as draft:
        yield draft


@contextlib.contextmanager
def _environment(home: Path) -> Iterator[None]:
    """This process and its children work in that home only, whatever store or server the user has."""
    before = {name: os.environ.pop(name, None) for name in (*_ELSEWHERE, "CASELOOP_HOME")}
    os.environ["CASELOOP_HOME"] = str(home)
    try:
        yield
    finally:
        del os.environ["CASELOOP_HOME"]
        os.environ.update({name: value for name, value in before.items() if value is not None})


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl+C, or being told to end, at any moment: what was begun is removed, and one sentence says so."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as error:
        raise Interrupted(STOPPED) from error
    finally:
        signal.signal(signal.SIGTERM, before)
