"""Which adapter the desk uses, and where its files are.

The store keeps places that survive a move of the program or of the home: `embedded`, a path under the home (`./...`),
a hub id, or else an absolute path.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.core.errors import DeskError
from app.core.settings import EMBEDDED_NAME, Settings, is_hub_id
from data.storage.files import sha256_of
from data.storage.locations import EMBEDDED
from data.storage.weight_files import no_safetensors, pickled_weights
from db.people.acting import LeadAct, as_program
from db.schema.errors import UnknownAdapter
from db.store.store import Session, Store
from db.training.adapters import AdapterRow, activate, active_adapter, get_adapter, list_adapters, register_adapter

WEIGHTS = "adapter_model.safetensors"
MANIFEST = "manifest.json"


def ensure_adapter(settings: Settings, store: Store) -> AdapterRow:
    """The active adapter, after a look at the one that the settings name.

    That one is registered when it is seen for the first time or when its files were replaced by others, and activated
    where that is what a person asked for by naming it. Seen before, it changes nothing: what a person activated since
    stays active, but for what cannot be used any more since caseloop came with another model.

    Raises:
        DeskError: none is active and the one that the settings name is not there.
    """
    with store.reading() as session:
        active, known = active_adapter(session), list_adapters(session)
    try:
        named = described_adapter(settings)
    except DeskError:
        if active is None:
            raise
        return active
    before = [row for row in known if row.path == named.path]
    same = [row for row in before if row.weights_sha256 == named.weights_sha256]
    was_replaced = active is not None and active in before and active not in same
    is_stranded = active is not None and settings.is_embedded and _is_stranded(settings, active)
    if active is not None and same and not was_replaced and not is_stranded:
        return active
    if same:
        named = replace(named, name=same[0].name)
    elif any(row.name == named.name and row.weights_sha256 != named.weights_sha256 for row in known):
        named = replace(named, name=f"{named.name}-{named.weights_sha256[:8]}")  # a new release, under the old name
    takes_over = active is None or was_replaced or is_stranded or not (before or settings.is_embedded)
    reason = "its files were replaced" if was_replaced else "the adapter that the desk starts with"
    if is_stranded and active is not None:
        reason = f"{active.name} was trained on a model that came with another version of caseloop"
    with as_program(store) as program:
        row = register_adapter(program, named)
        return activate(program, row.name, reason=reason) if takes_over or active is None else active


def described_adapter(settings: Settings) -> AdapterRow:
    """The adapter that the settings name, as its own files describe it; no store is needed.

    Raises:
        DeskError: it is not there.
    """
    hub = is_hub_id(settings.adapter)
    directory = Path(settings.adapter)
    if not hub and not (directory / WEIGHTS).is_file():
        names = [path.name for path in directory.iterdir()] if directory.is_dir() else []
        if pickled_weights(names):
            raise DeskError(no_safetensors(f"the adapter {directory}", WEIGHTS, names))
        raise DeskError(
            f"Expected an adapter with {WEIGHTS} in {directory}; there is none. "
            "Copy it there, or name another with CASELOOP_BASE and CASELOOP_ADAPTER."
        )
    manifest = {} if hub else _read_manifest(directory)
    name = EMBEDDED_NAME if settings.is_embedded else str(manifest.get("name") or directory.name)
    return AdapterRow(
        name=name,
        path=place_in_store(settings, settings.adapter),
        base=place_in_store(settings, settings.base),
        base_revision=manifest.get("base_revision"),
        prompt_version=int(manifest.get("prompt_version") or 1),
        weights_sha256=str(manifest.get("weights_sha256") or ("" if hub else sha256_of(directory / WEIGHTS))),
        parent=manifest.get("parent"),
        metrics=manifest.get("metrics") or {},
    )


def named_adapter(session: Session, name: str) -> AdapterRow:
    """The adapter of this name.

    Raises:
        DeskError: there is none; the sentence lists those that there are.
    """
    try:
        return get_adapter(session, name)
    except UnknownAdapter as error:
        known = ", ".join(row.name for row in list_adapters(session)) or "none yet"
        raise DeskError(f"There is no adapter called {name!r}. Choose one of: {known}.") from error


def check_current(settings: Settings, adapter: AdapterRow) -> None:
    """Refuse an adapter whose name would be given to other weights, or that would be loaded onto another base.

    Where its files are gone, or a server or the hub has them, nothing is said here.

    Raises:
        DeskError: other files have taken the place of its own, or of its base's.
    """
    if is_of_another_version(settings, adapter):
        raise DeskError(
            f"{adapter.name} was trained on the model of another version of caseloop. "
            "Activate the adapter of this version (caseloop adapters list) and train it: all that was reviewed is "
            "kept."
        )
    if not are_own(settings, adapter):
        raise DeskError(
            f"The weights in {weights_place(settings, adapter)} are not those of {adapter.name}. Put its own "
            "back, or choose another adapter."
        )


def is_of_another_version(settings: Settings, adapter: AdapterRow) -> bool:
    """Whether an adapter came with caseloop, or its base did, and this version comes with another model."""
    return _is_stranded(settings, adapter) or (adapter.path == EMBEDDED_NAME and not are_own(settings, adapter))


def _is_stranded(settings: Settings, adapter: AdapterRow) -> bool:
    """Whether it was trained on a base that came with caseloop, but not on the one that is there now.

    What that is stands in the manifest of the adapter that is there with it. Loading compares the base itself. A server
    has its own base.
    """
    if adapter.base != EMBEDDED_NAME or adapter.base_revision is None or settings.served is not None:
        return False
    with suppress(DeskError):
        shipped = _read_manifest(EMBEDDED / "adapter").get("base_revision")
        return shipped is not None and shipped != adapter.base_revision
    return False


def are_own(settings: Settings, adapter: AdapterRow) -> bool:
    """Whether the files in an adapter's place are its own, by their manifest; also where there is none."""
    found = _read_digest(Path(weights_place(settings, adapter))) if adapter.path else ""
    return "" in (found, adapter.weights_sha256) or found == adapter.weights_sha256


