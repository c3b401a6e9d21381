"""The engine of a model in this process: notes in, suggestions out, valid by construction."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import torch

from data.prompt import PromptError, load_prompt
from data.suggestion import Suggestion
from data.task import Task
from trainer.config import SMALL_MODEL
from trainer.engine.decode import Decoder
from trainer.engine.record import Cursor, build_tables
from trainer.engine.suggester import EngineError, Outcome, Source
from trainer.engine.suggesting import Answer, make_suggestion
from trainer.model import Loaded

MAX_VALUE_TOKENS = 80


@contextmanager
def _threads(n_rows: int, *, is_small: bool) -> Iterator[None]:
    """Few CPU threads while a small model decodes a batch, and as many as before afterwards.

    Its steps are short. On cores that other processes use too, threads wait for each other at each of its
    hundreds of products: with two threads on two busy cores a note takes five times as long as with one.
    """
    before = torch.get_num_threads()
    few = 1 if n_rows <= 2 else max(1, (os.cpu_count() or 2) // 2)
    torch.set_num_threads(min(before, few) if is_small else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class NoteTooLong(EngineError):  # noqa: N818 - named for what happened
    """A note that does not fit the model's context with its answer."""


class Engine:
    """Suggests values for notes with one model.

    Args:
        loaded: from `trainer.model.load_model`.
        task: what to extract.
        batch_size: notes decoded together; None for 8 on a CPU and 64 on a GPU.

    Raises:
        EngineError: the tokenizer does not suit record decoding.
        PromptError: the adapter's prompt version is not known.
    """

    def __init__(self, loaded: Loaded, task: Task, *, batch_size: int | None = None) -> None:
        on_cpu = loaded.device.type == "cpu"
        self.adapter = loaded.name
        self.prompt_version = loaded.prompt_version
        self._calibration = loaded.calibration
        self.n_slots = self.batch_size = batch_size or (8 if on_cpu else 64)
        self._is_small = on_cpu and loaded.n_parameters < SMALL_MODEL
        self._task, self._tokenizer = task, loaded.tokenizer
        self._prompt = load_prompt(task, loaded.prompt_version)
        n_logits = loaded.model.get_output_embeddings().weight.shape[0]
        self._tables = build_tables(loaded.tokenizer, task, n_logits, loaded.device)
        self._decoder = Decoder(loaded.model, self._tables, MAX_VALUE_TOKENS)
        self._decoder.remember_prefix(self._tokens(self._prompt.prefix.rstrip()))
        answer = len(task.keys) * (MAX_VALUE_TOKENS + 16)
        self.max_tokens = int(loaded.model.config.max_position_embeddings) - answer
        self._batch_tokens = 8_192 if on_cpu else 65_536

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

    def attempt(self, texts: Iterable[str]) -> Iterator[Suggestion | EngineError]:
        """One outcome per text, in order: a suggestion, or the error that says why there is none."""
        remaining = iter(texts)
        while group := list(islice(remaining, self.batch_size)):
            yield from self._answer_group(group)

    def serve(self, source: Source) -> Iterator[tuple[Hashable, Outcome]]:
        """Outcomes as they come; see `trainer.engine.suggester.Source`."""
        while requests := list(source(self.batch_size)):
            requests.sort(key=lambda request: not request.is_urgent)
            outcomes = self.attempt(request.text for request in requests)
            yield from ((request.key, outcome) for request, outcome in zip(requests, outcomes, strict=True))

    def _answer_group(self, texts: list[str]) -> list[Suggestion | EngineError]:
        outcomes: list[Suggestion | EngineError | None] = [None] * len(texts)
        prompts: dict[int, list[int]] = {}
        for number, text in enumerate(texts):
            try:
                prompts[number] = self._tokenised(text)
            except EngineError as error:
                outcomes[number] = error
        for batch in self._batches(prompts):
            began = time.perf_counter()
            with _threads(len(batch), is_small=self._is_small):
                cursors = self._decoder.decode([prompts[number] for number in batch])
            latency_ms = round((time.perf_counter() - began) * 1000 / len(batch))
            for number, cursor in zip(batch, cursors, strict=True):
                outcomes[number] = self._suggestion(texts[number], cursor, latency_ms)
        return [outcome for outcome in outcomes if outcome is not None]

    def _batches(self, prompts: dict[int, list[int]]) -> Iterator[list[int]]:
        """Notes of like length together, no batch with more tokens than memory is meant for."""
        batch: list[int] = []
        for number in sorted(prompts, key=lambda number: len(prompts[number])):
            if batch and (len(batch) + 1) * len(prompts[number]) > self._batch_tokens:
                yield batch
                batch = []
            batch.append(number)
        if batch:
            yield batch

    def _tokenised(self, text: str) -> list[int]:
        try:
            tokens = self._tokens(self._prompt.render(text))
        except PromptError as error:
            raise EngineError(str(error)) from error
        except (UnicodeEncodeError, TypeError) as error:  # half of a surrogate pair is no text
            raise EngineError(
                "Expected plain text; found a character that is none. Remove it from the note."
            ) from error
        if len(tokens) > self.max_tokens:
            raise NoteTooLong(
                f"Expected a note of at most {self.max_tokens} tokens with its prompt; found {len(tokens)}. Shorten it."
            )
        return tokens

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return tokens

    def _suggestion(self, text: str, cursor: Cursor, latency_ms: int) -> Suggestion:
        confidence = {key: math.exp(min(0.0, value)) for key, value in cursor.log_probabilities.items()}
        answer = Answer(cursor.values, confidence, cursor.reply, {}, latency_ms)
        return make_suggestion(
            self._task,
            text,
            answer,
            adapter=self.adapter,
            prompt_version=self.prompt_version,
            calibration=self._calibration,
        )
