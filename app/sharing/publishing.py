"""Publishing adapters and pulling them: what travels is checked before it leaves and before it appears.

An adapter is the same wherever its weights have the same digest. Publishing it twice changes nothing; another one at
the same place is replaced only when a person says so. What is pulled is checked in a draft beside the adapters, as
loading would check it, and appears by one rename.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.adapters import MANIFEST, WEIGHTS, base_place, check_current, named_adapter, place_in_store, weights_place
from app.core.desk import Desk
from app.core.errors import DeskError, InputError
from app.core.settings import EMBEDDED_NAME, is_hub_id
from app.core.terminal import Advance
from app.sharing.remotes import CARD, FILES, MARK, Place
from data.storage.files import whole_directory, write_whole
from data.storage.weight_files import no_safetensors
from data.task import load_task
from db.people.acting import OPERATOR, acting
from db.training.adapters import AdapterRow, list_adapters, register_adapter
from trainer.adapter.base_identity import BaseIdentity, compare_bases, identity_of, is_same_name
from trainer.adapter.files import ModelError, recorded_base
from trainer.adapter.manifest import Manifest, RunError, digests_of, parse_manifest, read_manifest
from trainer.model.adapter_checks import check_before_use
from trainer.run.model_card import render_card

MAX_SMALL = 16 << 20
"""Bytes that any file but the weights may have."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Published:
    """What came of publishing.

    Attributes:
        adapter: its name.
        place: where it is now.
        n_bytes: what was sent; 0 where it was there already.
        files: names of its files.
    """

    adapter: str
    place: str
    n_bytes: int
    files: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """It in one sentence."""
        if not self.n_bytes:
            return f"{self.adapter} is at {self.place} already; nothing was sent."
        return f"{self.adapter} is at {self.place} now: {len(self.files)} files, {self.n_bytes / 1e6:.1f} MB."


def publish(desk: Desk, name: str, place: Place, *, replace: bool, advance: Advance) -> Published:
    """Put an adapter where others can pull it from.

    Args:
        desk: whose adapter it is.
        name: of the adapter.
        place: where to put it.
        replace: whether another adapter that is there may be replaced.
        advance: told the kilobytes sent.

    Raises:
        DeskError: there is no such adapter, another one is there, or the place cannot be written.
        ModelError: its files are damaged.
    """
    with desk.store.reading() as session:
        row = named_adapter(session, name)
    check_current(desk.settings, row)
    where = weights_place(desk.settings, row)
    if is_hub_id(where):
        raise InputError(f"{name} is on the hub already, as {where}. Only adapters of this machine can be published.")
    directory = Path(where)
    checked = check_before_use(directory, base_place(desk.settings, row))
    manifest = checked.model_copy(update={"name": name, "files": digests_of(directory)})
    files = _files_of(directory, manifest)
    there = place.sizes()
    if MARK not in there and (MANIFEST in there or WEIGHTS in there):
        known = _manifest_at(place) if MANIFEST in there else None
        if known is not None and known.weights_sha256 == manifest.weights_sha256:
            if known == manifest and all(there.get(key) == _size(files[key]) for key in files if key != CARD):
                return Published(name, place.shown, 0, tuple(files))
            if CARD in there:
                files[CARD] = place.read(CARD)  # whoever published it may have added to it, a licence for example
        elif not replace:
            other = f"the adapter {known.name}" if known else "weights without a manifest"
            raise DeskError(
                f"Expected {name} or nothing at {place.shown}; found {other}. Choose another place, or replace what is "
                "there with --replace."
            )
    n_bytes = sum(_size(content) for content in files.values())
    with acting(desk.store, OPERATOR, "decide about an adapter") as act:  # kept before anything leaves
        act.record("published an adapter", f"adapter {name}", place=place.shown)
    place.replace(files, _show_bytes(advance, n_bytes))
    return Published(name, place.shown, n_bytes, tuple(files))


def _files_of(directory: Path, manifest: Manifest) -> dict[str, Path | bytes]:
    files: dict[str, Path | bytes] = {name: directory / name for name in FILES if (directory / name).is_file()}
    if CARD not in files:
        files[CARD] = render_card(manifest, load_task()).encode()
    return files | {MANIFEST: f"{manifest.model_dump_json(indent=1)}\n".encode()}


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _show_bytes(advance: Advance, n_bytes: int) -> Any:
    done = 0

    def sent(n: int) -> None:
        nonlocal done
        done += n
        advance(done >> 10, n_bytes >> 10, "KiB")

    return sent


