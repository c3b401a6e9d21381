"""Prompts: what the model reads and what it answers, written and read back by one class per version.

A released version is never edited, because adapters were trained on it: a new one is a new class beside it,
and an adapter's manifest says which one it was trained with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from data.task import SPECIAL_TOKEN, Extraction, Task, TaskError

PROMPT_VERSION = 1

BEGIN_OF_TEXT = "<|begin_of_text|>"
END_OF_TEXT = "<|end_of_text|>"
START_HEADER = "<|start_header_id|>"
END_HEADER = "<|end_header_id|>"
END_OF_TURN = "<|eot_id|>"
PAD = "<|finetune_right_pad_id|>"
SPECIAL_TOKENS = (BEGIN_OF_TEXT, END_OF_TEXT, START_HEADER, END_HEADER, END_OF_TURN, PAD)


class PromptError(ValueError):
    """A prompt version that is not known, a note or a reply that does not fit it."""


@dataclass(frozen=True)
class PromptV1:
    """The prompt that the published adapter was trained with.

    Two begin-of-text tokens, because its training text had one and its tokenizer put a second in front; a prompt
    that matches it token for token has both. Encode without adding special tokens.
    """

    task: Task
    version: int = 1

    @property
    def prefix(self) -> str:
        """The part that is the same for every note, up to the note's first character."""
        return (
            f"{BEGIN_OF_TEXT}{BEGIN_OF_TEXT}{START_HEADER}system{END_HEADER}\n\n{self.task.system}{END_OF_TURN}"
            f"{START_HEADER}user{END_HEADER}\n\n{self.task.instruction}\n\nText: "
        )

    @property
    def suffix(self) -> str:
        """The part between the note and the answer."""
        return f"{END_OF_TURN}{START_HEADER}assistant{END_HEADER}\n\n"

    @property
    def end(self) -> str:
        """What ends an answer."""
        return END_OF_TURN

    def render(self, text: str) -> str:
        """The whole prompt of a note, up to where the answer begins.

        Raises:
            PromptError: the note holds one of the model's special tokens, which would let it speak as someone else.
        """
        return f"{self.prefix}{_plain(text)}{self.suffix}"

    def messages(self, text: str) -> list[dict[str, str]]:
        """The same prompt as a chat, for a server that takes nothing else and adds the special tokens by itself.

        Raises:
            PromptError: the note holds one of the model's special tokens.
        """
        user = f"{self.task.instruction}\n\nText: {_plain(text)}"
        return [{"role": "system", "content": self.task.system}, {"role": "user", "content": user}]

    def answer(self, extraction: Extraction) -> str:
        """The answer for an extraction: one line of JSON, fields in order, non-ASCII characters as they are."""
        return json.dumps(extraction.as_dict(), ensure_ascii=False)

    def parse(self, reply: str) -> Extraction:
        """Read an answer back; `parse(answer(x)) == x`.

        Raises:
            PromptError: the reply is not one JSON object with exactly the task's fields.
        """
        try:
            values = json.loads(reply.removesuffix(END_OF_TURN).strip())
        except (ValueError, RecursionError) as error:
            raise PromptError("Expected one JSON object as the answer; found something else.") from error
        if not isinstance(values, dict):
            raise PromptError(f"Expected one JSON object as the answer; found {type(values).__name__}.")
        try:
            return Extraction(self.task, values)
        except TaskError as error:
            raise PromptError(str(error)) from error


def _plain(text: str) -> str:
    if SPECIAL_TOKEN.search(text):
        raise PromptError("Expected plain text; found one of the model's special tokens. Remove it from the note.")
    return text


Prompt = PromptV1  # the union of the versions, once there are two


def load_prompt(task: Task, version: int = PROMPT_VERSION) -> Prompt:
    """The prompt of a version.

    Raises:
        PromptError: this program does not know the version.
    """
    if version == 1:
        return PromptV1(task)
    raise PromptError(f"Expected prompt version 1; found {version}. The adapter needs a newer caseloop.")
