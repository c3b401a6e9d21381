"""Pre-fill, side by side: `generate` as the model card has it, `generate` in batches, and the engine.

Every way answers the same notes with the same tokens, which is asserted: with a trained model they are its own greedy
choices, with random weights the labels are put in place of them, so that lengths and accepted drafts are those of real
notes.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from data.prompt import load_prompt
from data.snapshot import Row
from data.task import Task
from trainer.engine.decode import Script
from trainer.engine.local import Engine
from trainer.engine.record import build_tables, follow
from trainer.engine.suggester import EngineError, Request
from trainer.engine.weights import LlamaWeights
from trainer.model import Loaded

GIB = 1 << 30


@dataclass
class Settings:
    """What is measured.

    Attributes:
        n_single: notes answered one at a time.
        n_bulk: notes answered in bulk.
        batches: sizes of the batches that `generate` gets.
        engines: name to arguments of `Engine`, each measured alone and in bulk; `known` False for no drafts.
        cap_gib: memory that the process may use on a GPU.
    """

    n_single: int = 3
    n_bulk: int = 128
    batches: tuple[int, ...] = (16, 64)
    engines: dict[str, dict[str, Any]] = field(default_factory=dict)
    cap_gib: float = 22.0


def bench_prefill(
    load: Callable[[], Loaded],
    task: Task,
    rows: Sequence[Row],
    known: Sequence[Row],
    settings: Settings,
    *,
    replay: bool,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure all ways on the same notes.

    Args:
        load: makes a fresh model; called once for every engine, since some unpack the weights in place.
        task: what is extracted.
        rows: labelled notes that are answered.
        known: other labelled notes, as source of drafts.
        settings: what is measured.
        replay: put the labels in place of the model's choices.
        say: called with a line after every measurement.

    Returns:
        Machine, floors and one entry for every way, ready for JSON.
    """
    loaded = load()
    device = loaded.device
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, settings.cap_gib * GIB / total))
    rows = _answerable(loaded, task, rows)
    result: dict[str, Any] = {"machine": machine(device), "floor": floors(loaded), "ways": {}}
    say(f"machine: {result['machine']}")
    answers = _Answers(loaded, task, rows)
    result["tokens"] = answers.lengths()
    expected = None
    for size in (1, *settings.batches):
        n_notes = settings.n_single if size == 1 else max(size, min(settings.n_bulk, size))
        way, tokens = _generated(loaded, answers, rows[:n_notes], size, replay=replay)
        _note(result, f"generate, {'one note' if size == 1 else f'batch {size}'}", way, say)
        if expected is None or len(tokens) > len(expected):
            expected = tokens
    assert expected is not None
    del loaded
    for name, arguments in settings.engines.items():
        _free()  # the one before may have unpacked its weights in place
        loaded = load()
        script = Script({n: answers.gold[n] for n in range(len(rows))}) if replay else None
        chosen = {key: value for key, value in arguments.items() if key != "known"}
        engine = Engine(loaded, task, script=script, **chosen)
        _free()
        if arguments.get("known", True):
            engine.learn([(row.text, row.extraction) for row in known])
        for label, count in (("one note", min(settings.n_single * 8, len(rows))), ("bulk", settings.n_bulk)):
            way, paths = _engine_way(engine, rows[:count], single=label == "one note")
            same = sum(path == tokens for path, tokens in zip(paths, expected, strict=False))
            way["same_tokens"] = f"{same} of {min(len(paths), len(expected))}"
            _note(result, f"{name}, {label}", way, say)
        del engine, loaded
    return result


def _note(result: dict[str, Any], name: str, way: dict[str, Any], say: Callable[[str], None]) -> None:
    way["share_of_floor"] = _share_of_floor(result, name, way)
    result["ways"][name] = way
    say(f"{name}: {way}")