def pull(desk: Desk, place: Place, *, name: str | None, base: str | None, advance: Advance) -> AdapterRow:
    """Bring an adapter in from where it was published; it is registered, not activated.

    Args:
        desk: that it is for.
        place: where it is.
        name: what to call it here; None for its own name.
        base: directory or hub id of the base that it is for; None for the one among this desk's that fits.
        advance: told the kilobytes received.

    Raises:
        DeskError: there is no adapter, it is damaged or for a base that the desk lacks, or its name is taken.
    """
    there = place.sizes()
    _check_listing(place, there)
    manifest = _manifest_at(place)
    if manifest is None:
        raise DeskError(
            f"Expected an adapter's manifest in {MANIFEST} at {place.shown}; it cannot be read. Publish it again."
        )
    chosen = manifest.name if name is None else name
    _check_name(chosen)
    fitting = _fitting_base(desk, manifest, place.shown, base)
    target = desk.settings.adapters / chosen
    _check_free(desk, target, manifest, place.shown)
    if not target.exists():
        with whole_directory(target) as draft:
            sent = _show_bytes(advance, sum(there.get(file, 0) for file in FILES))
            for file in FILES:
                if file in there:
                    place.fetch(file, draft, sent)
            _check(draft, fitting, shown=place.shown)
            if chosen != manifest.name:
                renamed = manifest.model_copy(update={"name": chosen})
                write_whole(draft / MANIFEST, renamed.model_dump_json(indent=1) + "\n")
    manifest = _check(target, fitting, shown=str(target))
    row = AdapterRow(
        name=chosen,
        path=place_in_store(desk.settings, str(target)),
        base=place_in_store(desk.settings, fitting),
        base_revision=manifest.base_revision,
        prompt_version=manifest.prompt_version,
        weights_sha256=manifest.weights_sha256,
        parent=manifest.parent,
        metrics=manifest.metrics or {},
    )
    with acting(desk.store, OPERATOR, "decide about an adapter") as act:
        act.record("pulled an adapter", f"adapter {chosen}", source=place.shown)
        return register_adapter(act, row)


def _check_listing(place: Place, there: dict[str, int]) -> None:
    """Refuse what is no whole adapter before any of it is fetched; files that are none of an adapter's stay there."""
    if MANIFEST not in there:
        said = (
            "an upload that is not complete" if MARK in there else "weights without one" if WEIGHTS in there else "none"
        )
        raise DeskError(
            f"Expected an adapter with {MANIFEST} at {place.shown}; found {said}. Check the address, or publish "
            "it there with caseloop adapters publish."
        )
    if WEIGHTS not in there:
        raise DeskError(no_safetensors(f"the adapter at {place.shown}", WEIGHTS, there))
    large = [name for name in FILES if name != WEIGHTS and there.get(name, 0) > MAX_SMALL]
    if large:
        raise DeskError(f"{large[0]} at {place.shown} is too large: it has more than {MAX_SMALL} bytes.")


def _check(directory: Path, base: str, *, shown: str) -> Manifest:
    try:
        return check_before_use(directory, base)
    except ModelError as error:
        raise DeskError(str(error).replace(str(directory), shown)) from error


def _manifest_at(place: Place) -> Manifest | None:
    try:
        return parse_manifest(place.read(MANIFEST))
    except RunError:
        return None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name == EMBEDDED_NAME:
        raise InputError(
            f"Expected a name of letters, digits, dots and dashes, not {EMBEDDED_NAME}; found {name[:64]!r}. "
            "Choose one with --name."
        )


def _fitting_base(desk: Desk, manifest: Manifest, shown: str, chosen: str | None) -> str:
    """The base among those that the desk knows, or the chosen one, that an adapter is for.

    What the manifest recorded goes before names. The only base of which that says nothing is taken too, whatever it is
    called, where its files are at hand: the adapter's tensors, which are not here yet, decide.
    """
    if chosen is not None:
        return chosen
    with desk.store.reading() as session:
        rows = list_adapters(session)
    places = dict.fromkeys([desk.settings.base, *(base_place(desk.settings, row) for row in rows)])
    known = {place: identity for place in places if (identity := _identity(place)) is not None}
    recorded = recorded_base(manifest)
    found = {place: compare_bases(recorded, identity) for place, identity in known.items()}
    alike = [place for place, identity in known.items() if is_same_name(recorded.name, identity.name)]
    same = [place for place, is_it in found.items() if is_it == "same"]
    unsaid = [place for place, is_it in found.items() if is_it == "unknown"]
    fitting = [*same, *(place for place in alike if place in unsaid), *alike]
    at_hand = [place for place in unsaid if known[place].digest]
    if not fitting and len(at_hand) == 1:
        fitting = at_hand
    if not fitting:
        names = ", ".join(sorted({identity.name for identity in known.values()}))
        raise DeskError(
            f"Expected an adapter for a base of this desk ({names}); the manifest.json at {shown} is for "
            f"{manifest.base[:80]}. Name that base with --base, or pull another adapter."
        )
    return fitting[0]


def _identity(base: str) -> BaseIdentity | None:
    with suppress(OSError, ValueError):
        return identity_of(base)
    return None


def _check_free(desk: Desk, target: Path, manifest: Manifest, shown: str) -> None:
    """Refuse a name that belongs to other weights, here or in the store."""
    held: list[str] = []
    with desk.store.reading() as session, suppress(DeskError):
        held.append(named_adapter(session, target.name).weights_sha256)
    if target.exists():
        known = read_manifest(target)
        held.append(known.weights_sha256 if known else "")
    if any(digest != manifest.weights_sha256 for digest in held):
        raise DeskError(f"Another adapter is called {target.name}. Pull {shown} under another name with --name.")
