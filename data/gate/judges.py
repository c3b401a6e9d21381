"""Which notes judge a new adapter: the hold-out and, while that is small, notes that nobody has learned from yet.

One note in ten is held out, so a team that reviews sixty notes a week has six judges after a week and thirty after
five: too few to see anything but the largest gains. Notes of the training side that were reviewed since the active
adapter was trained are as new to it as the hold-out is. Up to a third of them judge this run: the run learns from the
others, so what is judged is the very adapter that takes over, and neither adapter has seen its judges. The next run
learns from them and others take their place, those first that judged least often, so every reviewed note is learned
from, a third of them one run later.

Why not all of them: with sixty notes there would be nothing left to learn. Why not one adapter for each part, judged
on the part that it did not learn (cross-fitting): that is several trainings, and none of those adapters would be the
one that takes over. Why not learn from the judges once it has passed: then nobody has judged what serves.

No note has a vote if it, a copy of it or a near duplicate (`data.gate.near_duplicates`) is among the notes that either
adapter has learned from. That holds for the hold-out too: a note that was imported after the active adapter had learned
its copy is left without a vote.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.gate.near_duplicates import near_pairs, without_near
from data.notes import content_hash
from data.snapshot import Row

ENOUGH = 100
"""From so many notes of the hold-out on, it judges alone: these show five points in eight of ten cases."""
ONE_IN = 3
"""The share of the new notes that judge: with a quarter of sixty a gain of ten points is seen in two of three cases,
with a third in three of four; with a half there is too little left to learn a convention from."""


@dataclass(frozen=True)
class Sides:
    """The labelled notes of one run, divided.

    Attributes:
        rows: to learn from.
        held_out: of the hold-out, to judge by.
        fresh: of the training side, to judge by; new to both adapters.
        n_near: notes left out of training as near duplicates of notes of the hold-out.
        n_without_vote: notes of the hold-out that the active adapter knows, or a near duplicate of.
    """

    rows: list[Row]
    held_out: list[Row]
    fresh: list[Row]
    n_near: int
    n_without_vote: int

    @property
    def judges(self) -> list[Row]:
        """All notes that judge."""
        return [*self.held_out, *self.fresh]


def divide(
    rows: Sequence[Row],
    held_out: Sequence[Row],
    unlabelled: Sequence[str],
    learned: Sequence[str] | None,
    n_judged: Mapping[str, int],
    n_enough: int = ENOUGH,
) -> Sides:
    """Divide a store's labelled notes into those to learn from and those that judge.

    Args:
        rows: of the training side.
        held_out: of the other one.
        unlabelled: texts of the hold-out that may be labelled one day; their near duplicates are not learned either.
        learned: texts that the active adapter was trained on, None where nobody knows any more: then every note of the
            training side counts as learned.
        n_judged: by content hash, how often a note of the training side has judged.
        n_enough: notes of the hold-out from which it judges alone; 0: it always does.
    """
    kept, pairs = without_near(rows, [*(row.text for row in held_out), *unlabelled])
    known = [row.text for row in rows] if learned is None else list(dict.fromkeys(learned))
    voting = without_known(held_out, known)
    n_wanted = max(0, n_enough - len(voting))
    return _settle(kept, voting, _choose(kept, known, n_judged, n_wanted), len(pairs), len(held_out) - len(voting))


def without_judges(rows: Sequence[Row], held_out: Sequence[Row], unlabelled: Sequence[str]) -> Sides:
    """The same where nothing is judged: everything is learned from but near duplicates of the hold-out."""
    kept, pairs = without_near(rows, [*(row.text for row in held_out), *unlabelled])
    return _settle(kept, list(held_out), [], len(pairs), 0)


def without_known(rows: Sequence[Row], known: Sequence[str]) -> list[Row]:
    """The rows that are no copy and no near duplicate of a known text."""
    copies = {content_hash(text) for text in known}
    others = [row for row in rows if content_hash(row.text) not in copies]
    near = {pair.index for pair in near_pairs([row.text for row in others], known)}
    return [row for index, row in enumerate(others) if index not in near]


def _choose(kept: Sequence[Row], known: Sequence[str], n_judged: Mapping[str, int], n_wanted: int) -> list[Row]:
    """At most so many reviewed rows, and at most a third of them, that are new to whoever knows the texts."""
    new = without_known([row for row in kept if row.source == "annotation"], known) if n_wanted else []
    new.sort(key=lambda row: (n_judged.get(row.content_hash, 0), hashlib.sha256(row.text.encode()).digest()))
    return new[: min(n_wanted, len(new) // ONE_IN)]


def _settle(kept: list[Row], held_out: list[Row], fresh: list[Row], n_near: int, n_without_vote: int) -> Sides:
    """Divide until no row is a near duplicate of a judge: that judge is learned from instead, unless it is held out.

    What is common among fewer notes may be less, so the rows and judges that stay are looked at alone, as the trainer
    looks at them.
    """
    while True:
        chosen = {row.content_hash for row in fresh}
        rows = [row for row in kept if row.content_hash not in chosen]
        judges = [*held_out, *fresh]
        pairs = list(near_pairs([row.text for row in rows], [row.text for row in judges]))
        if not pairs:
            return Sides(rows, held_out, fresh, n_near, n_without_vote)
        refused = {pair.other for pair in pairs if pair.other >= len(held_out)}
        fresh = [row for place, row in enumerate(fresh, start=len(held_out)) if place not in refused]
        out = {rows[pair.index].content_hash for pair in pairs if pair.other < len(held_out)}
        kept = [row for row in kept if row.content_hash not in out]
        n_near += len(out)
