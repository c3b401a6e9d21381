"""What a disk would hold after a power cut, from the log of everything that a process asked of it (`disk_log.c`).

A write that was followed by a sync of its file, which ended, is there. Of the others a disk may have kept none, all up
to some moment, any of them, or parts: it writes sectors of 512 bytes, in an order of its own. A file's name is taken to
be on the disk from its first write on, and gone as soon as it is removed.
"""

from __future__ import annotations

import random
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

WRITE, TRUNCATE, SYNC_BEGINS, SYNC_ENDED, REMOVE = 1, 2, 3, 4, 5
SECTOR = 512
HEAD = struct.Struct("<IIQQ64s")

Fate = Literal["none", "prefix", "half", "torn"]
"""What becomes of writes that were not synced."""
FATES: tuple[Fate, ...] = get_args(Fate)


@dataclass(frozen=True)
class Entry:
    """One thing that a process asked of the disk; `offset` is the new length where it truncates."""

    what: int
    id: int
    offset: int
    name: str
    data: bytes = b""


@dataclass
class File:
    """A file as the disk has it for certain, and what it was asked for since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Entry] = field(default_factory=list)
    syncs: dict[int, int] = field(default_factory=dict)  # by id, how much was pending when it began

    def take(self, entry: Entry) -> None:
        """Go one step on."""
        if entry.what in (WRITE, TRUNCATE):
            self.pending.append(entry)
        elif entry.what == SYNC_BEGINS:
            self.syncs[entry.id] = len(self.pending)
        else:
            n_synced = self.syncs.pop(entry.id, 0)
            for one in self.pending[:n_synced]:
                apply(self.durable, one)
            del self.pending[:n_synced]
            self.syncs = {key: max(0, n - n_synced) for key, n in self.syncs.items()}

    def after_cut(self, fate: Fate, rng: random.Random) -> bytearray:
        """What the disk may hold if the power fails now."""
        found, pending = bytearray(self.durable), self.pending
        if fate == "none":
            pending = []
        elif fate == "prefix":
            pending = pending[: rng.randint(0, len(pending))]
        elif fate == "half":
            pending = [entry for entry in pending if rng.random() < 0.5]
        for entry in pending:
            apply(found, entry, (lambda: rng.random() < 0.7) if fate == "torn" else None)
        return found


def apply(content: bytearray, entry: Entry, has_luck: Callable[[], bool] | None = None) -> None:
    """Do to a file's content what was asked; with `has_luck`, only those sectors for which it says so."""
    if entry.what == TRUNCATE:
        del content[entry.offset :]
        content.extend(bytes(entry.offset - len(content)))
        return
    size = len(entry.data) if has_luck is None else SECTOR
    for start in range(0, len(entry.data), max(size, 1)):
        if has_luck is None or has_luck():
            part, at = entry.data[start : start + size], entry.offset + start
            content.extend(bytes(max(0, at + len(part) - len(content))))
            content[at : at + len(part)] = part


def read_log(path: Path) -> list[Entry]:
    """All entries; the last may be cut off, if its process was killed."""
    content, entries, at = path.read_bytes(), [], 0
    while at + HEAD.size <= len(content):
        what, number, offset, length, name = HEAD.unpack_from(content, at)
        at += HEAD.size
        data = content[at : at + length] if what == WRITE else b""
        at += len(data)
        entries.append(Entry(what, number, offset, name.rstrip(b"\0").decode(), data))
    return entries


def cuts(
    entries: list[Entry], points: list[int], rng: random.Random
) -> Iterator[tuple[int, Fate, dict[str, bytearray]]]:
    """For each point, in order: how many entries came before, the fate of unsynced writes, and each file's content."""
    files: defaultdict[str, File] = defaultdict(File)
    at = 0
    for point in sorted(points):
        for entry in entries[at:point]:
            if entry.what == REMOVE:
                files.pop(entry.name, None)
            else:
                files[entry.name].take(entry)
        at = point
        fate = rng.choice(FATES)
        yield point, fate, {name: file.after_cut(fate, rng) for name, file in files.items()}
