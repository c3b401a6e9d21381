"""The engine of a model in this process: notes in, suggestions out, valid by construction."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from data.suggestion import Suggestion
from data.task import Task
from trainer.config import SMALL_MODEL
from trainer.engine.admission import POLL_S, Queue, SlotPool, Waiting, wait_for_a_slot
from trainer.engine.api import MAX_VALUE_TOKENS, EngineError, NoteTooLong, Outcome, Request, Source
from trainer.engine.choose_forward import few_threads, make_forward, usual_slots
from trainer.engine.decoding.decoder import Counts, Decoder, Script
from trainer.engine.decoding.drafts import DraftBook, Record
from trainer.engine.decoding.record import RecordTables, build_tables
from trainer.engine.decoding.rows import Row
from trainer.engine.dialogue import Dialogue
from trainer.engine.suited import unsuited_attention
from trainer.model.loading import Loaded

ALTERNATIVES_FLOOR = 0.01
"""A runner-up is written if the model gives it at least this probability."""

FEW_ROWS = 40
"""So many notes are read in one pass, and more in two parts: a pass costs little less for half as many."""
SLOT_PATIENCE_S = 60.0
ANSWER_TOKENS = 128
"""Room that a note is given for its answer: most take less, and one that takes more moves to a larger slot."""

Weights = Literal["nf4", "bf16", "fp32", "int8"]


@dataclass(kw_only=True)
class _Shared(SlotPool):
    """What engines on the same base share: model, slots, tables, drafts."""

    tables: RecordTables
    book: DraftBook
    is_small: bool
    device: torch.device


class Engine:
    """Suggests values for notes with one model.

    Args:
        loaded: from `trainer.model.loading.load_model`.
        task: what to extract.
        batch_size: notes answered together, a long one for several; None for 8 to 32 on a CPU and 80 on a GPU.
        weights: `nf4` keeps a base in 4 bits with the adapter beside it, the others unpack it once and merge the
            adapter in. None takes what suits the model: see `trainer.engine.choose_forward`.
        alternatives: runners-up are written that have this probability and this share of the value's; None for none.
        constrained: whether fields for which the task names a lexicon are held to it, to their note and to the words
            that the adapter has learned from its reviewers.
        script: answers in place of the model's own choices, for measuring with random weights.
        beside: another engine on the same base, whose model, slots and drafts are shared.
        shapes: `room`, `row_width` and `depth` of `trainer.engine.forward.gpu_shapes.Slots`, on a GPU.

    Raises:
        EngineError: the tokenizer does not suit record decoding.
        PromptError: the adapter's prompt version is not known.
    """

    def __init__(
        self,
        loaded: Loaded,
        task: Task,
        *,
        batch_size: int | None = None,
        weights: Weights | None = None,
        alternatives: float | None = ALTERNATIVES_FLOOR,
        constrained: bool = True,
        script: Script | None = None,
        beside: Engine | None = None,
        **shapes: int,
    ) -> None:
        self.loaded = loaded
        self.adapter = loaded.name
        self.prompt_version = loaded.prompt_version
        self.calibration = loaded.calibration
        self.house_words = loaded.house_words
        self._task, self._dialogue = task, Dialogue(loaded, task, constrained=constrained)
        self._shared: _Shared = beside._shared if beside else _share(loaded, task, batch_size, weights, shapes)
        self._tables = self._shared.tables
        self._forward = self._shared.forward
        self.n_slots = self._forward.n_slots
        self._queue = Queue(self._shared)
        self._active: list[Row] = []
        self._decoder = Decoder(
            self._forward,
            loaded.name,
            self._tables,
            self._dialogue.prefix,
            MAX_VALUE_TOKENS,
            alternatives=alternatives,
            script=script,
        )
        self.max_tokens = int(self._forward.max_positions) - len(task.keys) * (MAX_VALUE_TOKENS + 16)

    def share_base(self, adapter: Loaded) -> Engine:
        """An engine with another adapter on the same base; both answer, in turn or from two threads.

        Args:
            adapter: from `trainer.model.loading.load_adapter`.
        """
        with self._shared.lock:
            self._forward.add(adapter.name, adapter.lora or {})
            self._shared.n_beside += 1
        constrained = self._dialogue.constrained
        return Engine(adapter, self._task, alternatives=self._decoder.floor, constrained=constrained, beside=self)

    @property
    def takes_others(self) -> bool:
        """Whether other adapters can be served beside this one: not where the only one is merged into the base."""
        return self.loaded.lora is not None and bool(self._forward.takes_others)

    def release(self) -> None:
        """Let go of this engine's adapter, while another engine on the same base goes on."""
        with self._shared.lock:
            self._forward.remove(self.adapter)
            self._shared.n_beside -= 1

    def learn(self, records: Iterable[Record]) -> None:
        """Take reviewed records as drafts, in place of those known before; answers become faster, never others."""
        with self._shared.lock:
            self._shared.book.learn(records)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._shared.device

    @property
    def counts(self) -> Counts:
        """What was read and drafted so far."""
        return self._decoder.counts

    def share_read(self, key: Hashable) -> float | None:
        """How far a request's note is read, 0 to 1; None where it is not being answered. For the source to ask."""
        return next((row.share_read for row in self._active if row.key[1] == key and row.parent is None), None)

    def suggest(self, texts: Iterable[str]) -> Iterator[Suggestion]:
        """Suggestions in the order of the texts, as they are asked for.

        Raises:
            EngineError: a note cannot be answered; those before it have been yielded. `attempt` goes on instead.
        """
        for outcome in self.attempt(texts):
            if isinstance(outcome, EngineError):
                raise outcome
            yield outcome

    def suggest_one(self, text: str) -> Suggestion:
        """The suggestion for one note.

        Raises:
            EngineError: the note cannot be answered.
        """
        return next(self.suggest([text]))

    def attempt(self, texts: Iterable[str]) -> Iterator[Outcome]:
        """One outcome per text, in order: a suggestion, or the error that says why there is none."""
        remaining = enumerate(texts)
        waiting: dict[Hashable, Outcome] = {}
        n_given = n_asked = 0

        def source(n_free: int) -> list[Request]:
            nonlocal n_asked
            requests: list[Request] = []
            while len(requests) < n_free and n_asked - n_given < 4 * self.n_slots:  # the rest waits for the slowest
                number, text = next(remaining, (None, None))
                if number is None:
                    break
                requests.append(Request(number, text or ""))
                n_asked += 1
            return requests

        for number, outcome in self.serve(source):
            waiting[number] = outcome
            while n_given in waiting:
                n_given += 1
                yield waiting.pop(n_given - 1)

    def serve(self, source: Source) -> Iterator[tuple[Hashable, Outcome]]:
        """Outcomes as they come; see `trainer.engine.api.Source`.

        Notes that end are replaced at once. While an urgent one is being answered, the others rest.
        """
        for key, text, answered in self.answer(source):
            yield key, answered if isinstance(answered, EngineError) else self._outcome(answered, text)

    def answer(self, source: Source) -> Iterator[tuple[Hashable, str, Row | EngineError]]:
        """What `serve` does, with the decoder's rows in place of suggestions."""
        active = self._active = []
        begun: dict[int, Waiting] = {}
        started: deque[Any] = deque()
        until = math.inf
        try:
            while True:
                n_asked = yield from self._admit(source, active, begun)
                if not active:
                    if not self._queue and (n_asked or not self._shared.n_beside):
                        return
                    until = min(until, time.monotonic() + SLOT_PATIENCE_S)
                    wait_for_a_slot(until)
                    continue
                until = math.inf
                with self._shared.lock, few_threads(len(active), is_small=self._shared.is_small):
                    is_stuck = not self._advance(active, started)
                    if is_stuck:
                        self._put_back(active, begun)
                    done = [row for row in active if row.is_done and not row.in_flight]
                    active[:] = [row for row in active if not (row.is_done and not row.in_flight)]
                    for row in done:
                        self._shared.give(row.slot)
                    self._shared.share_out(active, self._decoder)
                if is_stuck:
                    time.sleep(POLL_S)
                for row in done:
                    if row.parent is None:
                        number, key = row.key
                        yield key, begun.pop(number).request.text, row
        finally:  # left early, or failed: what is being answered is dropped
            while started:
                self._forward.collect(started.popleft()[-1])
            with self._shared.lock:
                for row in active:
                    self._shared.give(row.slot)
                self._queue.clear()

    def _room(self, n_active: int) -> tuple[int | None, int]:
        """Which part of the slots to fill, and how many of the smallest are free there; None for all parts.

        Prompts are read with the part that they stand in: few of them in each would cost as much as many in one.
        """
        if self._shared.n_beside and self._shared.n_free <= self.n_slots // 2 and n_active:
            return None, 0  # half of the slots are for the other engine
        if self._depth(n_active) == 1:
            return None, self._shared.n_free
        parts = Counter(self._forward.group(slot) for slot in self._shared.free if slot < self.n_slots)
        part = max(parts, key=lambda one: parts[one], default=0)
        return part, parts[part]

    def _depth(self, n_active: int) -> int:
        return int(self._forward.depth) if n_active > FEW_ROWS else 1

    def _admit(
        self, source: Source, active: list[Row], begun: dict[int, Waiting]
    ) -> Generator[tuple[Hashable, str, Row | EngineError], None, int]:
        """Take as many notes as there are slots, urgent ones first; gives how many were asked for."""
        n_active, n_asked, is_all = len(active), 0, False
        part, n_free = self._room(n_active)
        n_free -= n_free % self._forward.worth_admitting(n_active) if active else 0
        while not is_all:
            n_wanted = self._queue.n_wanted(n_free)
            n_asked += n_wanted
            fresh = source(n_wanted)
            is_all = len(fresh) < n_wanted or not n_wanted
            for request in fresh:
                error = self._let_wait(request, active)
                if error is not None:
                    yield request.key, request.text, error
            with self._shared.lock:
                chosen = list(self._queue.choose(n_active, part, is_all=is_all))
                plans = self._shared.book.plans([waiting.request.text for waiting, _ in chosen])
                for (waiting, slot), plan in zip(chosen, plans, strict=True):
                    number = max(begun, default=0) + 1
                    asked = waiting.request
                    words = self._dialogue.words(asked.text)
                    active.append(self._decoder.admit((number, asked.key), slot, waiting.prompt, plan, words))
                    active[-1].is_urgent = asked.is_urgent
                    begun[number] = waiting
            n_free -= sum(self._forward.blocks(slot).bit_count() for _, slot in chosen)
            n_free = max(0, min(n_free, self._shared.n_free))
            is_all = is_all or not n_free
        return n_asked

    def _let_wait(self, request: Request, active: list[Row]) -> EngineError | None:
        """Let a note wait; one that is known already becomes urgent. An error says why it cannot be answered."""
        if request.is_urgent:
            known = [row for row in active if row.key[1] == request.key]
            for row in known:
                row.is_urgent = True
            if known or self._queue.hurry(request.key):
                return None
        try:
            prompt = self._tokenise(request.text)
        except EngineError as error:
            return error
        n_positions = min(len(prompt) + ANSWER_TOKENS, self._forward.max_positions)
        self._queue.add(Waiting(request, prompt, n_positions))
        return None

    def _put_back(self, active: list[Row], begun: dict[int, Waiting]) -> None:
        """Begin anew with a note, later: all have outgrown their slots, and none can move.

        It is the last that came, and gets a slot that holds the longest answer, so it is put back once.
        """
        if len({row.key for row in active}) == 1:  # another engine on this base holds the rest of the memory
            return
        last = max(active, key=lambda row: (not row.is_urgent, row.key[0]))
        for row in [row for row in active if row.key == last.key]:
            self._shared.give(row.slot)
            active.remove(row)
        waiting = begun.pop(last.key[0])
        most = len(waiting.prompt) + self._forward.max_positions - self.max_tokens
        self._queue.add(replace(waiting, n_positions=min(most, self._forward.max_positions)), first=True)

    def _advance(self, active: list[Row], started: deque[Any]) -> bool:
        """Start a step and settle the oldest, one part of the notes while a GPU reads the other; false if none can."""
        urgent = [row for row in active if row.is_urgent and not row.is_done]
        ready = [row for row in urgent or active if row.is_ready]
        ready = [row for row in ready if self._shared.fits(row)]
        depth = self._depth(len(active))
        if depth > 1 and ready:
            sizes = Counter(self._forward.group(row.slot) for row in ready)
            largest = max(sizes, key=lambda group: sizes[group])
            ready = [row for row in ready if self._forward.group(row.slot) == largest]
        if ready:
            started.append(self._decoder.start(ready))
        if not started:
            return False
        if len(started) >= depth or not ready:
            self._decoder.finish(started.popleft())
        return True

    def _tokenise(self, text: str) -> list[int]:
        tokens = self._dialogue.prompt(text)
        if len(tokens) > self.max_tokens:
            raise NoteTooLong(
                f"Expected a note of at most {self.max_tokens} tokens with its prompt; found {len(tokens)}. Shorten it."
            )
        return tokens

    def _outcome(self, row: Row, text: str) -> Outcome:
        if row.error is not None:
            return row.error
        return self._dialogue.outcome(row, text, self._decoder.alternatives(row), self.calibration)


def _share(
    loaded: Loaded, task: Task, batch_size: int | None, weights: Weights | None, shapes: dict[str, int]
) -> _Shared:
    if reason := unsuited_attention(loaded.model.config):
        raise EngineError(reason)
    n_logits = loaded.model.get_output_embeddings().weight.shape[0]
    tables = build_tables(loaded.tokenizer, task, n_logits, loaded.device)
    on_cpu = loaded.device.type == "cpu"
    forward = make_forward(loaded, tables, batch_size or (usual_slots(loaded) if on_cpu else 80), weights, shapes)
    return _Shared(
        forward=forward,
        tables=tables,
        book=DraftBook(loaded.tokenizer, tables, task),
        free=forward.slots,
        lock=threading.RLock(),
        is_small=on_cpu and loaded.n_parameters < SMALL_MODEL,
        device=loaded.device,
    )
