"""The manifest of an adapter: what its directory holds, and how a crash leaves no half of one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from data.evaluation.calibration import CALIBRATION
from data.storage.files import sha256_of, whole_directory, write_whole
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
        raise RunError(f"There is already an adapter at {target}. Choose another name.")
    for name in (WEIGHTS, ADAPTER_CONFIG):
        if not (source / name).is_file():
            raise RunError(f"Expected {name} in {source}; it is missing. Train again.")
    files = digests_of(source)
    written = manifest.model_copy(update={"weights_sha256": sha256_of(source / WEIGHTS), "files": files})
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_directory(target) as draft:
        for name in (WEIGHTS, *files):
            shutil.copyfile(source / name, draft / name)
        write_whole(draft / MANIFEST, written.model_dump_json(indent=1) + "\n")
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
    return manifest if metrics is None else _rewrite_manifest(directory, manifest, metrics=metrics)


@contextmanager
def replace_file(directory: Path, name: str) -> Iterator[None]:
    """Let a listed file of an adapter be replaced in the block; the manifest fits at every moment.

    The file is off the list while it is replaced. Where there is no manifest, there is no list to keep.
    """
    manifest = read_manifest(directory)
    if manifest is not None:
        manifest = _rewrite_manifest(directory, manifest, files={k: v for k, v in manifest.files.items() if k != name})
    yield
    if manifest is not None:
        _rewrite_manifest(directory, manifest, files=manifest.files | {name: sha256_of(directory / name)})


def _rewrite_manifest(directory: Path, manifest: Manifest, **changes: Any) -> Manifest:
    changed = manifest.model_copy(update=changes)
    if changed != manifest:
        write_whole(directory / MANIFEST, changed.model_dump_json(indent=1) + "\n")
    return changed
