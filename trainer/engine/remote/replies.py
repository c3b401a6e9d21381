"""Reading what a server's model wrote: the record in a reply, and how probable the model found each value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from data.prompt import Prompt, PromptError
from data.task import Extraction, Task
from trainer.engine.api import EngineError

_PAIR = re.compile(r'("(?:[^"\\]|\\.)*")\s*:\s*("(?:[^"\\]|\\.)*"|null)')
_DECODER = json.JSONDecoder()
_CUT_OFF = (
    "Expected a whole record as the server's answer; found one that was cut off, which is not the note's fault. Check "
    "that the server has the right model, holds it to the JSON schema, and has room for note and answer "
    "(vLLM: --max-model-len)."
)


@dataclass(frozen=True)
class Reply:
    """What a server answered for one note.

    Attributes:
        text: as the model wrote it.
        pieces: the tokens of the text with the logarithm of their probability; empty where the server gives none.
        was_cut: whether it was ended by its length.
    """

    text: str
    pieces: Sequence[tuple[str | bytes, float]] = ()
    was_cut: bool = False


def read_completion(choice: Any) -> Reply:
    """The reply in a choice of `/v1/completions`.

    Raises:
        EngineError: it is not one.
    """
    logprobs = getattr(choice, "logprobs", None)
    tokens, numbers = getattr(logprobs, "tokens", None) or (), getattr(logprobs, "token_logprobs", None) or ()
    pieces = zip(tokens, numbers, strict=False)
    return _reply(getattr(choice, "text", None), pieces, choice)


def read_chat(choice: Any) -> Reply:
    """The reply in a choice of `/v1/chat/completions`, whose tokens come as bytes.

    Raises:
        EngineError: it is not one.
    """
    content = getattr(getattr(choice, "logprobs", None), "content", None) or ()
    pieces = ((bytes(of.bytes) if of.bytes is not None else of.token, of.logprob) for of in content)
    return _reply(getattr(getattr(choice, "message", None), "content", None), pieces, choice)


def _reply(text: Any, pieces: Iterable[tuple[Any, Any]], choice: Any) -> Reply:
    if not isinstance(text, str):
        raise EngineError("Expected text as the server's answer; found none. Look at the server's model and log.")
    known = [(piece, float(number)) for piece, number in pieces if number is not None]
    return Reply(text, known, getattr(choice, "finish_reason", None) == "length")


def read_record(prompt: Prompt, reply: Reply) -> tuple[Extraction, str]:
    """The values of a reply, and the record alone as the model wrote it.

    The record must stand at the beginning. What follows it is no part of the answer: a server that does not know the
    model's end-of-turn token lets it run on.

    Raises:
        EngineError: the reply does not begin with a record of the task's fields.
    """
    written = reply.text.lstrip()
    try:
        _, end = _DECODER.raw_decode(written)
        return prompt.parse(written[:end]), written[:end]
    except (ValueError, RecursionError) as error:
        # The reply is not repeated, nor kept as the cause: it is made of the note.
        if reply.was_cut:
            raise EngineError(_CUT_OFF) from None
        if isinstance(error, PromptError):
            raise EngineError(str(error)) from None
        raise EngineError(
            "Expected one JSON object as the server's answer; found something else. "
            "Check that it serves the right model."
        ) from None


def read_confidence(task: Task, reply: Reply) -> dict[str, float]:
    """Field key to the model's own probability of the value: that of all tokens from its colon to its end.

    The opening and the closing token belong to it, as they do where the model runs in this process. Empty where the
    server gives no probabilities, or tokens that do not add up to the text.

    Args:
        task: whose fields are looked for.
        reply: begins with a record, as `read_record` found.
    """
    is_bytes = any(isinstance(piece, bytes) for piece, _ in reply.pieces)
    tokens = [(piece.encode() if isinstance(piece, str) else piece, number) for piece, number in reply.pieces]
    text = reply.text.encode()
    joined = b"".join(piece for piece, _ in tokens)
    if not tokens or not (joined.startswith(text) or (is_bytes and text.startswith(joined))):
        return {}
    ends = list(accumulate(len(piece) for piece, _ in tokens))
    confidence = {}
    for pair in _PAIR.finditer(reply.text):
        key = json.loads(pair[1])
        start, end = (len(reply.text[:at].encode()) for at in pair.span(2))
        inside = [
            number
            for (piece, number), last in zip(tokens, ends, strict=True)
            if last > start and last - len(piece) < end
        ]
        if key in task.keys and key not in confidence and inside and end <= ends[-1]:
            confidence[key] = math.exp(min(0.0, sum(inside)))
    return confidence if len(confidence) == len(task.keys) else {}