def _share_of_floor(result: dict[str, Any], name: str, way: dict[str, Any]) -> float:
    """The least time that the bytes and operations of this way need on this machine, over the time that it took.

    A pass reads all weights once; every token that is read costs its operations. Both at the rates just seen; the
    longer of the two counts.
    """
    floor, tokens = result["floor"], result["tokens"]
    kind = next((kind for kind in ("nf4", "bf16", "fp32") if kind in name), "nf4")
    read = way.get("tokens_read_per_note", tokens["prompt_mean"] + tokens["answer_mean"])
    by_bytes = way["passes_per_note"] * floor[f"bytes_per_pass_{kind}"] / floor["bytes_per_s_seen"]
    by_operations = read * floor["flops_per_token"] / floor["flops_per_s_seen"]
    return float(round(1000 * max(by_bytes, by_operations) / way["ms_per_note"], 3))


class _Answers:
    """Prompts and labels of the rows as tokens."""

    def __init__(self, loaded: Loaded, task: Task, rows: Sequence[Row]) -> None:
        prompt, encode = load_prompt(task, loaded.prompt_version), loaded.tokenizer
        self.end = encode.convert_tokens_to_ids(prompt.end)
        self.prompts = [encode(prompt.render(row.text), add_special_tokens=False)["input_ids"] for row in rows]
        self.gold = [encode(prompt.answer(row.extraction), add_special_tokens=False)["input_ids"] for row in rows]

    def lengths(self) -> dict[str, float]:
        """Mean numbers of tokens."""
        return {
            "prompt_mean": round(statistics.mean(map(len, self.prompts)), 1),
            "answer_mean": round(statistics.mean(len(gold) + 1 for gold in self.gold), 1),
            "answer_max": max(len(gold) + 1 for gold in self.gold),
        }


def _answerable(loaded: Loaded, task: Task, rows: Sequence[Row]) -> list[Row]:
    """Rows whose labels the record can hold as they are: no quotation marks or line breaks inside a value."""
    n_logits = loaded.model.get_output_embeddings().weight.shape[0]
    tables, prompt = build_tables(loaded.tokenizer, task, n_logits), load_prompt(task, loaded.prompt_version)
    encode = loaded.tokenizer
    return [
        row
        for row in rows
        if follow(tables, encode(prompt.answer(row.extraction), add_special_tokens=False)["input_ids"], 80) is not None
    ]


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
def _generated(
    loaded: Loaded, answers: _Answers, rows: Sequence[Row], size: int, *, replay: bool
) -> tuple[dict[str, Any], list[list[int]]]:
    """`generate` with greedy choices, `size` notes at a time, padded on the left."""
    written: list[list[int]] = []
    seconds = []
    n_passes = 0
    _generate(loaded, answers, [0], replay=replay, limit=4)  # the first call makes the libraries choose their kernels
    _reset_peak(loaded.device)
    for first in range(0, len(rows), size):
        chunk = list(range(first, min(first + size, len(rows))))
        _wait(loaded.device)
        began = time.perf_counter()
        output = _generate(loaded, answers, chunk, replay=replay, limit=None)
        _wait(loaded.device)
        seconds.append(time.perf_counter() - began)
        n_passes += max(map(len, output))
        written += output
    ended = [tokens[: tokens.index(answers.end)] if answers.end in tokens else tokens for tokens in written]
    return _way(len(rows), sum(seconds), n_passes, seconds if size == 1 else None, loaded.device), ended


