"""What every engine offers, whether the model runs in this process or behind a server."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from data.evaluation.calibration import Calibration
from data.suggestion import Suggestion
from data.vocabulary.house_words import HouseWords

MAX_VALUE_TOKENS = 80
"""Tokens after which a value is closed: an answer may not run on."""


class EngineError(RuntimeError):
    """A note that the engine cannot answer, or a model that it cannot drive; the message says what to do."""


class NoteTooLong(EngineError):  # noqa: N818 - named for what happened
    """A note that does not fit the model's context with its answer."""


class EngineUnavailableError(EngineError):
    """The engine answers no note now, so none is to blame; the message says why. Asked again later, it may."""


Outcome = Suggestion | EngineError


@dataclass(frozen=True)
class Request:
    """One note for an engine.

    Attributes:
        key: what the outcome is to be known by.
        text: of the note.
        is_urgent: a reviewer waits for it: it goes before everything that is not urgent.
    """

    key: Hashable
    text: str
    is_urgent: bool = False


Source = Callable[[int], Sequence[Request]]
"""Called with the number of free slots whenever the engine could take more notes; gives at most as many, or further
ones that are urgent, also one that it gave before and that has become so. None given while none is being answered ends
the work. It must return at once."""


class Suggester(Protocol):
    """An engine.

    Attributes:
        adapter: name of the adapter that suggests.
        prompt_version: of the prompt that the adapter was trained with.
        n_slots: notes that are answered at the same time.
        calibration: the curves that make its probabilities confidence; others may be put in their place.
        house_words: those that the adapter has learned from its reviewers.
    """

    adapter: str
    prompt_version: int
    n_slots: int
    calibration: Calibration | None
    house_words: HouseWords

    def serve(self, source: Source) -> Iterator[tuple[Hashable, Outcome]]:
        """Outcomes as they come, not in the order of the requests.

        What the source raises is raised here, and what was being answered then is forgotten.

        Raises:
            EngineUnavailableError: the engine answers nothing; whatever has no outcome may be asked again.
        """
        ...

    def attempt(self, texts: Iterable[str]) -> Iterator[Outcome]:
        """One outcome per text, in the order of the texts.

        Raises:
            EngineUnavailableError: the engine answers nothing.
        """
        ...

    def suggest_one(self, text: str) -> Suggestion:
        """The suggestion for one note.

        Raises:
            EngineError: the note cannot be answered.
        """
        ...
