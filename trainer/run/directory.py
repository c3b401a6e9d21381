"""Files of a training run and of an adapter: what is where, and how a crash leaves no half of one."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from data.evaluation.calibration import CALIBRATION
from data.storage.files import sha256_of, whole_directory
from data.vocabulary.house_words import HOUSE_WORDS
from trainer.config import LoraSettings

WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
MANIFEST = "manifest.json"
CARD = "README.md"
LISTED = (ADAPTER_CONFIG, CALIBRATION, HOUSE_WORDS)
"""Files whose digests the manifest lists beside that of the weights. The card is not one: its reader may add to it."""


class RunError(RuntimeError):
    """A run directory or an adapter directory that cannot be used or written; the message says what to do."""


class Manifest(BaseModel):
    """What an adapter says about itself, in `manifest.json` beside its weights.

    Attributes:
        base: name of the base model it was trained on.
        base_revision: commit of the base on a hub, or a digest of a local base's files.
        base_digest: digest of the files where the revision is a commit: the same base may be a directory elsewhere.
        weights_sha256: digest of the weights file, 64 hex digits.
        files: digest of every other file that decides what the adapter answers, by name; an older adapter has none.
        parent: name of the adapter it was compared with or went on from.
        snapshot_fingerprint: of the rows it was trained on.
        longest_prompt: tokens of the longest prompt, note included, that it or the adapter it went on from was trained
            on; None where that is not known.
        least_legible: characters per token that all but one in a hundred of those notes have at least; None as above.
        metrics: figures on the hold-out, as `Score.to_json()` gives them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = 1
    name: str
    base: str
    base_revision: str | None = None
    base_digest: str | None = None
    prompt_version: int
    weights_sha256: str
    files: dict[str, str] = {}
    run: str | None = None
    parent: str | None = None
    snapshot_fingerprint: str | None = None
    n_rows: int | None = None
    longest_prompt: int | None = None
    least_legible: float | None = None
    created_at: str = ""
    lora: LoraSettings = LoraSettings()
    metrics: dict[str, Any] | None = None


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


def write_atomic(path: Path, text: str) -> None:
    """Replace `path` with `text`: a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace `path` with `value` as JSON."""
    write_atomic(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def digests_of(directory: Path) -> dict[str, str]:
    """Digests of an adapter's listed files, by name; what is not there is left out."""
    return {name: sha256_of(directory / name) for name in LISTED if (directory / name).is_file()}


def now() -> str:
    """The time in UTC, as ISO 8601 with seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of an adapter, or None where there is none (an adapter published without one).

    Raises:
        RunError: the manifest cannot be read.
    """
    path = directory / MANIFEST
    if not path.exists():
        return None
    try:
        return parse_manifest(path.read_bytes())
    except (OSError, RunError) as error:
        raise RunError(f"Expected an adapter manifest in {path}; it cannot be read. Train or copy it again.") from error


def parse_manifest(content: bytes) -> Manifest:
    """The manifest in the bytes of a file.

    Raises:
        RunError: they hold none.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise RunError(f"Expected an adapter manifest in {MANIFEST}; found something else. Copy it again.") from error


def publish_adapter(source: Path, target: Path, manifest: Manifest) -> Manifest:
    """Move the adapter files of `source` to `target`, with a manifest, all at once.

    Args:
        source: a directory with the weights, the adapter configuration and perhaps other listed files; it is gone
            afterwards.
        target: the directory to appear; it must not exist.
        manifest: what to say about the adapter; the digests of its files are filled in here.

    Returns:
        The manifest as written.

    Raises:
        RunError: `target` exists, or `source` lacks a file.
    """
    if target.exists():
        raise RunError(f"Expected no adapter at {target}; there is one. Choose another name.")
    for name in (WEIGHTS, ADAPTER_CONFIG):
        if not (source / name).is_file():
            raise RunError(f"Expected {name} in {source}; it is missing. Train again.")
    files = digests_of(source)
    written = manifest.model_copy(update={"weights_sha256": sha256_of(source / WEIGHTS), "files": files})
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_directory(target) as draft:
        for name in (WEIGHTS, *files):
            shutil.copyfile(source / name, draft / name)
        write_atomic(draft / MANIFEST, written.model_dump_json(indent=1) + "\n")
    shutil.rmtree(source, ignore_errors=True)
    return written


def add_metrics(directory: Path, metrics: dict[str, Any] | None) -> Manifest:
    """Put figures into the manifest of a published adapter; the manifest comes back.

    Raises:
        RunError: there is no manifest.
    """
    manifest = read_manifest(directory)
    if manifest is None:
        raise RunError(f"Expected a manifest in {directory}; there is none. Train the adapter again.")
    return manifest if metrics is None else _rewritten(directory, manifest, metrics=metrics)


@contextmanager
def replacing(directory: Path, name: str) -> Iterator[None]:
    """Let a listed file of an adapter be replaced in the block; the manifest fits at every moment.

    The file is off the list while it is replaced. Where there is no manifest, there is no list to keep.
    """
    manifest = read_manifest(directory)
    if manifest is not None:
        manifest = _rewritten(directory, manifest, files={k: v for k, v in manifest.files.items() if k != name})
    yield
    if manifest is not None:
        _rewritten(directory, manifest, files=manifest.files | {name: sha256_of(directory / name)})


def _rewritten(directory: Path, manifest: Manifest, **changes: Any) -> Manifest:
    changed = manifest.model_copy(update=changes)
    if changed != manifest:
        write_atomic(directory / MANIFEST, changed.model_dump_json(indent=1) + "\n")
    return changed


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
            message = (
                f"Expected no other training among the runs in {directory}; one is under way. Wait for it or stop it."
            )
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