def _generate(
    loaded: Loaded, answers: _Answers, chunk: list[int], *, replay: bool, limit: int | None
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


def _engine_way(engine: Engine, rows: Sequence[Row], *, single: bool) -> tuple[dict[str, Any], list[list[int]]]:
    device = engine.device
    texts = [row.text for row in rows]
    _paths(engine, texts[:2] if single else texts, 0)  # graphs are captured at first use
    counts = engine.counts
    before = counts.n_passes, counts.n_read, counts.n_drafted, counts.n_kept
    _reset_peak(device)
    seconds: list[float] = []
    began = time.perf_counter()
    if single:
        paths: dict[int, list[int]] = {}
        for number in range(len(texts)):
            started = time.perf_counter()
            paths |= _paths(engine, texts[number : number + 1], number)
            seconds.append(time.perf_counter() - started)
    else:
        paths = _paths(engine, texts, 0)
    total = time.perf_counter() - began
    passes, read, drafted, kept = (
        now - then
        for now, then in zip((counts.n_passes, counts.n_read, counts.n_drafted, counts.n_kept), before, strict=True)
    )
    way = _way(len(rows), total, passes, seconds if single else None, device)
    way |= {
        "tokens_read_per_note": round(read / len(rows), 1),
        "drafted_per_note": round(drafted / len(rows), 1),
        "kept_per_note": round(kept / len(rows), 1),
    }
    return way, [paths[number] for number in range(len(rows))]


def _paths(engine: Engine, texts: Sequence[str], first: int) -> dict[int, list[int]]:
    """The tokens of the engine's answers, by the number of the note."""
    requests = iter([Request(first + number, text) for number, text in enumerate(texts)])
    paths = {}
    for key, _, row in engine.answer(lambda n_free: list(islice(requests, n_free))):
        if isinstance(row, EngineError):
            raise row
        assert row.answer is not None
        assert isinstance(key, int)
        paths[key] = row.answer.path
    return paths


def _way(n_notes: int, seconds: float, n_passes: int, each: list[float] | None, device: torch.device) -> dict[str, Any]:
    way: dict[str, Any] = {
        "n_notes": n_notes,
        "notes_per_s": round(n_notes / seconds, 2),
        "ms_per_note": round(1000 * seconds / n_notes, 1),
        "passes_per_note": round(n_passes / n_notes, 2),
        "ms_per_pass": round(1000 * seconds / n_passes, 2),
    }
    if each:
        way |= {"median_ms": round(1000 * statistics.median(each), 1), "max_ms": round(1000 * max(each), 1)}
    if device.type == "cuda":
        way["peak_gib"] = round(torch.cuda.max_memory_reserved(device) / GIB, 2)
    else:
        way["peak_gib"] = round(_resident_bytes() / GIB, 2)
    return way


def machine(device: torch.device) -> str:
    """The machine in words."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, CUDA {torch.version.cuda}"
    return f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{named or platform.processor()} ({platform.machine()})"


def floors(loaded: Loaded) -> dict[str, Any]:
    """Bytes and operations that no way can do without, and what the machine was just seen to do of each."""
    shape = LlamaWeights(loaded.model).geometry
    head = shape.n_logits * shape.width
    rate, bandwidth = _peak(loaded.device)
    return {
        "bytes_per_pass_nf4": shape.n_linear // 2 + shape.n_linear // 64 * 4 + 2 * head,
        "bytes_per_pass_bf16": 2 * (shape.n_linear + head),
        "bytes_per_pass_fp32": 4 * (shape.n_linear + head),
        "flops_per_token": 2 * (shape.n_linear + head),
        "flops_per_s_seen": round(rate),
        "bytes_per_s_seen": round(bandwidth),
    }


def _peak(device: torch.device) -> tuple[float, float]:
    """Operations and bytes a second, from one large product and one large copy."""
    size, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1536, torch.float32)
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    source = torch.empty((1 << 30) // 4 if device.type == "cuda" else 1 << 24, device=device)
    target = torch.empty_like(source)
    rate = 2 * size**3 / _best(lambda: torch.mm(a, b), device)
    return rate, 2 * source.numel() * 4 / _best(lambda: target.copy_(source), device)


def _best(action: Callable[[], Any], device: torch.device) -> float:
    seconds = []
    for _ in range(8):
        _wait(device)
        began = time.perf_counter()
        action()
        _wait(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _resident_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
