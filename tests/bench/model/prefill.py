"""Pre-fill, side by side: transformers' `generate`, one note at a time and in batches, and the engine.

Every way answers the same notes with the same tokens, which is counted: with a trained model they are its own greedy
choices, with random weights the labels are put in place of them, so that lengths and accepted drafts are those of real
notes. The engine is compared with the fastest `generate` that fits: of weights in 4 bits and unpacked ones, in the best
batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch

from data.prompt import load_prompt
from data.snapshot import Row
from data.task import Task
from tests.bench.model.generating import Answers, generated
from tests.bench.model.timing import GIB, Timer, floors, free_memory, machine, reset_peak
from trainer.engine.api import EngineError, Request
from trainer.engine.decoding.decoder import Script
from trainer.engine.decoding.record import build_tables, follow
from trainer.engine.local import Engine
from trainer.model.loading import Loaded

Say = Callable[[str], None]


@dataclass
class Settings:
    """What is measured.

    Attributes:
        n_single: notes answered one at a time.
        n_bulk: notes answered in bulk.
        batches: sizes of the batches that `generate` gets.
        engines: name to arguments of `Engine`, each measured alone and in bulk; `known` False for no drafts, `longer`
            False for no longer notes.
        cap_gib: memory that the process may use on a GPU.
        lengths: characters to numbers of notes of that length that are answered in bulk besides.
    """

    n_single: int = 3
    n_bulk: int = 128
    batches: tuple[int, ...] = (16, 64)
    engines: dict[str, dict[str, Any]] = field(default_factory=dict)
    cap_gib: float = 22.0
    lengths: dict[int, int] = field(default_factory=dict)


def bench_prefill(
    load: Callable[[], Loaded],
    task: Task,
    rows: Sequence[Row],
    known: Sequence[Row],
    settings: Settings,
    *,
    replay: bool,
    load_dense: Callable[[], Loaded] | None = None,
    say: Say = lambda line: None,
) -> dict[str, Any]:
    """Measure all ways on the same notes.

    Args:
        load: makes a fresh model in 4 bits; called once for every engine, since some unpack the weights in place.
        task: what is extracted.
        rows: labelled notes that are answered.
        known: other labelled notes, as source of drafts.
        settings: what is measured.
        replay: put the labels in place of the model's choices.
        load_dense: makes the same model unpacked, for a `generate` that need not unpack weights for every token.
        say: called with a line after every measurement.

    Returns:
        Machine, floors and one entry for every way, ready for JSON. `fastest` names the fastest `generate`, for one
        note and in bulk, and each way of the engine's has `times_generate`, how many times as fast it is.
    """
    loaded = load()
    device = loaded.device
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, settings.cap_gib * GIB / total))
    rows = _answerable(loaded, task, rows)
    bench = _Bench(task, rows, known, settings, replay=replay, say=say)
    bench.result |= {"machine": machine(device), "floor": floors(loaded)}
    say(f"machine: {bench.result['machine']}")
    bench.result["tokens"] = bench.answers(loaded).lengths()
    bench.generate("nf4", loaded, with_lengths=load_dense is None)
    del loaded
    free_memory()
    if load_dense is not None:
        dense = load_dense()
        bench.generate("bf16" if dense.model.dtype == torch.bfloat16 else "fp32", dense, with_lengths=True)
        del dense
    bench.choose_fastest()
    for name, arguments in settings.engines.items():
        free_memory()  # the one before may have unpacked its weights in place
        bench.engine(name, load(), arguments)
    return bench.result


class _Bench:
    """One measurement: the notes, what they are to be answered with, and the figures so far."""

    def __init__(
        self, task: Task, rows: Sequence[Row], known: Sequence[Row], settings: Settings, *, replay: bool, say: Say
    ) -> None:
        self._task, self._rows, self._known, self._settings = task, rows, known, settings
        self._replay, self._say = replay, say
        self._written: dict[int | None, list[list[int]]] = {}
        self._generates: dict[str, list[str]] = defaultdict(list)
        self.result: dict[str, Any] = {"ways": {}}

    def answers(self, loaded: Loaded, length: int | None = None) -> Answers:
        """Prompts and labels in tokens, of the notes as they are or of a length in characters."""
        return Answers(loaded, self._task, lengthened(self._rows, length))

    def generate(self, kind: str, loaded: Loaded, *, with_lengths: bool) -> None:
        """Measure `generate` with one note and with each batch that fits, and its best batch with longer notes."""
        settings = self._settings
        answers = self.answers(loaded)
        sizes = [
            size
            for size in (1, *settings.batches)
            if self._generated(kind, loaded, answers, settings.n_single if size == 1 else size, size)
        ]
        best = min(sizes, key=lambda size: _cost(self.result["ways"][_batch(kind, size)]))
        for length, count in settings.lengths.items() if with_lengths else ():
            answers, size = self.answers(loaded, length), min(best, count)
            while size and not self._generated(kind, loaded, answers, size, size, length):
                size //= 2

    def _generated(
        self, kind: str, loaded: Loaded, answers: Answers, n_notes: int, size: int, length: int | None = None
    ) -> bool:
        """Measure one batch; false where it does not fit."""
        name, way = _batch(kind, size, length), None
        with suppress(torch.OutOfMemoryError):
            way, tokens = generated(loaded, answers, min(n_notes, len(self._rows)), size, replay=self._replay)
            if len(tokens) > len(self._written.get(length, ())):
                self._written[length] = tokens
        if way is None:
            free_memory()
            self._say(f"{name}: does not fit in {self._settings.cap_gib:g} GiB")
            return False
        self._generates[_like(length, is_single=size == 1)].append(name)
        self._note(name, way, answers)
        return True

    def choose_fastest(self) -> None:
        """Name the fastest `generate`: for one note, in bulk, and in bulk with longer notes."""
        ways = self.result["ways"]
        self.result["fastest"] = {
            like: min(names, key=lambda name: _cost(ways[name])) for like, names in self._generates.items()
        }

    def engine(self, name: str, loaded: Loaded, arguments: dict[str, Any]) -> None:
        """Measure an engine alone and in bulk, and with longer notes."""
        settings = self._settings
        script = Script(dict(enumerate(self.answers(loaded).gold))) if self._replay else None
        chosen = {key: value for key, value in arguments.items() if key not in ("known", "longer")}
        engine = Engine(loaded, self._task, script=script, **chosen)
        free_memory()
        if arguments.get("known", True):
            engine.learn([(row.text, row.extraction) for row in self._known])
        longer = settings.lengths if arguments.get("longer", True) else {}
        for length, count in ((None, settings.n_bulk), *longer.items()):
            rows, answers = lengthened(self._rows, length), self.answers(loaded, length)
            for n_notes, is_single in ((settings.n_single * (8 if length is None else 2), True), (count, False)):
                way, paths = _engine_way(engine, rows[:n_notes], single=is_single)
                written = self._written.get(length, [])
                same = sum(path == tokens for path, tokens in zip(paths, written, strict=False))
                way["same_tokens"] = f"{same} of {min(len(paths), len(written))}"
                like = _like(length, is_single=is_single)
                fastest = self.result["fastest"].get(like)
                if fastest is not None:
                    way |= _compared(self.result["ways"][fastest], way)
                self._note(f"{name}, {like}", way, answers)

    def _note(self, name: str, way: dict[str, Any], answers: Answers) -> None:
        way |= {"characters": answers.characters, "share_of_floor": _share_of_floor(self.result, name, way, answers)}
        self.result["ways"][name] = way
        self._say(f"{name}: {way}")


def _batch(kind: str, size: int, length: int | None = None) -> str:
    like = _like(length, is_single=size == 1)
    return f"generate {kind}, {like}" if size == 1 else f"generate {kind}, {like.replace('bulk', f'batch {size}')}"


def _like(length: int | None, *, is_single: bool) -> str:
    """What is compared with what: notes of a length, one at a time or in bulk."""
    return ("" if length is None else f"{length:,} characters, ") + ("one note" if is_single else "bulk")


def _cost(way: dict[str, Any]) -> float:
    """What a note costs, in milliseconds: of the processor where that did the work, else of the clock."""
    return float(way.get("cpu_ms_per_note", way["ms_per_note"]))


def _compared(rival: dict[str, Any], way: dict[str, Any]) -> dict[str, float]:
    """How many times as fast as a rival a way is, by the clock and, on a CPU, by the processor's time."""
    given = {"times_generate": round(rival["ms_per_note"] / way["ms_per_note"], 1)}
    if "cpu_ms_per_note" in way:
        given["times_generate_cpu"] = round(rival["cpu_ms_per_note"] / way["cpu_ms_per_note"], 1)
    return given


