"""A Llama's forward pass on a GPU: fixed shapes, captured once as CUDA graphs, so that nothing waits for Python.

Written token by token, a note on a large model costs a thousand launches a token; replayed as a graph it costs one.
Notes are rows of a fixed width, and what a row does not need is filled with drafts or thrown away: tokens without a use
write their keys to a last cell that nobody sees. Only attention tells short notes from long ones: rows whose slots are
of one size are a bank, and a pass reads one bank or several. Query heads that share a key head are further rows of one
query, so that no key is copied. The choice of the best allowed tokens is part of the graph: a few numbers come back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from trainer.adapter.files import ModelError
from trainer.engine.forward.base import N_OPTIONS, Asked, Option, Segment, more_options, read_options
from trainer.engine.forward.fused import add_norm, apply_gate, fuse, rotate
from trainer.engine.forward.gpu_shapes import Shape, fill_inputs, new_shape
from trainer.engine.forward.gpu_slots import SPARE_POSITIONS, Bank, Layout, Slots
from trainer.model.llama_weights import GROUPS, AdapterWeights, LlamaWeights

Product = Callable[[torch.Tensor], torch.Tensor]
PROMPT_ROWS = (1, 4, 8)
PROMPT_WIDTHS = (64, 96, 128, 160, 192, 256, 320, 384, 448, 512)
"""Prompts are read together, padded to one of these widths; a longer one is read in pieces."""
PROMPT_TOKENS = 2048
"""Tokens of prompts in one pass: with so many, unpacking the weights is a small part of it."""
PROMPT_WANTED = 40
SINGLE_WIDTH = 32
"""Width for a single note: a pass costs what reading the weights costs, with a draft or without."""
MAX_POSITIONS = 8192
MAX_SHAPES = 96
"""Shapes that are kept with their graphs; beyond these the one that was not used for longest is let go."""


_Answer = tuple[torch.Tensor, torch.Tensor]


@dataclass
class _Submitted:
    """A pass under way: its answers and hidden states, where each segment's lie, and the event when they are there."""

    event: Any
    parts: list[tuple[_Answer, list[tuple[int, list[int]]]]]
    n_segments: int


