"""Files of a training run and of an adapter: what is where, and how a crash leaves no half of one."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trainer.adapter.manifest import RunError


@dataclass(frozen=True)
class RunDir:
    """Where the files of one run are."""

    path: Path

    @property
    def config(self) -> Path:
        """Settings, see `trainer.config.TrainConfig`; the caller may put them here."""
        return self.path / "config.json"

    @property
    def identity(self) -> Path:
        """What the run began with: base, parent, settings and fingerprints of its rows."""
        return self.path / "run.json"

    @property
    def snapshot(self) -> Path:
        """Training rows, when the caller puts them here."""
        return self.path / "snapshot.jsonl"

    @property
    def holdout(self) -> Path:
        """Hold-out rows, when the caller puts them here."""
        return self.path / "holdout.jsonl"

    @property
    def log(self) -> Path:
        """One JSON object per line: step, loss, rate."""
        return self.path / "log.jsonl"

    @property
    def progress(self) -> Path:
        """Where the run stands now; replaced as a whole."""
        return self.path / "progress.json"

    @property
    def metrics(self) -> Path:
        """Scores of the old and the new adapter on the hold-out."""
        return self.path / "metrics.json"

    @property
    def predictions(self) -> Path:
        """What both adapters answered on the hold-out, one note per line, by content hash."""
        return self.path / "predictions.jsonl"

    @property
    def old_curves(self) -> Path:
        """How sure the old adapter may be, fitted on its answers to the hold-out, for whoever goes on using it."""
        return self.path / "old_calibration.json"

    @property
    def parent_curves(self) -> Path:
        """Curves of the parent that are newer than its own, when the caller puts them here."""
        return self.path / "parent_calibration.json"

    @property
    def adapter(self) -> Path:
        """The finished adapter; it exists as a whole or not at all."""
        return self.path / "adapter"

    @property
    def fit(self) -> Path:
        """How a step is done, see `trainer.run.learning.memory_fit.Fit`; found once, so that a resumed run does the
        same."""
        return self.path / "fit.json"

    @property
    def left_out(self) -> Path:
        """How many rows could not be learned from, and the longest that could: counted with the base's tokenizer."""
        return self.path / "left_out.json"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of an unfinished run."""
        return self.path / "checkpoints"

    @property
    def unpublished(self) -> Path:
        """The adapter before it is published."""
        return self.path / ".adapter.new"

    def sweep(self) -> None:
        """Remove what a finished adapter leaves behind, also of a process that was killed before it could."""
        for place in (self.checkpoints, self.unpublished):
            shutil.rmtree(place, ignore_errors=True)
        for draft in self.path.glob(".*.tmp"):
            draft.unlink(missing_ok=True)

    @property
    def tensorboard(self) -> Path:
        """TensorBoard event files."""
        return self.path / "tensorboard"

    @property
    def error(self) -> Path:
        """Why the run failed, in one sentence."""
        return self.path / "error.txt"


@contextmanager
def trainer_lock(directory: Path) -> Iterator[None]:
    """Hold the right to train among the runs of `directory`; the lock ends with the process that holds it.

    Raises:
        RunError: another run holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".trainer.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"Another training run in {directory} is under way. Wait for it, or stop it."
            raise RunError(message) from error
        yield


def check_disk_space(directory: Path, n_bytes: int) -> None:
    """Refuse to start where the disk is too full for the run.

    Raises:
        RunError: fewer than `n_bytes` are free.
    """
    free = shutil.disk_usage(directory).free
    if free < n_bytes:
        raise RunError(
            f"Expected {n_bytes / 1e6:.0f} MB free for checkpoints under {directory}; "
            f"found {free / 1e6:.0f} MB. Free some space."
        )
