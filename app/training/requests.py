"""Training as the desk sees it: asking for a run, and following its files.

Nothing here needs the trainer, so the web process may use all of it; `app.training.runner` does the work.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from app.core.errors import DeskError, InputError
from app.core.settings import EMBEDDED_NAME, Settings
from data.task import load_task
from db.notes.samples import samples_of
from db.people.acting import acting, as_program
from db.review.reviewed import count_reviewed, holdout_rows, training_rows
from db.store.store import Session, Store
from db.training.adapters import AdapterRow, active_adapter
from db.training.runs import TrainingRunRow, create_run, get_run, list_runs, next_requested, update_run

Mode = Literal["full", "warm"]


@dataclass(frozen=True)
class TrainOptions:
    """What a person may choose about a run; None leaves the trainer's own choice for the size of the base.

    Attributes:
        mode: `full` trains a fresh adapter on everything, `warm` goes on from the active one; None: see `usual_mode`.
        preset: settings of the trainer to begin with.
        settings: more of the trainer's settings, as a preset holds them; text as it was typed.
        base: a base model to train on instead of the active adapter's.
        activate: whether the new adapter takes over when it passes the gate.
        activate_anyway: why it takes over even when it does not pass; None: it does not.
        curve: whether a learning curve is drawn instead: several runs, none of which takes over.
        hold_out_only: whether reviewed notes never judge beside the hold-out, however few it has.
    """

    mode: Mode | None = None
    epochs: float | None = None
    learning_rate: float | None = None
    max_steps: int | None = None
    seed: int = 0
    preset: str = "fast"
    settings: Mapping[str, Any] = field(default_factory=dict)
    base: str | None = None
    activate: bool = True
    activate_anyway: str | None = None
    curve: bool = False
    hold_out_only: bool = False

    def __post_init__(self) -> None:
        for name, limit in (("epochs", 1000), ("learning_rate", 1), ("max_steps", 1_000_000)):
            value = getattr(self, name)
            if value is not None and not 0 < value <= limit:
                raise InputError(f"Expected {name} above 0 and at most {limit}; found {value}. Leave it out if unsure.")
        if self.mode not in (*get_args(Mode), None):
            raise InputError(f"Expected the mode full or warm; found {self.mode!r}.")
        if self.seed < 0:
            raise InputError(f"Expected a seed of 0 or more; found {self.seed}.")
        if self.activate_anyway is not None and not (self.activate_anyway.strip() and self.activate):
            raise InputError("--activate-anyway needs a reason, and does not go with --no-activate.")
        if self.curve and self.activate_anyway is not None:
            raise InputError("A learning curve activates no adapter: leave out --activate-anyway.")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Options as a run's row holds them."""
        return cls(**{key: value for key, value in values.items() if key in cls.__dataclass_fields__})

    def to_json(self) -> dict[str, Any]:
        """The options as plain JSON values."""
        return asdict(self)

    def trainer_settings(self) -> dict[str, Any]:
        """Those that the trainer is told; what was left open is left out."""
        names = ("mode", "epochs", "learning_rate", "max_steps", "seed")
        return {**self.settings, **{name: getattr(self, name) for name in names if getattr(self, name) is not None}}


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        state: in the trainer's words, for example `training`.
        eta_s: seconds to go, None where unknown.
    """

    state: str
    step: int
    n_steps: int
    loss: float | None
    eta_s: float | None
    message: str


def request_run(store: Store, options: TrainOptions, by: str) -> int:
    """Ask for a training run; the supervisor performs it, or `caseloop train` at once.

    Returns:
        The run's id.

    Raises:
        DeskError: there is nothing to train on or to measure with, or another run waits or is under way.
    """
    with acting(store, by, "train") as act:
        _check_material(act.session, options)
        options = replace(options, mode=options.mode or usual_mode(act.session, options))
        for run in list_runs(act.session):
            if run.status in ("requested", "running"):
                perform = f"perform it with caseloop train --resume {run.id}"
                raise DeskError(
                    f"Another training run is not finished: {run_name(run.id)} is {run.status}. "
                    f"Wait for it, or {perform if run.status == 'requested' else 'stop it first'}."
                )
        return create_run(act, config=options.to_json()).id


def usual_mode(session: Session, options: TrainOptions | None = None) -> Mode:
    """How a run begins where nobody says: `warm` once there is something that a fresh adapter would have to do without.

    That is where notes were reviewed, since the few of a week teach an adapter that knows the task more than a fresh
    one, and where the active adapter came from elsewhere with what it learned there. Another base and another preset
    have their own beginning: `full`.
    """
    if options is not None and (options.base is not None or options.preset != TrainOptions.preset):
        return "full"
    active = active_adapter(session)
    return "warm" if (active and came_from_elsewhere(active)) or count_reviewed(session) else "full"


def came_from_elsewhere(adapter: AdapterRow) -> bool:
    """Whether an adapter is neither of a run of this home nor the one that comes with caseloop."""
    return adapter.run_id is None and adapter.path != EMBEDDED_NAME


def _check_material(session: Session, options: TrainOptions) -> None:
    task = load_task()
    if options.curve and not any(row.source == "annotation" for row in training_rows(session, task)):
        raise DeskError(
            "A learning curve needs reviewed notes outside the hold-out; there are none. Review some first."
        )
    found = samples_of(session)
    none = "none" if found.is_voting or not found.n_notes else "only samples, which no longer count"
    if next(training_rows(session, task), None) is None:
        raise DeskError(
            f"Expected labelled notes to train on; found {none}. "
            "Review some, or import labelled ones: caseloop import FILE --original."
        )
    if next(holdout_rows(session, task), None) is None:
        raise DeskError(
            f"Expected labelled notes in the hold-out to measure the new adapter on; found {none}. "
            "Label more notes: one in ten falls into the hold-out."
        )


def run_name(run_id: int) -> str:
    """The name of a run's directory and of the adapter that it makes: `run-0001`."""
    return f"run-{run_id:04d}"


