"""Performing a training run: snapshot, trainer, evaluation, gate, activation.

The trainer is another process and never sees the store: files go in, and a run directory with an adapter and metrics
comes out. Whatever happens to it, the store learns of the new adapter in one transaction or not at all.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from app.core.adapters import (
    base_place,
    check_current,
    ensure_adapter,
    find_base,
    named_adapter,
    place_in_store,
    weights_place,
)
from app.core.desk import Desk
from app.core.errors import DeskError, InputError, Interrupted, sentence_of
from app.core.settings import Settings, environment_for, is_hub_id
from app.processes.child import start_child, stop_child
from app.training.answers import OLD_ANSWERS, add_old_answers
from app.training.conclusion import OLD_METRICS, Job, Outcome, conclude
from app.training.curves import Drawn, conclude_curve
from app.training.material import counts_of, foretell_material, foretell_reach, read_counts, read_sides, write_fresh
from app.training.requests import (
    Progress,
    TrainOptions,
    mark_interrupted_locked,
    read_progress,
    run_directory,
    run_name,
    training_lock,
)
from app.worker.calibration import PARENT_CURVES, hand_over
from data.gate.judges import ENOUGH, Sides
from data.snapshot import Snapshot, write_judges, write_snapshot
from data.storage.files import write_whole
from db.people.acting import OPERATOR, as_program
from db.schema.errors import StoreError
from db.training.adapters import AdapterRow
from db.training.runs import TrainingRunRow, get_run, update_run

POLL_S = 0.3
DISK_FULL = 3
"""The trainer's exit code for a full disk."""
NO_ROOM_BYTES = 1 << 16
GRACE_S = 20.0
"""What the trainer gets to save a checkpoint after it is stopping."""
STOPPED = "Training was stopped."

_log = logging.getLogger(__name__)


def train_now(
    desk: Desk,
    run_id: Callable[[], int],
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_material: Callable[[str], None] = lambda sentence: None,
) -> Outcome | Drawn:
    """Perform a run, or draw a learning curve, in this process and the trainer's; call it from the main thread.

    Args:
        run_id: gives the run to perform, called once no other training can begin: `request_run`, or one to resume.
        on_progress: called a few times a second.
        on_material: called before anything is learned, with what is left out, who judges and what they can show.

    Raises:
        Interrupted: the run was told to stop; it can be resumed.
        DeskError: it cannot start, or it failed; its row says the same sentence.
        StoreError: the store refused.
    """
    with training_lock(desk.settings) as lock:
        if lock is None:
            raise DeskError("Another training run is under way. Wait for it, or stop it first.")
        mark_interrupted_locked(desk.store)
        run = _begin(desk, run_id())
        try:
            with _catch_signals() as is_told:
                job = _prepare(desk, run)
                with desk.store.reading() as session:
                    config = get_run(session, run.id).config
                    reach = "" if job.options.curve else foretell_reach(session, config)
                sentence = " ".join(filter(None, (foretell_material(config), reach)))
                if sentence:
                    on_material(sentence)
                if job.options.curve:
                    _run_trainer(job.directory, _arguments(desk.settings, job), lock, is_told, on_progress)
                    return conclude_curve(desk, job)
                _train(desk, job, lock, is_told, on_progress)
                return conclude(desk, job)
        except Interrupted as error:
            stopped = Interrupted(f"Training was stopped. Go on with: caseloop train --resume {run.id}")
            _record_end(desk, run.id, "interrupted", stopped)
            raise stopped from error
        except (ValueError, RuntimeError, OSError, MemoryError) as error:
            _record_end(desk, run.id, "failed", error)
            raise


def _begin(desk: Desk, run_id: int) -> TrainingRunRow:
    with as_program(desk.store) as program:
        run = get_run(program.session, run_id)
        if run.status not in ("requested", "interrupted", "failed"):
            raise InputError(f"Only a waiting or interrupted run can be resumed; {run_name(run_id)} is {run.status}.")
        if run.status != "requested":
            program.record_for(OPERATOR, "resumed training", f"run {run_id}")
        directory = str(run_directory(desk.settings, run_id).relative_to(desk.settings.home))
        return update_run(program, run_id, status="running", pid=os.getpid(), directory=directory, message="")


