"""A Llama's forward pass on a GPU: fixed shapes, captured once as CUDA graphs, so that nothing waits for Python.

Written token by token, a note on a large model costs a thousand launches a token; replayed as a graph it costs one.
Notes are rows of a fixed width, and what a row does not need is filled with drafts or thrown away: tokens without a use
write their keys to a last position that nobody sees. Query heads that share a key head are further rows of one query,
so that no key is copied. The choice of the best allowed tokens is part of the graph, too: a few numbers come back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional

from trainer.adapters import ModelError
from trainer.engine.forward import N_OPTIONS, Option, Segment, read_options
from trainer.engine.fused import add_norm, fused, gated, rotate
from trainer.engine.gpu_shapes import Shape, Slots, filled, new_shape
from trainer.engine.weights import GROUPS, AdapterWeights, LlamaWeights

Product = Callable[[torch.Tensor], torch.Tensor]
FEW_ROWS = (1, 4, 16)
"""Rows of the graphs for a handful of notes, which may stand in any slots."""
PROMPT_ROWS = 8
PROMPT_WIDTHS = (64, 96, 128, 160, 192, 256)
PROMPT_WANTED = 40
"""One prompt, or eight, are read by a graph of one of these widths; longer ones are read without."""
SINGLE_WIDTH = 32
"""Width for a single note: a pass costs what reading the weights costs, with a draft or without."""
MAX_PROMPT_TOKENS = 2048
MAX_LONG_POSITIONS = 8192
N_LONG = 1
"""Slots for notes that are too long for the others; they are read without a graph."""


@dataclass
class _Submitted:
    """A pass under way: its answers, where each segment's lie among them, and the event after which they are there."""

    event: Any
    parts: list[tuple[torch.Tensor, list[tuple[int, list[int]]]]]
    n_segments: int


