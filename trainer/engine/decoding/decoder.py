"""Greedy decoding of records, many notes at a time, each at its own field.

A step is one forward pass over all notes that are being answered. Each reads the tokens that are settled but unread
(the rest of a key, which nobody needs to ask the model for) and then a draft of what may follow. The model's own choice
is known after every one of them, so the draft is kept as far as it is what the model would have written, and one token
more is decided in any case: the answer is that of decoding token by token. A note that ends is replaced at once.

Where the task holds a field to its note and a lexicon, the model's choice is the best token with which the value still
is made of such words (see `data.vocabulary.wording`). Its probability stays the one among all tokens: a value that the
model was kept from writing otherwise has a low one.

Runners-up are written too: where the model hesitated, the other token is taken and that value alone is written to its
end, or until it has become much less probable than the value that it would stand beside; see
`trainer.engine.decoding.rows`.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from data.vocabulary.wording import Words
from trainer.engine.api import EngineError
from trainer.engine.decoding.drafts import Plan
from trainer.engine.decoding.lookup import Lookup
from trainer.engine.decoding.record import Cursor, RecordTables
from trainer.engine.decoding.rows import Beside, Branch, Decision, Row, Written, branches_of
from trainer.engine.forward.base import Asked, Forward, Option, Segment

N_ALTERNATIVES = 2
MORE_OPTIONS = 64
"""Tokens looked at where the value may go on with none of those that a pass names; then sixteen times as many."""


Settling = Generator[tuple[int, int], list[Option], None]
"""A row on its way through the options of a pass. It gives the place at which it wants more, and how many."""


@dataclass
class Counts:
    """What decoding cost: forward passes, tokens read, drafted tokens that were read and that were kept, and places
    at which a pass was asked for more options, since the value could go on with none that it named."""

    n_passes: int = 0
    n_read: int = 0
    n_drafted: int = 0
    n_kept: int = 0
    n_more: int = 0


class Script:
    """Replaces the model's choices by given ones, so that random weights answer with the lengths of real data.

    Args:
        answers: a request's key to the tokens of its answer.
    """

    def __init__(self, answers: dict[Hashable, list[int]]) -> None:
        self._answers = answers

    def choose(self, row: Row, n_before: int, options: list[Option]) -> list[Option]:
        """The given token in place of the model's best; `n_before` tokens of the answer stand before it."""
        token = self._answers[row.key[1]][n_before]
        return [(token, options[0][1])]