def _record_end(desk: Desk, run_id: int, status: str, error: BaseException) -> None:
    _log.warning("run %d %s", run_id, status)
    try:
        with as_program(desk.store) as program:
            update_run(program, run_id, status=status, pid=None, message=sentence_of(error))
    except StoreError:
        # The store may be on the same full disk. The lock is free from now on, so the run counts as interrupted.
        _log.warning("run %d could not be marked", run_id)


def _prepare(desk: Desk, run: TrainingRunRow) -> Job:
    """Choose base and parent and write the rows; a resumed run keeps what it began with."""
    directory = run_directory(desk.settings, run.id)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = TrainOptions.from_json(run.config)
    if "parent" in run.config and run.snapshot_fingerprint and (directory / "holdout.jsonl").is_file():
        with desk.store.reading() as session:
            parent = named_adapter(session, run.config["parent"])
        check_current(desk.settings, parent)
        kept = run.config
        return Job(run.id, directory, options, parent, kept["base_place"], kept["same_base"], kept["holdout"])
    active = ensure_adapter(desk.settings, desk.store)
    its_base = base_place(desk.settings, active)
    base = place_in_store(desk.settings, options.base or its_base)
    same_base = base == place_in_store(desk.settings, its_base)
    snapshot, holdout, sides = _write_rows(
        desk, directory, active, is_judged=not options.curve, n_enough=0 if options.hold_out_only else ENOUGH
    )
    hand_over(desk.settings, active, directory / PARENT_CURVES)
    kept = {"parent": active.name, "base_place": base, "same_base": same_base, "holdout": holdout.fingerprint}
    kept |= {"n_corrected": snapshot.n_corrected, **counts_of(sides)}
    with as_program(desk.store) as program:
        update_run(
            program,
            run.id,
            config={**run.config, **kept},
            snapshot_fingerprint=snapshot.fingerprint,
            n_rows=snapshot.n_rows,
            n_originals=snapshot.n_originals,
            n_annotations=snapshot.n_annotations,
            n_holdout=holdout.n_rows,
        )
    return Job(run.id, directory, options, active, base, same_base, holdout.fingerprint)


def _write_rows(
    desk: Desk, directory: Path, active: AdapterRow, *, is_judged: bool, n_enough: int = ENOUGH
) -> tuple[Snapshot, Snapshot, Sides]:
    """Write what to learn from and what to judge by.

    Raises:
        DeskError: nothing would be left to learn from or to judge by.
    """
    sides = read_sides(desk, active, is_judged=is_judged, n_enough=n_enough)
    if not sides.rows:
        raise DeskError(
            f"Every labelled note is a near duplicate of a hold-out note "
            f"({sides.n_near:,} notes). Label notes of other cases."
        )
    if not sides.judges:
        raise DeskError(
            f"Expected hold-out notes that {active.name} was not trained on, nor on a near duplicate of; found none "
            f"among {sides.n_without_vote:,}. Label more notes: one in ten falls into the hold-out."
        )
    snapshot = write_snapshot(desk.task, sides.rows, directory / "snapshot.jsonl")
    holdout = write_judges(desk.task, sides.held_out, sides.fresh, directory / "holdout.jsonl")
    write_fresh(directory, sides.fresh)
    return snapshot, holdout, sides


def _train(
    desk: Desk, job: Job, lock: int, is_told: Callable[[], bool], on_progress: Callable[[Progress], None]
) -> None:
    """Run the trainer to its end.

    Raises:
        Interrupted: this process is stopping.
        DeskError: the trainer failed; the sentence is its own where it left one.
    """
    arguments = _arguments(desk.settings, job)
    _run_trainer(job.directory, arguments, lock, is_told, on_progress)
    with as_program(desk.store) as program:
        config = get_run(program.session, job.run_id).config
        update_run(program, job.run_id, config={**config, **read_counts(job.directory)})
    if not job.same_base and not (job.directory / OLD_METRICS).exists():
        _measure_active(desk.settings, job, lock, is_told, on_progress)


