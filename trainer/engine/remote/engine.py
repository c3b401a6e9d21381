"""The engine of a model behind a server. Nothing here needs torch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Hashable, Iterable, Iterator
from typing import Any

from data.evaluation.calibration import Calibration
from data.prompt import load_prompt
from data.suggestion import Suggestion
from data.task import Task
from data.vocabulary.house_words import NONE, HouseWords
from trainer.engine.api import EngineError, EngineUnavailableError, Outcome, Request, Source
from trainer.engine.remote.client import PROBE, Connection, Form, Server, question
from trainer.engine.remote.replies import read_confidence, read_record
from trainer.engine.suggestion import Answer, hold_to_words, make_suggestion

__all__ = ["ServedEngine"]

LOOK_S = 0.1
"""How often the source is asked for urgent notes while every slot is taken."""

_Tasks = dict[asyncio.Task[Outcome], Hashable]


class ServedEngine:
    """Suggests values for notes with a model behind a server; a `trainer.engine.api.Suggester`.

    A note that fails is told from a server that fails by a constant text: a server that does not answer that either
    is unavailable, and no note is blamed. A server cannot be told which words a value may hold: a value with another is
    taken out of the field afterwards, see `trainer.engine.suggestion.hold_to_words`.

    Args:
        task: what to extract.
        server: who is asked.
        adapter: the name that suggestions bear.
        prompt_version: of the prompt that the model was trained with.
        calibration: of its probabilities, None to take them as they are.
        house_words: that its values may hold in every note.

    Raises:
        PromptError: the prompt version is not known.
    """

    def __init__(
        self,
        task: Task,
        server: Server,
        *,
        adapter: str,
        prompt_version: int,
        calibration: Calibration | None = None,
        house_words: HouseWords = NONE,
    ) -> None:
        self.adapter, self.prompt_version, self.n_slots = adapter, prompt_version, server.n_slots
        self._task, self.calibration, self.house_words = task, calibration, house_words
        self._prompt = load_prompt(task, prompt_version)
        self._connection = Connection(server, task, self._prompt)
        self._runner = asyncio.Runner()
        self._one_at_a_time = asyncio.Lock()
        self._form: Form | None = None
        self._trouble: EngineUnavailableError | None = None

    def close(self) -> None:
        """Close every connection; the engine cannot be used afterwards."""
        self._runner.run(self._connection.close())
        self._runner.close()

    def suggest_one(self, text: str) -> Suggestion:
        """The suggestion for one note.

        Raises:
            EngineUnavailableError: the server answers nothing.
            EngineError: it does not answer this note.
        """
        self._trouble = None
        return self._runner.run(self._suggest(text))

    def attempt(self, texts: Iterable[str]) -> Iterator[Outcome]:
        """One outcome per text, in the order of the texts.

        Raises:
            EngineUnavailableError: the server answers nothing.
        """
        waiting = enumerate(texts)

        def source(n_free: int) -> list[Request]:
            return [Request(number, text) for _, (number, text) in zip(range(n_free), waiting, strict=False)]

        early: dict[Hashable, Outcome] = {}
        n_given = 0
        for number, outcome in self.serve(source):
            early[number] = outcome
            while n_given in early:
                yield early.pop(n_given)
                n_given += 1

    def serve(self, source: Source) -> Iterator[tuple[Hashable, Outcome]]:
        """Outcomes as they come. Urgent notes are sent at once, beyond the slots where all of these are taken.

        Raises:
            EngineUnavailableError: the server answers nothing; whatever has no outcome may be asked again.
        """
        self._trouble = None
        under_way: _Tasks = {}
        try:
            while True:
                for request in source(max(0, self.n_slots - len(under_way))):
                    if request.is_urgent and request.key in under_way.values():
                        continue  # it was sent when nobody waited for it yet
                    under_way[self._start(self._attempt(request.text))] = request.key
                if not under_way:
                    return
                done = [(under_way.pop(task), task) for task in self._runner.run(_first_of(under_way))]
                for key, task in done:
                    if task.exception() is None:
                        yield key, task.result()
                for _, task in done:
                    task.result()  # raises what it raised
        finally:
            self._runner.run(_cancel_all(under_way))

    def _start(self, work: Coroutine[Any, Any, Outcome]) -> asyncio.Task[Outcome]:
        return self._runner.get_loop().create_task(work)

    async def _attempt(self, text: str) -> Outcome:
        try:
            return await self._suggest(text)
        except EngineUnavailableError:
            raise
        except EngineError as error:
            return error

    async def _suggest(self, text: str) -> Suggestion:
        asked = question(self._prompt, text)
        form = await self._agree()
        began = time.perf_counter()
        try:
            reply = await self._connection.ask(form, asked)
            extraction, written = read_record(self._prompt, reply)
        except EngineError as error:
            await self._check_server(form)
            raise error from None
        answer = Answer(
            values=extraction,
            raw_confidence=read_confidence(self._task, reply),
            reply=written,
            alternatives={},
            latency_ms=round((time.perf_counter() - began) * 1000),
        )
        return make_suggestion(
            self._task,
            text,
            hold_to_words(self._task, text, answer, self.house_words.known),
            adapter=self.adapter,
            prompt_version=self.prompt_version,
            calibration=self.calibration,
        )

    async def _agree(self) -> Form:
        """How the server takes a prompt.

        Raises:
            EngineUnavailableError: it answers nothing.
        """
        async with self._one_at_a_time:
            self._raise_trouble()
            if self._form is None:
                try:
                    self._form = await self._connection.agree()
                except EngineError as error:
                    self._trouble = EngineUnavailableError(str(error))
                    self._raise_trouble()
                    raise
            return self._form

    async def _check_server(self, form: Form) -> None:
        """See whether the server answers a text that every model can answer.

        Raises:
            EngineUnavailableError: it does not.
        """
        async with self._one_at_a_time:
            self._raise_trouble()
            try:
                reply = await self._connection.ask(form, question(self._prompt, PROBE), is_patient=False)
                read_record(self._prompt, reply)
            except EngineError as error:
                self._form = None  # it may come back as another
                self._trouble = EngineUnavailableError(str(error))
            self._raise_trouble()

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            raise self._trouble


async def _first_of(tasks: _Tasks) -> set[asyncio.Task[Outcome]]:
    """Those that are done by now, or soon."""
    done, _ = await asyncio.wait(tasks, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
    return done


async def _cancel_all(tasks: _Tasks) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