class GpuForward:
    """See `trainer.engine.forward.Forward`.

    Args:
        weights: of the base.
        adapters: name to adapter.
        allowed: mask of the tables, (states, n_logits), bool.
        slots: their number and sizes.
        kind: `nf4` keeps the base in 4 bits and computes adapters beside it; `bf16` and `fp32` unpack it, merge the
            only adapter in, and drop the 4-bit weights.
        device: the GPU; on a CPU the same steps are taken without graphs, for tests.
    """

    prefill = 512

    def __init__(
        self,
        weights: LlamaWeights,
        adapters: dict[str, AdapterWeights],
        allowed: torch.Tensor,
        slots: Slots,
        kind: str,
        device: torch.device,
    ) -> None:
        self.geometry, self._weights, self._kind, self._device = weights.geometry, weights, kind, device
        self.takes_others = kind == "nf4"
        self._dtype = torch.float32 if kind == "fp32" else torch.bfloat16
        self.n_slots, self._room, self._row_width, self.depth = slots.n, slots.room, slots.row_width, slots.depth
        self.max_positions = min(self.geometry.max_positions, MAX_LONG_POSITIONS)
        self._allowed = allowed.to(device)
        shape = self.geometry
        self._norms = [tuple(self._own(norm) for norm in weights.norms(i)) for i in range(shape.n_layers)]
        self._embedding, self._norm, self._head = map(self._own, (weights.embedding, weights.norm, weights.head))
        self._cosine, self._sine = (self._own(part)[:, None] for part in weights.rotation(self.max_positions + 1))
        self._add_norm, self._rotate, self._gated = (fused(step, device) for step in (add_norm, rotate, gated))
        self._layers: dict[str, list[list[Product]]] = {}
        self._packed: dict[tuple[int, tuple[str, ...]], Any] = {}
        for name, adapter in adapters.items():
            self.add(name, adapter)
        # One slot more than there are notes: rows that stand for no note read and write there.
        self._cache = self._new_cache(slots.n + 1, slots.room)
        self._long: torch.Tensor | None = None
        self._long_room = min(self.max_positions, MAX_LONG_POSITIONS) + 1
        self._held: list[tuple[str, tuple[int, ...]] | None] = [None] * (slots.n + 1 + N_LONG)
        self._prefixes: dict[tuple[str, tuple[int, ...]], torch.Tensor] = {}
        self._shapes: dict[Any, Shape] = {}
        self._pool: Any = None

    def add(self, name: str, adapter: AdapterWeights) -> None:
        """Take one more adapter beside the others.

        Raises:
            ModelError: the base was unpacked for another adapter.
        """
        if self._kind != "nf4" and self._layers:
            raise ModelError(
                "Expected one adapter on an unpacked base; found another. Serve the base in nf4 for several."
            )
        self._layers[name] = [
            [self._product(layer, names, adapter) for names in GROUPS] for layer in range(self.geometry.n_layers)
        ]

    def remove(self, name: str) -> None:
        """Let go of an adapter and of its graphs."""
        self._layers.pop(name, None)
        self._prefixes = {key: kept for key, kept in self._prefixes.items() if key[0] != name}
        self._held = [None if held is None or held[0] == name else held for held in self._held]
        for shape in self._shapes.values():
            shape.graphs.pop(name, None)

    def width(self, n_rows: int) -> int:
        """The width of the graph that so many rows use."""
        return SINGLE_WIDTH if n_rows == 1 else self._row_width

    def worth_admitting(self, n_active: int) -> int:
        """As many as are read at once: reading prompts is a pass of its own."""
        return min(n_active, PROMPT_ROWS, self.n_slots // 4) or 1

    def capacity(self, slot: int) -> int:
        """Positions that a slot can hold; its last one is for what is thrown away."""
        return (self._long_room if slot > self.n_slots else self._room) - 1

    @property
    def slots(self) -> list[int]:
        """All slots; the last ones are for notes that are too long for the others."""
        return [*range(self.n_slots), *range(self.n_slots + 1, self.n_slots + 1 + N_LONG)]

    def group(self, slot: int) -> int:
        """Which part of the slots a slot belongs to."""
        return slot * self.depth // self.n_slots

    @torch.inference_mode()
    def begin(self, slot: int, adapter: str, prefix: Sequence[int]) -> int:
        """Put the keys and values of the prompt's constant beginning into a slot."""
        wanted = adapter, tuple(prefix)
        if self._held[slot] != wanted:
            if wanted not in self._prefixes:
                self._held[slot] = None
                self.submit([Segment(slot, 0, prefix, (), ())], adapter)
                self._prefixes[wanted] = self._slot(slot)[..., : len(prefix), :].clone()
            self._slot(slot)[..., : len(prefix), :] = self._prefixes[wanted]
            self._held[slot] = wanted
        return len(prefix)

    @torch.inference_mode()
    def fork(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a slot to another."""
        self._slot(target)[..., :length, :] = self._slot(source)[..., :length, :]
        self._held[target] = self._held[source]

    @torch.inference_mode()
    def submit(self, segments: Sequence[Segment], adapter: str) -> _Submitted:
        """Start the pass; short segments go through a graph, long ones, which are prompts, a few at a time."""
        parts: list[tuple[torch.Tensor, list[tuple[int, list[int]]]]] = []
        longest = self.width(len(segments))
        rest = [number for number, segment in enumerate(segments) if segment.slot <= self.n_slots]
        short = [number for number in rest if len(segments[number].tokens) <= longest]
        if short:
            parts.append(self._replay(segments, short, adapter))
        far = set(range(len(segments))) - set(rest)
        parts += [self._prompts(segments, [number], adapter, is_long=True) for number in far]
        prompts = sorted(set(rest) - set(short), key=lambda number: len(segments[number].tokens))
        while prompts:
            width = len(segments[prompts[-1]].tokens)
            few = prompts[-max(1, min(PROMPT_ROWS, MAX_PROMPT_TOKENS // width)) :]
            prompts = prompts[: len(prompts) - len(few)]
            parts.append(self._prompts(segments, few, adapter))
        event = None
        if self._device.type == "cuda":
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
        return _Submitted(event, parts, len(segments))

    def collect(self, submitted: _Submitted) -> list[list[list[Option]]]:
        """Wait for the pass and read its answers."""
        if submitted.event is not None:
            submitted.event.synchronize()
        answers: list[list[list[Option]]] = [[] for _ in range(submitted.n_segments)]
        for answer, places in submitted.parts:
            flat = [place for _, some in places for place in some]
            if not flat:
                continue
            chosen = answer[torch.tensor(flat)]
            tokens, values = chosen[:, :N_OPTIONS].tolist(), chosen[:, N_OPTIONS:].view(torch.float32).tolist()
            options = iter(read_options(tokens, values))
            for number, some in places:
                answers[number] = [next(options) for _ in some]
        return answers

    def _replay(self, segments: Sequence[Segment], short: list[int], adapter: str) -> Any:
        shape, rows = self._chosen_shape([segments[number].slot for number in short])
        answer = self._run(shape, adapter, self._filled(shape, segments, short, rows), captured=True)
        width = shape.width
        places = [
            (number, [row * width + place for place in segments[number].wanted])
            for number, row in zip(short, rows, strict=True)
        ]
        return answer, places

    def _chosen_shape(self, slots: list[int]) -> tuple[Shape, list[int]]:
        """The smallest graph for these slots, and each one's row in it."""
        n_rows = next((size for size in FEW_ROWS if size >= len(slots)), None)
        if n_rows is not None:
            width = self.width(1) if n_rows == 1 else self._row_width
            return self._shape((n_rows, width), n_rows, width, None), list(range(len(slots)))
        groups = {self.group(slot) for slot in slots}
        if len(groups) == 1:
            group = groups.pop()
            first, last = (-(-part * self.n_slots // self.depth) for part in (group, group + 1))
        else:
            group, first, last = -1, 0, self.n_slots
        chosen = self._shape(("part", group), last - first, self._row_width, slice(first, last))
        return chosen, [slot - first for slot in slots]

    def _shape(self, key: Any, n_rows: int, width: int, slots: slice | None, n_wanted: int | None = None) -> Shape:
        if key not in self._shapes:
            self._shapes[key] = new_shape(n_rows, width, self._device, n_wanted=n_wanted, slots=slots)
        return self._shapes[key]

    def _run(self, shape: Shape, adapter: str, filled: torch.Tensor, *, captured: bool) -> torch.Tensor:
        """Do the pass, or replay it; the answer is there after the pass's event."""
        shape.inputs.copy_(filled, non_blocking=True)
        if captured and self._device.type == "cuda":
            if adapter not in shape.graphs:
                self._capture(shape, adapter)
            shape.graphs[adapter].replay()
        else:
            self._compute(shape, adapter)
        answer = torch.empty(shape.result.shape, dtype=torch.int32, pin_memory=self._device.type == "cuda")
        answer.copy_(shape.result, non_blocking=True)
        return answer

    def _capture(self, shape: Shape, adapter: str) -> None:
        """Record the pass; it is run before, since the libraries choose their kernels at first use."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                self._compute(shape, adapter)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        with torch.cuda.graph(graph, pool=self._pool):
            self._compute(shape, adapter)
        shape.graphs[adapter] = graph

    def _prompts(self, segments: Sequence[Segment], few: list[int], adapter: str, *, is_long: bool = False) -> Any:
        """Read a few prompts, padded to the longest."""
        longest = max(len(segments[number].tokens) for number in few)
        n_wanted = max(1, sum(len(segments[number].wanted) for number in few))
        width = next((size for size in PROMPT_WIDTHS if size >= longest), None)
        n_rows = 1 if len(few) == 1 else PROMPT_ROWS
        captured = width is not None and n_wanted <= PROMPT_WANTED and not is_long
        if captured and width is not None:
            shape = self._shape(("prompt", n_rows, width), n_rows, width, None, PROMPT_WANTED)
        else:
            width = -(-longest // 16) * 16
            shape = new_shape(len(few), width, self._device, n_wanted=n_wanted, is_long=is_long)
        answer = self._run(shape, adapter, self._filled(shape, segments, few, range(len(few))), captured=captured)
        places, n_before = [], 0
        for number in few:
            count = len(segments[number].wanted)
            places.append((number, list(range(n_before, n_before + count))))
            n_before += count
        return answer, places

    def _filled(
        self, shape: Shape, segments: Sequence[Segment], few: Sequence[int], rows: Sequence[int]
    ) -> torch.Tensor:
        chosen = [segments[number] for number in few]
        if shape.is_long:
            chosen = [replace(segment, slot=segment.slot - self.n_slots - 1) for segment in chosen]
            return filled(shape, chosen, rows, (0, self._long_room - 1))
        return filled(shape, chosen, rows, (self.n_slots, self._room - 1))

    def _compute(self, shape: Shape, adapter: str) -> None:
        """The pass itself, from the shape's inputs to its result."""
        size, n_rows, width = self.geometry, shape.n_rows, shape.width
        tokens, positions, slots, wanted, states = shape.parts(shape.inputs)
        if shape.slots is not None:
            slots = torch.arange(shape.slots.start, shape.slots.stop, device=self._device)
        x = functional.embedding(tokens.view(-1), self._embedding)
        y = torch.zeros_like(x)
        turn = self._cosine[positions.view(-1)], self._sine[positions.view(-1)]
        heads = torch.arange(size.n_kv_heads, device=self._device)
        cache = self._long_cache() if shape.is_long else self._cache
        room = cache.shape[4]
        rows = (slots[:, None, None] * size.n_kv_heads + heads) * room
        cells_of = (rows + positions.view(n_rows, width, 1)).reshape(-1)
        seen = torch.arange(room, device=self._device) <= positions.view(n_rows, 1, width, 1)
        seen = seen[:, :, :, None].expand(n_rows, 1, width, size.group, room)
        mask = torch.zeros(seen.shape, dtype=self._dtype, device=self._device).masked_fill_(~seen, -torch.inf)
        mask = mask.view(n_rows, 1, width * size.group, room)
        for number, (stacks, norms) in enumerate(zip(self._layers[adapter], self._norms, strict=True)):
            x, y = self._layer((x, y), stacks, norms, turn, (cache[number], cells_of, mask, slots, shape))
        hidden = functional.rms_norm((x + y)[wanted], (size.width,), self._norm, size.eps)
        self._choose(functional.linear(hidden, self._head).float(), states, shape.result)

    def _choose(self, logits: torch.Tensor, states: torch.Tensor, result: torch.Tensor) -> None:
        """Write the best allowed tokens and the bits of their log-probabilities, (wanted, 2 * N_OPTIONS)."""
        total = torch.logsumexp(logits, -1, keepdim=True)
        logits = logits.masked_fill_(~self._allowed[states], -torch.inf)
        for option in range(N_OPTIONS):  # a few passes over memory are faster than a sort of the vocabulary
            value, token = logits.max(-1, keepdim=True)
            result[:, option : option + 1] = token.int()
            result[:, N_OPTIONS + option : N_OPTIONS + option + 1] = (value - total).view(torch.int32)
            if option + 1 < N_OPTIONS:
                logits.scatter_(1, token, -torch.inf)

    def _layer(
        self, parts: tuple[torch.Tensor, torch.Tensor], stacks: list[Product], norms: Any, turn: Any, where: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One layer over rows of a fixed width; what goes in and comes out are the two parts of a sum."""
        size, ((keys, values), cells_of, mask, slots, shape) = self.geometry, where
        sizes = shape.n_rows, shape.width, size.n_kv_heads, size.group
        x, normed = self._add_norm(*parts, norms[0], size.eps)
        queries, new_keys, new_values = self._rotate(stacks[0](normed), *turn, sizes)
        keys.view(-1, size.head_width).index_copy_(0, cells_of, new_keys)
        values.view(-1, size.head_width).index_copy_(0, cells_of, new_values)
        if shape.slots is not None:
            keys, values = keys[shape.slots], values[shape.slots]
        else:
            keys, values = keys.index_select(0, slots), values.index_select(0, slots)
        mask = mask.expand(shape.n_rows, size.n_kv_heads, -1, -1)
        answer = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        answer = answer.view(shape.n_rows, size.n_kv_heads, shape.width, size.group, size.head_width)
        y = stacks[1](answer.permute(0, 2, 1, 3, 4).reshape(len(x), size.n_heads * size.head_width))
        x, normed = self._add_norm(x, y, norms[1], size.eps)
        return x, stacks[3](self._gated(stacks[2](normed)))

    def _product(self, layer: int, names: tuple[str, ...], adapter: AdapterWeights) -> Product:
        if self._kind != "nf4":
            weight = self._weights.dense(layer, names, adapter, self._dtype).to(self._device)
            self._weights.drop(layer, names)
            return lambda x: functional.linear(x, weight)
        if (layer, names) not in self._packed:
            self._packed[layer, names] = self._weights.packed(layer, names)
            self._weights.drop(layer, names)
        packed = self._packed[layer, names]
        multiply = torch.ops.bitsandbytes.gemm_4bit.default

        def plain(x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = multiply(x, packed.data, packed.shape, packed.scales, packed.block, packed.kind)
            return y

        beside = self._weights.beside(layer, names, adapter)
        if beside is None:
            return plain
        first, second = (self._own(part) for part in beside)
        second = second.t().contiguous()
        return lambda x: torch.addmm(plain(x), functional.linear(x, first), second)

    def _own(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self._device, self._dtype)

    def _slot(self, slot: int) -> torch.Tensor:
        """Keys and values of a slot, (layers, 2, key heads, positions, head width)."""
        if slot > self.n_slots:
            return self._long_cache()[:, :, slot - self.n_slots - 1]
        return self._cache[:, :, slot]

    def _long_cache(self) -> torch.Tensor:
        if self._long is None:  # most desks never need it
            self._long = self._new_cache(N_LONG, self._long_room)
        return self._long

    def _new_cache(self, n_slots: int, room: int) -> torch.Tensor:
        size = self.geometry
        return torch.zeros(
            size.n_layers, 2, n_slots, size.n_kv_heads, room, size.head_width, dtype=self._dtype, device=self._device
        )
