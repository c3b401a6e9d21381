"""The curves that turn an adapter's probabilities into confidence: its own, or those that this desk has fitted.

An adapter's directory may be read-only or on the hub, so what is fitted here is kept in the home, under the digest of
the weights. Reading needs no trainer: the web process shows what stored suggestions are worth by the newest curves.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.core.adapters import are_own, weights_place
from app.core.settings import Settings
from data.evaluation.calibration import CALIBRATION, MIN_NOTES, Calibration, CalibrationError, read_curves
from data.prefill.outside import cap_confidence, place
from data.storage.files import write_whole
from db.notes.suggestions import SuggestionRow
from db.schema.errors import UnknownAdapter
from db.store.store import Session
from db.training.adapters import AdapterRow, active_adapter, get_adapter

OLD_CURVES, PARENT_CURVES = "old_calibration.json", "parent_calibration.json"
"""In a run's directory: what it fitted for the adapter that it was to beat, and what that began from."""
NAMES = "names.json"
"""Digests of weights whose rows in the store have none, because they came from the hub, by the adapters' names."""


@dataclass(frozen=True)
class Trust:
    """What the confidence of an adapter rests on.

    Attributes:
        adapter: its name.
        n_notes: labelled notes that its curves were fitted on; 0 where it has no curves.
        n_judged: reviewed notes that could be fitted on by now.
    """

    adapter: str
    n_notes: int
    n_judged: int

    @property
    def is_calibrated(self) -> bool:
        """Whether there are curves."""
        return self.n_notes > 0

    @property
    def sentence(self) -> str:
        """The same for a person."""
        if self.is_calibrated:
            return f"Confidence is calibrated on {self.n_notes:,} labelled notes."
        return (
            "Confidence is not calibrated: it is the model's own probability, usually too high, so no value counts "
            f"as sure. It is calibrated once {MIN_NOTES} notes with its suggestions are reviewed; {self.n_judged} are."
        )

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {"calibrated": self.is_calibrated, "n_notes": self.n_notes, "n_judged": self.n_judged}


def curves_of(settings: Settings, adapter: AdapterRow) -> Calibration | None:
    """The curves that hold for an adapter: those kept in the home, or else its own; None without any."""
    return kept_curves(settings, adapter) or own_curves(settings, adapter)


def kept_curves(settings: Settings, adapter: AdapterRow) -> Calibration | None:
    """The curves that this desk has fitted for an adapter; damaged ones count as none, and are fitted again."""
    return _read(_folder(settings) / f"{key_of(settings, adapter)}.json")


def own_curves(settings: Settings, adapter: AdapterRow) -> Calibration | None:
    """The curves that an adapter came with, where its directory is on this machine.

    One that the hub has in its cache tells through `name_weights`.
    """
    folder = Path(weights_place(settings, adapter)) if adapter.path else None
    if folder is not None and not are_own(settings, adapter):
        return None  # what lies there by now says nothing of what this one suggested
    if folder is None or not folder.is_dir():
        own = _names(settings).get(adapter.name, {}).get("own")
        return None if own is None else _from_json(own)
    return _read(folder / CALIBRATION)  # of a damaged one says who loads the adapter


def keep_curves(settings: Settings, key: str, calibration: Calibration) -> bool:
    """Keep curves under the digest of the weights, unless those that are there rest on more notes; whether it did."""
    path = _folder(settings) / f"{key}.json"
    known = _read(path)
    if known is not None and known.n_notes > calibration.n_notes:
        return False
    _write(path, calibration.to_json())
    return True


def keep_measured(settings: Settings, path: Path) -> None:
    """Keep the curves of a training run's old adapter, which it fitted on the answers that the gate compares."""
    with suppress(OSError, ValueError, KeyError, TypeError):  # an extra, which must not cost the run
        values = json.loads(path.read_text(encoding="utf-8"))
        if _is_digest(values["weights_sha256"]):
            keep_curves(settings, values["weights_sha256"], Calibration.from_json(values))


