"""Proof: the engine writes the tokens that `generate` writes, on every labelled note of a file.

    python -m tests.proofs.exact [--model DIR] [--data FILE] [--batches 1 16 64] [--processes 2] [--limit N]

For every note transformers' greedy `generate` in float32 is compared, token for token, with the engine at several
numbers of notes at a time, with drafts from the other notes and with runners-up. Notes for which `generate` does not
write a valid record are counted apart: there the engine's record is valid all the same.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from tests import SHIPPED

GENERATE_BATCH = 32


def main() -> int:
    """Compare; 0 if every valid record is the same."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, default=SHIPPED, help="holds base and adapter; the shipped one without")
    parser.add_argument("--data", type=Path, default=SHIPPED / "samples" / "originals.jsonl")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    n_notes = sum(1 for line in given.data.read_text(encoding="utf-8").splitlines() if line.strip())
    n_notes = min(n_notes, given.limit or n_notes)
    parts = [range(first, n_notes, given.processes) for first in range(given.processes)]
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        work = [pool.submit(compare, given.model, given.data, list(part), tuple(given.batches)) for part in parts]
        counts = [done.result() for done in work]
    total = {key: sum(count[key] for count in counts) for key in counts[0]}
    print(json.dumps(total, indent=1))
    others = sum(value for key, value in total.items() if key.startswith("other_at_"))
    return 1 if others or total["n_invalid_records"] else 0


def compare(model: Path, path: Path, numbers: list[int], batches: tuple[int, ...]) -> dict[str, int]:
    """Counts for the notes of these numbers."""
    import torch

    torch.set_num_threads(1)
    from data.snapshot import read_rows
    from data.task import DEFAULT_TASK, load_task
    from trainer.engine.api import EngineError, Request
    from trainer.engine.local import Engine
    from trainer.model.loading import load_for_serving, load_model

    task = load_task(DEFAULT_TASK)
    rows = read_rows(task, path)
    chosen = [rows[number] for number in numbers]
    reference = load_model(model / "base", model / "adapter", device="cpu", dense=True)
    free = written_by_generate(reference, task, [row.text for row in chosen])
    valid = [is_record(reference.tokenizer, task, tokens) for tokens in free]
    counts = {"n_notes": len(chosen), "n_valid_by_generate": sum(valid), "n_invalid_records": 0}
    loaded = load_for_serving(model / "base", model / "adapter", device="cpu")
    own = set(numbers)
    for size in batches:
        engine = Engine(loaded, task, batch_size=size, constrained=False)
        engine.learn([(row.text, row.extraction) for number, row in enumerate(rows) if number not in own])
        requests = iter([Request(number, row.text) for number, row in enumerate(chosen)])
        counts[f"same_at_{size}"] = counts[f"other_at_{size}"] = 0
        for key, _, answered in engine.answer(lambda n_free, left=requests: list(islice(left, n_free))):
            assert not isinstance(answered, EngineError)
            assert isinstance(key, int)
            assert answered.answer is not None
            json.loads(answered.answer.reply)
            counts["n_invalid_records"] += not is_record(loaded.tokenizer, task, answered.answer.path)
            if valid[key]:
                counts[f"{'same' if answered.answer.path == free[key] else 'other'}_at_{size}"] += 1
    return counts


def written_by_generate(loaded, task, texts: list[str]) -> list[list[int]]:  # type: ignore[no-untyped-def]
    """What transformers' greedy `generate` writes for each text, up to the end of the turn."""
    import torch

    from data.prompt import load_prompt

    prompt = load_prompt(task, loaded.prompt_version)
    end = loaded.tokenizer.convert_tokens_to_ids(prompt.end)
    prompts = [loaded.tokenizer(prompt.render(text), add_special_tokens=False)["input_ids"] for text in texts]
    written: dict[int, list[int]] = {}
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    for first in range(0, len(order), GENERATE_BATCH):
        group = order[first : first + GENERATE_BATCH]
        longest = max(len(prompts[number]) for number in group)
        ids = torch.tensor([[end] * (longest - len(prompts[number])) + prompts[number] for number in group])
        seen = torch.tensor([[0] * (longest - len(prompts[n])) + [1] * len(prompts[n]) for n in group])
        with torch.inference_mode():
            output = loaded.model.generate(
                ids, attention_mask=seen, max_new_tokens=300, do_sample=False, eos_token_id=end, pad_token_id=end
            )
        for number, tokens in zip(group, output[:, longest:].tolist(), strict=True):
            written[number] = tokens[: tokens.index(end)] if end in tokens else tokens
    return [written[number] for number in range(len(prompts))]


def is_record(tokenizer, task, tokens: list[int]) -> bool:  # type: ignore[no-untyped-def]
    """Whether tokens are one JSON object with the task's fields in order, strings or null, as the prompt writes it."""
    text = tokenizer.decode(tokens)
    text = text if text.endswith("}") else text + "}"
    try:
        values = json.loads(text)
    except ValueError:
        return False
    if not isinstance(values, dict) or list(values) != list(task.keys):
        return False
    return all(value is None or isinstance(value, str) for value in values.values())


if __name__ == "__main__":
    raise SystemExit(main())