@contextmanager
def _catch_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or SIGINT has come."""
    told: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _arguments(settings: Settings, job: Job) -> list[str]:
    if not job.same_base and job.options.mode == "warm":
        raise InputError("Warm mode needs the active adapter's own base. Use --mode full, or leave out --base.")
    config = job.directory / "settings.json"
    if not config.exists():  # a resumed run goes on with the settings that it began with
        write_whole(config, json.dumps(job.options.trainer_settings()))
    base = find_base(settings, job.base)
    wanted = ["curve", str(job.directory)] if job.options.curve else ["train", str(job.directory), "--name", job.name]
    arguments = [*wanted, "--base", base, "--config", str(config), "--preset", job.options.preset]
    return arguments + (["--parent", weights_place(settings, job.parent)] if job.same_base else [])


def _run_trainer(
    directory: Path,
    arguments: list[str],
    lock: int,
    is_told: Callable[[], bool],
    on_progress: Callable[[Progress], None],
    out: Path | None = None,
) -> None:
    """Follow a process of the trainer to its end.

    Raises:
        Interrupted: this process was told to stop, and has told the trainer.
        DeskError: the trainer failed.
    """
    (directory / "error.txt").unlink(missing_ok=True)
    environ = environment_for(*(word for word in arguments if is_hub_id(word)))
    # The lock goes along: as long as any process of the run lives, no other training can begin.
    child = start_child("trainer", arguments, log=directory / "trainer.log", out=out, keep_open=[lock], environ=environ)
    try:
        while child.poll() is None:
            if is_told():
                raise Interrupted(STOPPED)
            progress = read_progress(directory)
            if progress is not None:
                on_progress(progress)
            time.sleep(POLL_S)
    finally:
        code = stop_child(child, grace_s=GRACE_S)
    if code != 0:
        if is_told():
            raise Interrupted(STOPPED)
        raise _failure(directory, code)


def _failure(directory: Path, code: int) -> DeskError:
    """What the trainer says about its failure, or what its exit code tells where it could not write a word."""
    with suppress(OSError):
        sentence = (directory / "error.txt").read_text(encoding="utf-8").strip()
        if sentence:
            return DeskError(sentence)
    if code == DISK_FULL or shutil.disk_usage(directory).free < NO_ROOM_BYTES:
        return DeskError(
            f"The disk is full: no room for the files of the run in {directory}. Free some space and resume."
        )
    if code in (-signal.SIGTERM, 128 + signal.SIGTERM):
        return Interrupted(STOPPED)
    if code == -signal.SIGKILL:
        return DeskError("The system killed the trainer, usually for lack of memory. Close other programs and resume.")
    return DeskError(f"The trainer failed with code {code}. {directory / 'trainer.log'} says why.")


def _measure_active(
    settings: Settings, job: Job, lock: int, is_told: Callable[[], bool], on_progress: Callable[[Progress], None]
) -> None:
    """Measure the active adapter on the same hold-out, where the trainer could not because its base is another."""
    measured = job.directory / OLD_METRICS
    draft = measured.with_suffix(".part")
    answers = ["--predictions", str(job.directory / OLD_ANSWERS)]
    data = ["--data", str(job.directory / "holdout.jsonl"), "--json", *answers]
    models = ["--base", base_place(settings, job.parent), "--adapter", weights_place(settings, job.parent)]
    draft.unlink(missing_ok=True)
    _run_trainer(job.directory, ["evaluate", *data, *models], lock, is_told, on_progress, out=draft)
    add_old_answers(job.directory)
    draft.replace(measured)  # last: it says that the comparison is complete