def activate_present(act: LeadAct, settings: Settings, name: str, *, reason: str) -> AdapterRow:
    """Activate an adapter whose files are there; one without would leave the desk without suggestions.

    Raises:
        DeskError: there is no such adapter, or its files are gone.
    """
    row = named_adapter(act.session, name)
    place = weights_place(settings, row)
    if not is_hub_id(place) and not (Path(place) / WEIGHTS).is_file():
        raise DeskError(f"The files of {name} are missing from {place}. Put them back, or choose another adapter.")
    check_current(settings, row)
    return activate(act, name, reason=reason)


def base_place(settings: Settings, adapter: AdapterRow) -> str:
    """Directory or hub id of the base that an adapter belongs to.

    Of the adapter that the settings name it is the base that they name with it, which may have been moved since. The
    same counts for other adapters whose base is no longer where it was: loading compares what the base is.
    """
    if adapter.path == place_in_store(settings, settings.adapter):
        return settings.base
    kept = find_base(settings, adapter.base)
    was_moved = Path(kept).is_absolute() and not Path(kept).exists()
    return settings.base if was_moved and not settings.is_embedded else kept


def find_base(settings: Settings, kept: str) -> str:
    """Directory or hub id of a base that the store keeps as `place_in_store` gave it."""
    return _place(settings, kept, EMBEDDED / "base")


def weights_place(settings: Settings, adapter: AdapterRow) -> str:
    """Directory or hub id of an adapter."""
    return _place(settings, adapter.path, EMBEDDED / "adapter")


def place_in_store(settings: Settings, place: str) -> str:
    """A place as the store keeps it; `base_place` and `weights_place` find it again."""
    path = Path(place)
    if path in (EMBEDDED / "base", EMBEDDED / "adapter"):
        return EMBEDDED_NAME
    # The dot keeps it apart from a hub id: a lost directory must not become a question to the hub.
    return f"./{path.relative_to(settings.home)}" if path.is_relative_to(settings.home) else place


def _place(settings: Settings, kept: str, embedded: Path) -> str:
    if kept == EMBEDDED_NAME:
        return str(embedded)
    return str(settings.home / kept) if kept.startswith("./") else kept


def _read_digest(directory: Path) -> str:
    """Of the weights in a directory, as its manifest gives it; a damaged one is for who loads it to tell."""
    try:
        found = (directory / MANIFEST).stat()
        return _cache_digest(directory, (found.st_mtime_ns, found.st_size))
    except (OSError, DeskError):
        return ""


@lru_cache(maxsize=64)
def _cache_digest(directory: Path, _state: tuple[int, int]) -> str:
    """The same once for each time that the manifest was written: a page asks of each suggestion."""
    return str(_read_manifest(directory).get("weights_sha256") or "")


def _read_manifest(directory: Path) -> dict[str, Any]:
    try:
        values = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}  # published without one; the loader checks what it can
    except (OSError, ValueError) as error:
        raise DeskError(
            f"Expected an adapter manifest in {directory / MANIFEST}; it cannot be read. Copy the adapter again."
        ) from error
    return values if isinstance(values, dict) else {}