def run_directory(settings: Settings, run_id: int) -> Path:
    """Where the files of a run are."""
    return settings.runs / run_name(run_id)


def read_progress(directory: Path) -> Progress | None:
    """Where a run stands, or None where it has not said so yet."""
    try:
        values = json.loads((directory / "progress.json").read_text(encoding="utf-8"))
        return Progress(
            state=str(values.get("state", "")),
            step=int(values.get("step") or 0),
            n_steps=int(values.get("n_steps") or 0),
            loss=values.get("loss"),
            eta_s=values.get("eta_s"),
            message=": ".join(filter(None, (str(values.get("message") or ""), _describe_moment(directory, values)))),
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _describe_moment(directory: Path, values: Mapping[str, Any]) -> str:
    """What else is known of the moment: notes measured, or how far the run of a learning curve's point is."""
    if values.get("state") == "evaluating" and values.get("n_notes"):
        which = "the active" if values.get("adapter") == "old" else "the new"
        return f"measuring {which} adapter on the hold-out, {values.get('n_done', 0)} of {values['n_notes']} notes"
    if values.get("state") != "training" or not values.get("run"):
        return ""
    point = read_progress(directory / values["run"])
    if point is None:
        return ""
    return point.message or (f"step {point.step} of {point.n_steps}" if point.n_steps else point.state)


def read_log(directory: Path) -> list[dict[str, Any]]:
    """The log of a run so far, one entry per line; a line that is still being written is left out."""
    try:
        lines = (directory / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    entries = []
    for line in lines:
        with contextlib.suppress(ValueError):
            entries.append(json.loads(line))
    return [entry for entry in entries if isinstance(entry, dict)]


@contextlib.contextmanager
def training_lock(settings: Settings) -> Iterator[int | None]:
    """Try for the right to train in this home; it is held until every process that inherited it has ended.

    Yields:
        The lock's file descriptor, or None where another process holds it.
    """
    with (settings.home / "train.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file.fileno()


def next_run(store: Store, settings: Settings) -> int | None:
    """The run that waits to be performed, once nothing else trains; None where there is none.

    Raises:
        StoreError: the store cannot be read.
    """
    mark_interrupted(store, settings)
    with store.reading() as session:
        waiting = next_requested(session)
    if waiting is None:
        return None
    with training_lock(settings) as lock:
        return None if lock is None else waiting.id


def mark_interrupted(store: Store, settings: Settings) -> list[int]:
    """Mark runs that are called running although nothing performs them; returns their ids.

    The lock decides, never a process id: ids are used again.
    """
    with store.reading() as session:
        if not list_runs(session, status="running"):
            return []
    with training_lock(settings) as lock:
        return [] if lock is None else mark_interrupted_locked(store)


def mark_interrupted_locked(store: Store) -> list[int]:
    """The same for a caller that holds the lock."""
    with as_program(store) as program:
        stale = [run.id for run in list_runs(program.session, status="running")]
        for run_id in stale:
            message = f"Interrupted before it ended. Go on with: caseloop train --resume {run_id}"
            update_run(program, run_id, status="interrupted", pid=None, message=message)
    return stale


def stop_run(store: Store, settings: Settings, run_id: int, by: str) -> TrainingRunRow:
    """Stop a run that waits or is under way; it can be resumed.

    Raises:
        DeskError: it has ended already.
        NotAllowed: whoever asks may not train.
    """
    mark_interrupted(store, settings)
    with acting(store, by, "train") as act:
        run = get_run(act.session, run_id)
        if run.status == "requested":
            message = f"Stopped before it began. Start it with: caseloop train --resume {run_id}"
            update_run(act, run_id, status="interrupted", message=message)
        elif run.status == "running" and run.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.pid, signal.SIGTERM)
        else:
            raise DeskError(f"{run_name(run_id)} is not running: it is {run.status}.")
        act.record("stopped training", f"run {run_id}")
        return get_run(act.session, run_id)
