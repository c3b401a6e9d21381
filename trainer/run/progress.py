"""What a run tells while it goes on, and how it is stopped: progress, log, TensorBoard, checkpoints, signals."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Literal

from data.storage.files import save_json
from trainer.adapter.manifest import now
from trainer.run.directory import RunDir

State = Literal["loading", "training", "evaluating", "finished", "interrupted", "failed"]


class TrainError(RuntimeError):
    """A run that cannot start or go on; the message says why and what to do.

    Attributes:
        exit_code: of the process that ran it.
    """

    exit_code = 2


class Diverged(TrainError):  # noqa: N818 - named for what happened
    """Loss or gradients are no longer numbers."""

    exit_code = 4


class DiskFull(TrainError):  # noqa: N818 - named for what happened
    """A file of the run could not be written."""

    exit_code = 3


class OutOfMemory(TrainError):  # noqa: N818 - named for what happened
    """The batch does not fit the memory."""

    exit_code = 5


class Interrupted(TrainError):  # noqa: N818 - named for what happened
    """The run was asked to stop; it can be resumed."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("Training was interrupted after its last checkpoint. Start it again to continue.")
        self.exit_code = 128 + signal_number


class Stop:
    """Whether the process was asked to end (SIGTERM or SIGINT), so that it can do so at a good moment."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def check(self) -> None:
        """Raise `Interrupted` if so."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)

    @contextmanager
    def listen(self) -> Iterator[None]:
        """Catch the signals; outside the main thread they cannot be caught and stay as they are."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
                outer = getattr(handler, "__self__", None)
                if isinstance(outer, Stop) and self.signal_number == number:
                    outer.signal_number = number  # it may have come after the last look inside

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal_number = number


class Progress:
    """Writes `progress.json`, `log.jsonl` and TensorBoard events of a run."""

    def __init__(self, run: RunDir, *, writes: bool = True) -> None:
        """Tell of `run`; nothing is written by a process that is not the first of several."""
        self._run, self._writes = run, writes
        self._values: dict[str, Any] = {"state": "loading", "step": 0, "n_steps": 0}
        self._written = 0.0
        self._board: Any = None

    def tell(self, state: State, *, force: bool = True, **values: Any) -> None:
        """Update the progress; without `force` at most once a second."""
        if not self._writes:
            return
        self._values.update(values, state=state)
        if force or time.monotonic() - self._written >= 1:
            save_json(self._run.progress, {**self._values, "at": now()})
            self._written = time.monotonic()

    def log(self, step: int, n_steps: int, values: dict[str, float]) -> None:
        """Append figures of a step to the log and to TensorBoard."""
        if not self._writes:
            return
        line = {"step": step, "n_steps": n_steps, **values, "at": now()}
        with self._run.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        board = self._tensorboard()
        for name, value in values.items():
            board.add_scalar(f"train/{name}", value, step)
        board.flush()

    def _tensorboard(self) -> Any:
        if self._board is None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self._run.tensorboard))
        return self._board

    def close(self) -> None:
        """Close the TensorBoard file."""
        if self._board is not None:
            self._board.close()