def hand_over(settings: Settings, adapter: AdapterRow, path: Path) -> None:
    """Put the kept curves of a run's parent into a file for the trainer, which begins from them."""
    kept = kept_curves(settings, adapter)
    if kept is not None and not path.exists():
        _write(path, kept.to_json())


def key_of(settings: Settings, adapter: AdapterRow) -> str:
    """Under what an adapter's curves are kept: the digest of its weights, or of its name where a server has them."""
    digest = adapter.weights_sha256 or _names(settings).get(adapter.name, {}).get("digest")
    return str(digest) if _is_digest(digest) else f"name-{hashlib.sha256(adapter.name.encode()).hexdigest()}"


def name_weights(settings: Settings, adapter: AdapterRow, digest: str, own: Calibration | None) -> None:
    """Keep which weights an adapter of the hub turned out to have, and the curves that came with them."""
    if adapter.weights_sha256 or not _is_digest(digest):
        return
    names = _names(settings)
    told = {"digest": digest, "own": own.to_json() if own else None}
    if names.get(adapter.name) != told:
        _write(_folder(settings) / NAMES, {**names, adapter.name: told})


def apply_kept_curves(settings: Settings, session: Session, suggestion: SuggestionRow) -> SuggestionRow:
    """A stored suggestion with the confidence that the curves kept by now give it."""
    try:
        adapter = get_adapter(session, suggestion.adapter)
    except UnknownAdapter:
        adapter = AdapterRow(suggestion.adapter, "", "", None, suggestion.prompt_version, "")
    kept = kept_curves(settings, adapter)
    if kept is not None and kept.cutoffs is not None:
        return apply_curves(suggestion, kept)
    own = own_curves(settings, adapter)
    return replace(apply_curves(suggestion, kept), cutoffs=own.cutoffs if own is not None else None)


def apply_curves(suggestion: SuggestionRow, curves: Calibration | None) -> SuggestionRow:
    """A suggestion with the confidence that some curves give it; as it is where there are none, or nothing to go by."""
    raw = suggestion.raw_confidence
    if curves is None or not raw or not raw.keys() <= suggestion.extraction.keys():
        return suggestion
    sure, cutoffs = curves.confidence(suggestion.extraction, raw, suggestion.grounding), curves.cutoffs
    now = dict(cap_confidence(sure, place(sure, suggestion.times_longest, suggestion.legibility, cutoffs)))
    return replace(suggestion, confidence=now, min_confidence=min(now.values(), default=None), cutoffs=cutoffs)


def trust_in(settings: Settings, session: Session, adapter: AdapterRow | None = None) -> Trust | None:
    """What the confidence of an adapter rests on, of the active one where none is named; None without any adapter."""
    from db.review.figures.judged import count_judged

    row = adapter or active_adapter(session)
    if row is None:
        return None
    curves = curves_of(settings, row)
    return Trust(row.name, curves.n_notes if curves else 0, count_judged(session, row.name))


def _folder(settings: Settings) -> Path:
    return settings.home / "calibrations"


def _is_digest(found: Any) -> bool:
    """Whether it can name a file: a manifest comes from elsewhere."""
    return isinstance(found, str) and found.isascii() and found.isalnum() and len(found) <= 128


def _names(settings: Settings) -> dict[str, Any]:
    try:
        values = json.loads((_folder(settings) / NAMES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _from_json(values: Any) -> Calibration | None:
    try:
        return Calibration.from_json(values)
    except CalibrationError:
        return None


def _read(path: Path) -> Calibration | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _read_once(path, (found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=64)
def _read_once(path: Path, _state: tuple[int, int]) -> Calibration | None:
    """Read a file once for each time that it was written."""
    try:
        return read_curves(path)
    except CalibrationError:
        return None


def _write(path: Path, values: Any) -> None:
    """Write a file for its owner only: a reader sees all of it, or what was there before."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, json.dumps(values))