class GpuForward:
    """See `trainer.engine.forward.base.Forward`.

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
        self.most_forked = 1 << 30  # slots of one size are copied within the GPU's memory
        self.takes_others, self.has_sides = kind == "nf4", False
        self._dtype = torch.float32 if kind == "fp32" else torch.bfloat16
        self.n_slots, self._row_width, self.depth = slots.n, slots.row_width, slots.depth
        self.max_positions = min(self.geometry.max_positions, MAX_POSITIONS)
        self._layout = Layout(slots, self.max_positions)
        self._allowed = allowed.to(device)
        shape = self.geometry
        self._norms = [tuple(self._own(norm) for norm in weights.norms(i)) for i in range(shape.n_layers)]
        self._embedding, self._norm, self._head = map(self._own, (weights.embedding, weights.norm, weights.head))
        self._cosine, self._sine = (
            self._own(part)[:, None] for part in weights.rotation(self.max_positions + SPARE_POSITIONS)
        )
        self._add_norm, self._rotate, self._gated = (fuse(step, device) for step in (add_norm, rotate, apply_gate))
        self._layers: dict[str, list[list[Product]]] = {}
        self._packed: dict[tuple[int, tuple[str, ...]], Any] = {}
        for name, adapter in adapters.items():
            self.add(name, adapter)
        # One cell more than there are positions: what has no use is written there.
        self._trash = self._layout.n_cells
        self._cache = torch.zeros(
            (shape.n_layers, 2, self._trash + 1, shape.n_kv_heads, shape.head_width),
            dtype=self._dtype,
            device=self._device,
        )
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
        for shape in self._shapes.values():
            shape.graphs.pop(name, None)

    def width(self, n_rows: int) -> int:
        """The width of the graph that so many rows use."""
        return SINGLE_WIDTH if n_rows == 1 else self._row_width

    def worth_admitting(self, n_active: int, capacity: int = 0) -> int:
        """As many as are read at once: reading prompts is a pass of its own."""
        if not capacity:
            return min(n_active, PROMPT_ROWS[-1], self.n_slots // 4) or 1
        width = min(self.prefill, 2 * capacity // 3)  # the rest of a slot is for the answer
        n_slots = min(self.n_slots, self._layout.n_cells // capacity)
        return min(n_active, PROMPT_ROWS[-1], PROMPT_TOKENS // width, n_slots // 4) or 1

    def capacity(self, slot: int) -> int:
        """Positions that a slot can hold."""
        return self._layout.places[slot].room

    @property
    def slots(self) -> list[int]:
        """All slots, the smallest first; those that share a block are not free at the same time."""
        return list(range(len(self._layout.places)))

    def blocks(self, slot: int) -> int:
        """The part of the memory that a slot takes, one bit for each block."""
        return self._layout.blocks(slot)

    def group(self, slot: int) -> int:
        """Which part of the slots a slot belongs to."""
        return self._layout.group(slot)

    @torch.inference_mode()
    def begin(self, slot: int, adapter: str, prefix: Sequence[int]) -> int:
        """Put the keys and values of the prompt's constant beginning into a slot."""
        wanted = adapter, tuple(prefix)
        if wanted not in self._prefixes:
            self.submit([Segment(slot, 0, prefix, (), ())], adapter)
            self._prefixes[wanted] = self._cells(slot, len(prefix)).clone()
        self._cells(slot, len(prefix))[:] = self._prefixes[wanted]
        return len(prefix)

    @torch.inference_mode()
    def fork(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a slot to another, which may share memory with it."""
        self._cells(target, length)[:] = self._cells(source, length).clone()

    @torch.inference_mode()
    def submit(self, segments: Sequence[Segment], adapter: str) -> _Submitted:
        """Start the pass; short segments go through one graph, long ones, which are prompts, a few at a time."""
        parts: list[tuple[_Answer, list[tuple[int, list[int]]]]] = []
        longest = self.width(len(segments))
        short = [number for number, segment in enumerate(segments) if len(segment.tokens) <= longest]
        if short:
            parts.append(self._replay(segments, short, adapter))
        prompts = sorted(set(range(len(segments))) - set(short), key=lambda number: len(segments[number].tokens))
        while prompts:
            width = _width(len(segments[prompts[-1]].tokens))
            n_rows = max(1, min(PROMPT_ROWS[-1], PROMPT_TOKENS // width))
            parts.append(self._prompts(segments, prompts[-n_rows:], adapter, width))
            prompts = prompts[:-n_rows]
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
        for (answer, _), places in submitted.parts:
            flat = [place for _, some in places for place in some]
            if not flat:
                continue
            chosen = answer[torch.tensor(flat)]
            tokens, values = chosen[:, :N_OPTIONS].tolist(), chosen[:, N_OPTIONS:].view(torch.float32).tolist()
            options = iter(read_options(tokens, values))
            for number, some in places:
                answers[number] = [next(options) for _ in some]
        return answers

    @torch.inference_mode()
    def read_more(self, submitted: _Submitted, asked: Sequence[Asked], n: int) -> list[list[Option]]:
        """Further options, from the hidden states that were kept: the pass is not done again."""
        kept = {number: (hidden, some) for (_, hidden), places in submitted.parts for number, some in places}
        hidden = torch.stack([kept[one.segment][0][kept[one.segment][1][one.place]] for one in asked])
        logits = functional.linear(hidden, self._head).float()
        return more_options(logits, self._allowed[[one.state for one in asked]], n)

    def _replay(self, segments: Sequence[Segment], short: list[int], adapter: str) -> Any:
        banks, rows = self._layout.arrange([segments[number].slot for number in short])
        width = SINGLE_WIDTH if banks[0].n_rows == 1 else self._row_width
        shape = self._shape(banks, width, None)
        answer = self._run(shape, adapter, self._fill_inputs(shape, segments, short, rows))
        places = [
            (number, [row * width + place for place in segments[number].wanted])
            for number, row in zip(short, rows, strict=True)
        ]
        return answer, places

    def _shape(self, banks: tuple[Bank, ...], width: int, n_wanted: int | None) -> Shape:
        """The shape, the last of those that are kept."""
        key = banks, width, n_wanted
        shape = self._shapes.pop(key, None)
        if shape is None:
            if len(self._shapes) >= MAX_SHAPES:
                if self._device.type == "cuda":
                    torch.cuda.synchronize(self._device)  # it may be under way
                self._shapes.pop(next(iter(self._shapes)))
            states = self.geometry.width, self._dtype
            shape = new_shape(banks, width, self._device, states=states, n_wanted=n_wanted)
        self._shapes[key] = shape
        return shape

    def _run(self, shape: Shape, adapter: str, filled: torch.Tensor) -> _Answer:
        """Do the pass, or replay it; the answer is there after the pass's event.

        The hidden states are a copy: the next pass of this shape may be under way when they are used.
        """
        shape.inputs.copy_(filled, non_blocking=True)
        if self._device.type == "cuda":
            if adapter not in shape.graphs:
                self._capture(shape, adapter)
            shape.graphs[adapter].replay()
        else:
            self._compute(shape, adapter)
        answer = torch.empty(shape.result.shape, dtype=torch.int32, pin_memory=self._device.type == "cuda")
        answer.copy_(shape.result, non_blocking=True)
        return answer, shape.hidden.clone()

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

    def _prompts(self, segments: Sequence[Segment], few: list[int], adapter: str, width: int) -> Any:
        """Read a few prompts, padded to one width."""
        room = max(self.capacity(segments[number].slot) for number in few)
        n_rows = min(next(size for size in PROMPT_ROWS if size >= len(few)), max(1, PROMPT_TOKENS // width))
        n_wanted = sum(len(segments[number].wanted) for number in few)
        n_wanted = -(-max(1, n_wanted) // PROMPT_WANTED) * PROMPT_WANTED
        shape = self._shape((Bank(n_rows, room),), width, n_wanted)
        answer = self._run(shape, adapter, self._fill_inputs(shape, segments, few, range(len(few))))
        places, n_before = [], 0
        for number in few:
            count = len(segments[number].wanted)
            places.append((number, list(range(n_before, n_before + count))))
            n_before += count
        return answer, places

    def _fill_inputs(
        self, shape: Shape, segments: Sequence[Segment], few: Sequence[int], rows: Sequence[int]
    ) -> torch.Tensor:
        chosen = [segments[number] for number in few]
        offsets = [self._layout.places[segment.slot].offset for segment in chosen]
        return fill_inputs(shape, chosen, rows, offsets, self._trash)

    def _compute(self, shape: Shape, adapter: str) -> None:
        """The pass itself, from the shape's inputs to its result."""
        tokens, positions, cells, offsets, wanted, states = shape.parts(shape.inputs)
        x = functional.embedding(tokens.view(-1), self._embedding)
        y = torch.zeros_like(x)
        turn = self._cosine[positions.view(-1)], self._sine[positions.view(-1)]
        banks, n_before = [], 0
        for bank in shape.banks:
            rows = slice(n_before, n_before + bank.n_rows)
            banks.append((bank, rows, *self._view_cells(bank, positions[rows], offsets[rows])))
            n_before += bank.n_rows
        for number, (stacks, norms) in enumerate(zip(self._layers[adapter], self._norms, strict=True)):
            x, y = self._layer((x, y), stacks, norms, turn, (self._cache[number], cells.view(-1), banks, shape))
        hidden = functional.rms_norm((x + y)[wanted], (self.geometry.width,), self._norm, self.geometry.eps)
        shape.hidden.copy_(hidden)
        self._choose(functional.linear(hidden, self._head).float(), states, shape.result)

    def _view_cells(
        self, bank: Bank, positions: torch.Tensor, offsets: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """The cells that a bank's rows see, None where they lie one after the other; and which each token may see.

        The second is (rows, key heads, width * group, room): 0, or minus infinity for what comes after the token.
        """
        size, width = self.geometry, positions.shape[1]
        places = torch.arange(bank.room, device=self._device)
        seen = (places <= positions[:, :, None])[:, :, None].expand(-1, -1, size.group, -1)
        mask = torch.zeros(seen.shape, dtype=self._dtype, device=self._device).masked_fill_(~seen, -torch.inf)
        mask = mask.view(bank.n_rows, 1, width * size.group, bank.room).expand(-1, size.n_kv_heads, -1, -1)
        if bank.first is not None:
            return None, mask
        # A row may be given more room than its slot has; what lies behind is masked.
        return (offsets[:, None] + places).clamp_(max=self._trash).view(-1), mask

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
        size, (memory, cells, banks, shape) = self.geometry, where
        sizes = shape.n_rows, shape.width, size.n_kv_heads, size.group
        x, normed = self._add_norm(*parts, norms[0], size.eps)
        queries, *fresh = self._rotate(stacks[0](normed), *turn, sizes)
        for stored, new in zip(memory, fresh, strict=True):
            stored.index_copy_(0, cells, new.reshape(-1, size.n_kv_heads, size.head_width))
        answers = []
        for bank, rows, places, mask in banks:
            keys, values = (_read_bank(stored, bank, places) for stored in memory)
            answers.append(functional.scaled_dot_product_attention(queries[rows], keys, values, attn_mask=mask))
        answer = answers[0] if len(answers) == 1 else torch.cat(answers)
        answer = answer.view(shape.n_rows, size.n_kv_heads, shape.width, size.group, size.head_width)
        y = stacks[1](answer.permute(0, 2, 1, 3, 4).reshape(len(x), size.n_heads * size.head_width))
        x, normed = self._add_norm(x, y, norms[1], size.eps)
        return x, stacks[3](self._gated(stacks[2](normed)))

    def _product(self, layer: int, names: tuple[str, ...], adapter: AdapterWeights) -> Product:
        if self._kind != "nf4":
            weight = self._weights.unpack(layer, names, adapter, self._dtype).to(self._device)
            self._weights.drop(layer, names)
            return lambda x: functional.linear(x, weight)
        if (layer, names) not in self._packed:
            self._packed[layer, names] = self._weights.read_packed(layer, names)
            self._weights.drop(layer, names)
        packed = self._packed[layer, names]
        multiply = torch.ops.bitsandbytes.gemm_4bit.default

        def plain(x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = multiply(x, packed.data, packed.shape, packed.scales, packed.block, packed.kind)
            return y

        beside = self._weights.stack_lora(layer, names, adapter)
        if beside is None:
            return plain
        first, second = (self._own(part) for part in beside)
        second = second.t().contiguous()
        return lambda x: torch.addmm(plain(x), functional.linear(x, first), second)

    def _own(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self._device, self._dtype)

    def _cells(self, slot: int, length: int) -> torch.Tensor:
        """Keys and values of the beginning of a slot, (layers, 2, length, key heads, head width)."""
        offset = self._layout.places[slot].offset
        return self._cache[:, :, offset : offset + length]


def _width(n_tokens: int) -> int:
    """The width of the shape that reads so many tokens of a prompt."""
    return next((width for width in PROMPT_WIDTHS if width >= n_tokens), -(-n_tokens // 64) * 64)


def _read_bank(stored: torch.Tensor, bank: Bank, places: torch.Tensor | None) -> torch.Tensor:
    """A bank's keys or values, (rows, key heads, room, head width)."""
    if places is not None:
        chosen = stored.index_select(0, places)
    else:
        chosen = stored[bank.first : bank.first + bank.n_rows * bank.room]  # type: ignore[operator]
    return chosen.view(bank.n_rows, bank.room, *stored.shape[1:]).transpose(1, 2)