def lengthened(rows: Sequence[Row], length: int | None) -> list[Row]:
    """The rows with notes of about so many characters, each continued with those that follow it; None as they are."""
    if length is None:
        return list(rows)
    texts = [row.text for row in rows]
    longer = []
    for number, row in enumerate(rows):
        text, n_more = row.text, 0
        while len(text) < length:
            n_more += 1
            text += "\n" + texts[(number + n_more) % len(texts)]
        longer.append(replace(row, text=text[: max(length, len(row.text))].rstrip()))
    return longer


def _share_of_floor(result: dict[str, Any], name: str, way: dict[str, Any], answers: Answers) -> float:
    """The least time that the bytes and operations of this way need on this machine, over the time that it took.

    A pass reads all weights once; every token that is read costs its operations. Both at the rates just seen; the
    longer of the two counts.
    """
    floor, tokens = result["floor"], answers.lengths()
    kind = next((kind for kind in ("nf4", "bf16", "int8", "fp32") if kind in name), "nf4")
    read = way.get("tokens_read_per_note", tokens["prompt_mean"] + tokens["answer_mean"])
    by_bytes = way["passes_per_note"] * floor[f"bytes_per_pass_{kind}"] / floor["bytes_per_s_seen"]
    by_operations = read * floor["flops_per_token"] / floor["flops_per_s_seen"]
    return float(round(1000 * max(by_bytes, by_operations) / way["ms_per_note"], 3))


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


def _engine_way(engine: Engine, rows: Sequence[Row], *, single: bool) -> tuple[dict[str, Any], list[list[int]]]:
    device = engine.device
    texts = [row.text for row in rows]
    _paths(engine, texts[:2] if single else texts, 0)  # graphs are captured at first use
    counts = engine.counts
    before = counts.n_passes, counts.n_read, counts.n_drafted, counts.n_kept
    reset_peak(device)
    timer = Timer(device)
    paths: dict[int, list[int]] = {}
    for first, some in enumerate([[text] for text in texts]) if single else [(0, texts)]:
        with timer:
            paths |= _paths(engine, some, first)
    passes, read, drafted, kept = (
        now - then
        for now, then in zip((counts.n_passes, counts.n_read, counts.n_drafted, counts.n_kept), before, strict=True)
    )
    way = timer.figures(len(rows), passes, has_each=single)
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