class Decoder:
    """Decodes records with one adapter.

    Args:
        forward: the model.
        adapter: the name by which it knows the adapter.
        tables: of the model's tokenizer and the task.
        prefix: tokens that every prompt begins with.
        max_value_tokens: a value is closed after so many.
        alternatives: a runner-up is written if it has at least this probability where it parts from the value, and at
            its end this share of the value's; None for no runners-up.
    """

    def __init__(
        self,
        forward: Forward,
        adapter: str,
        tables: RecordTables,
        prefix: Sequence[int],
        max_value_tokens: int,
        *,
        alternatives: float | None = None,
        script: Script | None = None,
    ) -> None:
        self._forward, self._adapter, self._tables = forward, adapter, tables
        self._prefix = list(prefix)
        self._max_value_tokens, self.floor, self._script = max_value_tokens, alternatives, script
        self.counts = Counts()

    def admit(
        self,
        key: tuple[int, Hashable],
        slot: int,
        prompt: list[int],
        plan: Plan,
        words: Sequence[Words | None] = (),
    ) -> Row:
        """Begin with a note in a free slot; `words` are those that its values may hold, see `Cursor.words`."""
        shared = 0
        if self._prefix and len(prompt) > len(self._prefix) and prompt[: len(self._prefix)] == self._prefix:
            shared = self._forward.begin(slot, self._adapter, self._prefix)
        cursor = Cursor(self._tables, self._max_value_tokens, words=words if self._script is None else ())
        pending = prompt[shared:] + list(self._tables.opening)
        return Row(key, slot, cursor, pending, shared, plan, Lookup(prompt) if self._forward.has_sides else None)

    def start(self, rows: Sequence[Row]) -> Any:
        """Begin one step of these rows; on a GPU it goes on while other rows are settled."""
        width = self._forward.width(len(rows))
        readers, segments, drafts = [], [], []
        for row in rows:
            row.in_flight = True
            for reader in row.readers:
                read, draft, segment = self._segment(reader, width, len(rows))
                readers.append(reader)
                segments.append(segment)
                drafts.append((read, draft))
                self.counts.n_read += len(segment.tokens)
        self.counts.n_passes += 1
        return readers, drafts, segments, self._forward.submit(segments, self._adapter)

    def finish(self, started: Any) -> None:
        """Settle a step that was begun; a row for which the model's output is no number gets an error."""
        rows, drafts, segments, submitted = started
        answers = self._forward.collect(submitted)
        settling: list[tuple[int, Segment, Settling]] = []
        for number, row in enumerate(rows):
            (n_read, draft), segment, options = drafts[number], segments[number], answers[number]
            (row.parent if row.beside and row.parent else row).in_flight = False
            if n_read < len(row.pending):  # a long prompt, read in pieces
                row.pending = row.pending[n_read:]
                row.position += n_read
            elif not all(options):
                self._fail(row)
            else:
                known = dict(zip(segment.wanted, options, strict=True))
                settling.append((number, segment, self._settle(row, draft, known)))
        self._settle_all(submitted, settling)

    def _settle_all(self, submitted: Any, settling: list[tuple[int, Segment, Settling]]) -> None:
        """Settle rows; what several of them want to know of the pass is asked for at once."""
        found: list[list[Option] | None] = [None] * len(settling)
        while settling:
            waiting, asked, n_most = [], [], 0
            for one, options in zip(settling, found, strict=True):
                number, segment, work = one
                try:
                    at, n = work.send(options)  # type: ignore[arg-type]  # None begins
                except StopIteration:
                    continue
                place = list(segment.wanted).index(at)
                asked.append(Asked(number, place, segment.states[place]))
                waiting.append(one)
                n_most = max(n_most, n)
            self.counts.n_more += len(asked)
            settling, found = waiting, list(self._forward.read_more(submitted, asked, n_most)) if asked else []

    def helpers(self, row: Row, slots: list[int]) -> list[Row]:
        """Rows in free slots that take over some of a row's runners-up; slots that are taken leave the list."""
        helpers = []
        while slots and len(row.branches) > 1 and row.parent is None:
            branch = row.branches.pop()
            slot = slots.pop()
            self._forward.fork(row.slot, slot, branch.decision.position)
            helper = Row(
                row.key, slot, row.cursor, [], 0, row.plan, is_urgent=row.is_urgent, parent=row, answer=row.answer
            )
            self._take(helper, branch)
            row.n_helpers += 1
            helpers.append(helper)
        return helpers

    def alternatives(self, row: Row) -> dict[str, list[Written]]:
        """Each field's runners-up, best first, each value once."""
        assert row.answer is not None
        named = {}
        for index, key in enumerate(self._tables.keys):
            seen = {_fold_value(row.answer.values[key])}
            kept: list[Written] = []
            for written in sorted(row.found.get(index, ()), key=lambda one: -one.log_probability):
                if _fold_value(written.value) not in seen and len(kept) < N_ALTERNATIVES:
                    seen.add(_fold_value(written.value))
                    kept.append(written)
            named[key] = kept
        return named

    def _fail(self, row: Row) -> None:
        failed = row.parent or row
        failed.error = EngineError("Expected numbers from the model; found NaN. The adapter or the base is damaged.")
        failed.branches, failed.twigs = [], []
        if row.parent is not None:
            row.parent.n_helpers -= not row.beside
            row.error = failed.error

    def _segment(self, row: Row, width: int, n_rows: int) -> tuple[int, list[int], Segment]:
        if len(row.pending) > self._forward.prefill:
            piece = row.pending[: self._forward.prefill]
            return len(piece), [], Segment(row.slot, row.position, piece, (), ())
        n_read = len(row.pending)
        cursor = row.cursor
        # A prompt fills its pass by itself; for a single note the first draft is read along with it.
        n_spare = width - n_read if n_read <= width else width if n_rows == 1 else 0
        draft = row.propose(n_spare) if n_spare else []
        if not draft and cursor.is_opening:
            draft = [self._tables.quote]  # most values are strings, so the quotation mark is mostly right
        # A runner-up ends with its value; the record ends with its last one.
        legal, states = cursor.walk(draft, len(self._tables.keys) if row.answer is None else cursor.index + 1)
        self.counts.n_drafted += len(legal)
        places = [(place, state) for place, state in enumerate(states) if state is not None]
        wanted = [n_read - 1 + place for place, _ in places]
        tokens, side = row.pending + legal, None if row.beside is None else row.beside.read(n_read + len(legal))
        return n_read, legal, Segment(row.slot, row.position, tokens, wanted, [state for _, state in places], side)

    def _settle(self, row: Row, draft: list[int], options: dict[int, list[Option]]) -> Settling:
        """Take the model's choices as far as the draft foresaw them, and the first that it did not."""
        n_read, place = len(row.pending), 0
        while True:
            at = n_read - 1 + place
            permitted = list(self._permit(row, options[at]))
            n_more = MORE_OPTIONS
            while not permitted:
                more = yield at, n_more
                best = next(self._permit(row, more), None)
                permitted = [best] if best else _find_closing(row, more) if len(more) < n_more else []
                n_more *= 16
            decided = self._decide(row, row.position + at + 1, permitted)
            if row.answer is not None and (row.cursor.is_opening or row.cursor.log_probability < self._find_floor(row)):
                self._finish_row(row)
                return
            if row.cursor.is_done:
                self._finish_row(row)
                return
            n_same = 0
            while n_same < len(decided) and place + n_same < len(draft) and draft[place + n_same] == decided[n_same]:
                n_same += 1
            self.counts.n_kept += n_same
            place += n_same
            if n_same < len(decided):
                row.pending = decided[n_same:]
                row.position += n_read + place
                if row.beside is not None:
                    row.beside.keep(n_read + place)
                return

    def _permit(self, row: Row, options: list[Option]) -> Iterator[Option]:
        """The options that keep to the words that the value may hold."""
        if self._script is not None and row.answer is None:
            return iter(self._script.choose(row, len(row.cursor.path), options))
        return (option for option in options if row.cursor.permits(option[0]))

    def _decide(self, row: Row, position: int, options: list[Option]) -> list[int]:
        """Take the best option at a place; it and the forced tokens after it come back."""
        cursor, index = row.cursor, row.cursor.index
        token, log_probability = options[0]
        if row.answer is None and self.floor is not None:
            before = cursor.log_probability
            row.decisions.append(Decision(index, tuple(cursor.current), position, before, options))
        decided = [token, *cursor.advance(token, log_probability)]
        if cursor.index > index and row.answer is None and self._forward.has_sides:
            self._grow(row)
        return decided

    def _grow(self, row: Row) -> None:
        """Begin the runners-up of the value that was closed, beside the row that goes on."""
        for branch in branches_of(row.decisions, self._floor) if row.decisions else ():
            side = Beside(row.places)
            twig = Row(row.key, row.slot, row.cursor, [], 0, row.plan, row.lookup, parent=row, beside=side)
            twig.answer = row.cursor
            row.twigs.append(twig)
            self._take(twig, branch)
        row.decisions = []

    def _finish_row(self, row: Row) -> None:
        """The record is whole, or one of its runners-up."""
        if row.answer is None:
            row.answer = row.cursor
            row.branches, row.decisions = self._branches(row), []
        else:
            cursor, index = row.cursor, row.cursor.index - 1
            key = self._tables.keys[index]
            if cursor.is_opening and cursor.log_probabilities[key] >= self._find_floor(row, index):
                found = Written(cursor.values[key], cursor.log_probabilities[key], cursor.last)
                (row.parent or row).found.setdefault(index, []).append(found)
            if row.parent is not None and row.beside is not None:
                row.beside.end()
                row.parent.twigs = [twig for twig in row.parent.twigs if twig is not row]
            elif row.parent is not None:
                row.parent.n_helpers -= 1
        if row.branches:
            self._take(row, row.branches.pop())
        else:
            row.cursor, row.pending = row.answer, []

    def _find_floor(self, row: Row, index: int | None = None) -> float:
        """The log-probability below which a runner-up of a field is given up: it grows less with every token."""
        assert row.answer is not None
        key = self._tables.keys[row.cursor.index if index is None else index]
        return self._floor + min(0.0, row.answer.log_probabilities[key])

    @property
    def _floor(self) -> float:
        return math.log(self.floor or 1.0)

    def _take(self, row: Row, branch: Branch) -> None:
        """Go on from another token at an earlier decision; what was read after it is written over."""
        decision = branch.decision
        assert row.answer is not None
        row.cursor = row.answer.rewind(decision.index, decision.before)
        row.cursor.log_probability = decision.log_probability
        row.position = decision.position
        row.pending = [branch.token]
        row.cursor.advance(branch.token, branch.log_probability)
        if row.cursor.is_opening:  # null, or a token that closes the value: nothing is left to be written
            self._finish_row(row)

    def _branches(self, row: Row) -> list[Branch]:
        """The likeliest other tokens, by field; later fields last, so that one slot can serve them from the end."""
        by_field: dict[int, list[Decision]] = {}
        for decision in row.decisions:
            by_field.setdefault(decision.index, []).append(decision)
        chosen = [branch for decisions in by_field.values() for branch in branches_of(decisions, self._floor)]
        # Within a slot, a branch must not need what an earlier taken one has written over.
        return sorted(chosen, key=lambda branch: branch.decision.position)


def _find_closing(row: Row, options: list[Option]) -> list[Option]:
    """The best option that closes the value, should a tokenizer lack the bytes to end its last word."""
    closers = row.cursor.tables.closers[row.cursor.index]
    return [option for option in options if option[0] in closers][:1] or options[:1]


def _fold_value(value: str | None) -> str | None:
    return " ".join(value.casefold().split()) or None if value is not None else None
