"""Pre-fill by transformers' `generate`: greedy, one note at a time or many in a batch, padded on the left."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import torch

from data.prompt import load_prompt
from data.snapshot import Row
from data.task import Task
from tests.bench.model.timing import Timer, reset_peak
from trainer.model.loading import Loaded


class Answers:
    """Prompts and labels of the rows as tokens."""

    def __init__(self, loaded: Loaded, task: Task, rows: Sequence[Row]) -> None:
        prompt, encode = load_prompt(task, loaded.prompt_version), loaded.tokenizer
        self._characters = round(statistics.mean(len(row.text) for row in rows))
        self.end = encode.convert_tokens_to_ids(prompt.end)
        self.prompts = [encode(prompt.render(row.text), add_special_tokens=False)["input_ids"] for row in rows]
        self.gold = [encode(prompt.answer(row.extraction), add_special_tokens=False)["input_ids"] for row in rows]

    @property
    def characters(self) -> int:
        """Mean length of the notes."""
        return self._characters

    def lengths(self) -> dict[str, float]:
        """Mean numbers of tokens."""
        return {
            "prompt_mean": round(statistics.mean(map(len, self.prompts)), 1),
            "answer_mean": round(statistics.mean(len(gold) + 1 for gold in self.gold), 1),
            "answer_max": max(len(gold) + 1 for gold in self.gold),
        }


class _Replay:
    """A logits processor of transformers that puts given tokens in place of the model's choices."""

    def __init__(self, gold: list[list[int]], end: int, n_prompt: int) -> None:
        self._gold, self._end, self._n_prompt = gold, end, n_prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step = input_ids.shape[1] - self._n_prompt
        chosen = [gold[step] if step < len(gold) else self._end for gold in self._gold]
        scores.scatter_(1, torch.tensor(chosen, device=scores.device)[:, None], torch.inf)
        return scores


@torch.inference_mode()
def generated(
    loaded: Loaded, answers: Answers, n_notes: int, size: int, *, replay: bool
) -> tuple[dict[str, Any], list[list[int]]]:
    """Answer the first notes with greedy choices, `size` at a time.

    Returns:
        The figures, and the tokens of every answer.

    Raises:
        torch.OutOfMemoryError: so many at a time do not fit.
    """
    written: list[list[int]] = []
    n_passes = 0
    _generate(loaded, answers, [0], replay=replay, limit=4)  # the first call makes the libraries choose their kernels
    reset_peak(loaded.device)
    timer = Timer(loaded.device)
    for first in range(0, n_notes, size):
        with timer:
            output = _generate(
                loaded, answers, list(range(first, min(first + size, n_notes))), replay=replay, limit=None
            )
        n_passes += max(map(len, output))
        written += output
    ended = [tokens[: tokens.index(answers.end)] if answers.end in tokens else tokens for tokens in written]
    return timer.figures(n_notes, n_passes, has_each=size == 1), ended


def _generate(
    loaded: Loaded, answers: Answers, chunk: list[int], *, replay: bool, limit: int | None
) -> list[list[int]]:
    from transformers import LogitsProcessorList

    prompts = [answers.prompts[number] for number in chunk]
    longest = max(map(len, prompts))
    ids = torch.tensor([[answers.end] * (longest - len(one)) + one for one in prompts], device=loaded.device)
    seen = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in prompts], device=loaded.device)
    gold = [answers.gold[number] for number in chunk]
    processors = LogitsProcessorList([_Replay(gold, answers.end, longest)] if replay else [])
    output = loaded.model.generate(
        input_ids=ids,
        attention_mask=seen,
        max_new_tokens=limit or max(map(len, gold)) + (1 if replay else 60),
        do_sample=False,
        eos_token_id=answers.end,
        pad_token_id=answers.end,
        logits_processor=processors,
    )
    written: list[list[int]] = output[:, longest:].tolist()
    return written
