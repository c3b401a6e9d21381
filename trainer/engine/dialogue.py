"""What is said to one adapter about a note, and what is made of its answer."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from data.evaluation.calibration import Calibration
from data.prompt import PromptError, load_prompt
from data.task import Task
from data.vocabulary.wording import Words, words_of
from trainer.adapter.lengths import legibility, times_longest
from trainer.engine.api import EngineError, Outcome
from trainer.engine.decoding.rows import Row, Written
from trainer.engine.suggestion import Answer, make_suggestion
from trainer.model.loading import Loaded


class Dialogue:
    """One adapter's prompt, the words that it may answer with, and its suggestions.

    Args:
        loaded: the adapter; its house words are its own, whatever other adapters are served on the same base.
        task: what to extract.
        constrained: whether fields for which the task names a lexicon are held to it, to their note and to the house
            words.

    Raises:
        PromptError: the adapter's prompt version is not known.
    """

    def __init__(self, loaded: Loaded, task: Task, *, constrained: bool) -> None:
        self.constrained = constrained
        self._loaded, self._task = loaded, task
        self._prompt = load_prompt(task, loaded.prompt_version)

    @property
    def prefix(self) -> list[int]:
        """The tokens that every prompt begins with."""
        return self._tokens(self._prompt.prefix.rstrip())

    def prompt(self, text: str) -> list[int]:
        """The tokens of a note's prompt.

        Raises:
            EngineError: the text is none that can be asked.
        """
        try:
            return self._tokens(self._prompt.render(text))
        except PromptError as error:
            raise EngineError(str(error)) from error
        except (UnicodeEncodeError, TypeError) as error:  # half of a surrogate pair is no text
            said = "Expected plain text; found a character that is none. Remove it from the note."
            raise EngineError(said) from error

    def words(self, text: str) -> Sequence[Words | None]:
        """For each field the words that its value may hold, None for any; empty for any in all fields."""
        return words_of(self._task, text, self._loaded.house_words.known) if self.constrained else ()

    def outcome(
        self, row: Row, text: str, alternatives: Mapping[str, Sequence[Written]], calibration: Calibration | None
    ) -> Outcome:
        """The suggestion that a finished row makes for a note.

        Args:
            row: without an error.
            text: the note.
            alternatives: the row's runners-up, best first.
            calibration: of the adapter's probabilities.
        """
        assert row.answer is not None
        found, loaded = row.answer.log_probabilities, self._loaded
        answer = Answer(
            values=row.answer.values,
            raw_confidence={key: math.exp(min(0.0, value)) for key, value in found.items()},
            reply=row.answer.reply,
            alternatives={key: tuple(one.value for one in some) for key, some in alternatives.items() if some},
            latency_ms=round((time.perf_counter() - row.began) * 1000),
        )
        return make_suggestion(
            self._task,
            text,
            answer,
            adapter=loaded.name,
            prompt_version=loaded.prompt_version,
            calibration=calibration,
            times_longest=times_longest(loaded.manifest, n_tokens=len(self._tokens(self._prompt.render(text)))),
            legibility=legibility(loaded.manifest, text, len(self._tokens(text))),
        )

    def _tokens(self, text: str) -> list[int]:
        return list(self._loaded.tokenizer(text, add_special_tokens=False)["input_ids"])
