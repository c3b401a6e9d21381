"""A Llama's forward pass on a CPU: tokens of all notes packed in one matrix, weights laid out once for oneDNN.

Packing beats padding where arithmetic is the limit: a note that reads eighty tokens of its prompt and one that reads
two of its answer share the products of every layer, and attention, which is little, is computed note by note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import torch
from torch.nn import functional

from trainer.engine.forward.base import GrowingSlots, Passed, Segment, read_options
from trainer.engine.forward.choosing import Chooser
from trainer.engine.forward.cpu_slots import SlotMemory, Stretch, stretches
from trainer.engine.forward.int8 import ByteWeights
from trainer.engine.forward.parts import Piece, Workers, join_passes, pieces_of
from trainer.model.llama_weights import GROUPS, AdapterWeights, LlamaWeights

Product = Callable[[torch.Tensor], torch.Tensor]
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
_FEW_TOKENS = 8
_FAR = 512
"""Keys from which on the fused attention is faster."""


class Store(Protocol):
    """Weights as a forward pass multiplies with them.

    Attributes:
        dtype: of the state.
    """

    dtype: torch.dtype

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """The state with which tokens begin, (tokens, width)."""
        ...

    def head(self) -> Product:
        """The product that gives the logits, with the norm before it."""
        ...

    def stack(self, layer: int, names: tuple[str, ...], adapter: AdapterWeights) -> Product:
        """The product of one of `GROUPS`, with an adapter merged in, and with the norm that its layer has before it."""
        ...


class CpuForward(GrowingSlots):
    """See `trainer.engine.forward.base.Forward`.

    Args:
        weights: of the base.
        adapters: name to adapter; each gets merged copies of the projections that it changes.
        allowed: mask of the tables, (states, n_logits), bool.
        n_slots: notes held at a time.
        kind: of weights and arithmetic: `fp32` gives the tokens that transformers gives, `bf16` rounds both, `int8` the
            weights and what they are multiplied with; see `trainer.engine.forward.int8`.
    """

    prefill = 512
    takes_others = True
    has_sides = True

    def __init__(
        self,
        weights: LlamaWeights,
        adapters: dict[str, AdapterWeights],
        allowed: torch.Tensor,
        n_slots: int,
        kind: str = "fp32",
    ) -> None:
        self._store: Store = ByteWeights(weights) if kind == "int8" else DenseWeights(weights, DTYPES[kind])
        self._dtype, self.n_slots = self._store.dtype, n_slots
        self.geometry = weights.geometry
        self.max_positions = self.geometry.max_positions
        self._allowed, self._n_threads = allowed, torch.get_num_threads()
        self._chooser = Chooser(allowed)
        self._shared: dict[tuple[int, tuple[str, ...]], Product] = {}
        self._layers: dict[str, list[list[Product]]] = {}
        self._head = self._store.head()
        cosine, sine = (part.chunk(2, -1)[1] for part in weights.rotation(self.max_positions))
        self._turns = torch.complex(cosine, sine)[:, None]
        self._memory = SlotMemory(self.geometry, self._dtype, n_slots)
        self._workers = Workers(self._n_threads)
        self._held: list[tuple[str, tuple[int, ...]] | None] = [None] * n_slots
        self._prefixes: dict[tuple[str, tuple[int, ...]], list[torch.Tensor]] = {}
        for name, adapter in adapters.items():
            self.add(name, adapter)

    def add(self, name: str, adapter: AdapterWeights) -> None:
        """Take one more adapter beside the others; projections that it leaves alone are shared."""
        self._layers[name] = [
            [self._find_stack(layer, names, adapter) for names in GROUPS] for layer in range(self.geometry.n_layers)
        ]

    def remove(self, name: str) -> None:
        """Let go of an adapter."""
        self._layers.pop(name, None)
        self._prefixes = {key: kept for key, kept in self._prefixes.items() if key[0] != name}
        self._held = [None if held is None or held[0] == name else held for held in self._held]

    def width(self, n_rows: int) -> int:
        """Long drafts for one note, where reading weights is the cost; short ones for many, where each token costs."""
        return 20 if n_rows == 1 else 12 if n_rows <= 4 else _FEW_TOKENS

    def worth_admitting(self, n_active: int, capacity: int = 0) -> int:
        """One: prompts and answers share a pass."""
        return 1

    @torch.inference_mode()
    def begin(self, slot: int, adapter: str, prefix: Sequence[int]) -> int:
        """Put the keys and values of the prompt's constant beginning into a slot."""
        wanted = adapter, tuple(prefix)
        if self._memory.is_large(slot):
            self._memory.shrink(slot)
            self._held[slot] = None
        if self._held[slot] != wanted:
            if wanted not in self._prefixes:
                self._held[slot] = None
                self.submit([Segment(slot, 0, prefix, (), ())], adapter)
                self._prefixes[wanted] = [layer.clone() for layer in self._memory.beginning(slot, len(prefix))]
            self._memory.begin(slot, self._prefixes[wanted])
            self._held[slot] = wanted
        return len(prefix)

    @torch.inference_mode()
    def fork(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a slot to another."""
        self._memory.begin(target, self._memory.beginning(source, length))
        self._held[target] = self._held[source]

    @torch.inference_mode()
    def submit(self, segments: Sequence[Segment], adapter: str) -> Passed:
        """Compute the pass, large ones in parts with a thread each: in short steps one is faster than several."""
        parts = pieces_of(segments, self._n_threads)
        if len(parts) == 1:
            return self._compute(parts[0], adapter)
        for piece in (part[0] for part in parts if part[0].before is not None):
            end = piece.segment.start + len(piece.segment.tokens)
            self._memory.reserve(piece.segment.slot, end, 0)  # while none of them is written
        few = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            done = self._workers.run([partial(self._compute, part, adapter) for part in parts])
        finally:
            torch.set_num_threads(few)
        return join_passes(parts, done, self._allowed)

    def _compute(self, pieces: Sequence[Piece], adapter: str) -> Passed:
        try:
            return self._read(pieces, adapter)
        except BaseException:
            for piece in pieces:
                piece.give_up(self.geometry.n_layers)
            raise

    @torch.inference_mode()
    def _read(self, pieces: Sequence[Piece], adapter: str) -> Passed:
        segments = [piece.segment for piece in pieces]
        tokens = torch.tensor([token for segment in segments for token in segment.tokens])
        read = stretches(segments, self._memory, self.geometry.group, self._dtype)
        turn = self._repeat_turns(torch.cat([torch.arange(s.start, s.start + len(s.tokens)) for s in segments]))
        x = self._store.embed(tokens)
        wanted: list[int] = []
        states: list[int] = []
        first = 0
        for segment in segments:
            wanted += [first + place for place in segment.wanted]
            states += segment.states
            first += len(segment.tokens)
        for number, stacks in enumerate(self._layers[adapter]):
            seen = self._attention(number, stacks[0](x), turn, read, pieces[0])
            if number == self.geometry.n_layers - 1:  # beyond its keys and values, only what is asked for matters
                if not wanted:
                    return Passed([[] for _ in segments])
                seen, x = seen[wanted], x[wanted]
            x = x + stacks[1](seen)
            gate, up = stacks[2](x).chunk(2, -1)
            x = x + stacks[3](functional.silu(gate) * up)
        logits = self._head(x).float()
        found, log_probabilities = self._chooser.choose_best(logits, states)
        options = iter(read_options(found.tolist(), log_probabilities.tolist()))
        named = [[next(options) for _ in segment.wanted] for segment in segments]
        return Passed(named, logits, self._allowed)

    def _repeat_turns(self, positions: torch.Tensor) -> torch.Tensor:
        """What queries, keys and values are multiplied with, (tokens, heads, half of the head width), complex."""
        shape, turns = self.geometry, self._turns[positions]
        n_rotated = shape.n_heads + shape.n_kv_heads
        left = turns.new_ones(1, 1, 1).expand(len(turns), shape.n_kv_heads, turns.shape[2])  # values stay as they are
        return torch.cat([turns.expand(-1, n_rotated, -1), left], 1)

    def _attention(
        self, number: int, qkv: torch.Tensor, turn: torch.Tensor, read: list[Stretch], cut: Piece
    ) -> torch.Tensor:
        """What the heads of one layer see, (tokens, heads * head width).

        Args:
            number: of the layer.
            qkv: queries, keys and values, (tokens, heads * head width).
            turn: see `_repeat_turns`.
            read: the notes.
            cut: the part's first piece; no other is cut.
        """
        shape, last, n_tokens = self.geometry, self.geometry.n_heads, len(qkv)
        pairs = torch.view_as_complex(qkv.float().view(*turn.shape, 2))
        turned = torch.view_as_real(pairs * turn).view(*turn.shape[:2], shape.head_width).to(self._dtype)
        fresh = turned[:, last:].view(n_tokens, 2, shape.n_kv_heads, shape.head_width).permute(1, 2, 0, 3)
        # Query heads that share a key head stand together as further rows of one query: no copy of keys for each.
        queries = turned[:, :last].view(n_tokens, shape.n_kv_heads, shape.group, shape.head_width).transpose(0, 1)
        seen = turned.new_empty(shape.n_kv_heads, n_tokens * shape.group, shape.head_width)
        for stretch in read:
            own, kept = stretch.own, stretch.kept[number]
            if isinstance(stretch.into, slice):
                kept[:, :, stretch.into] = fresh[:, :, own]
            else:
                kept.index_copy_(2, stretch.into, fresh[:, :, own])
            if stretch is read[0]:
                cut.mark_written()
            for piece, mask in stretch.pieces:
                some, n_seen = queries[:, piece].reshape(shape.n_kv_heads, -1, shape.head_width), mask.shape[1]
                into = seen[:, shape.group * piece.start : shape.group * piece.stop]
                _attend(some, kept[:, :, :n_seen], mask, into)
        seen = seen.view(shape.n_kv_heads, n_tokens, shape.group * shape.head_width).transpose(0, 1)
        return seen.reshape(n_tokens, last * shape.head_width)

    def _find_stack(self, layer: int, names: tuple[str, ...], adapter: AdapterWeights) -> Product:
        if any((layer, name) in adapter for name in names):
            return self._store.stack(layer, names, adapter)
        if (layer, names) not in self._shared:
            self._shared[layer, names] = self._store.stack(layer, names, {})
        return self._shared[layer, names]


def _attend(asked: torch.Tensor, kept: torch.Tensor, mask: torch.Tensor, into: torch.Tensor) -> None:
    """Attention of queries, (key heads, queries, head width), to keys and values, (2, key heads, seen, head width)."""
    scale = asked.shape[-1] ** -0.5
    if kept.shape[2] > _FAR:
        into.copy_(
            functional.scaled_dot_product_attention(asked[None], kept[:1], kept[1:], attn_mask=mask, scale=scale)[0]
        )
        return
    # Three plain steps: for so few keys the fused one takes twice as long.
    weights = torch.baddbmm(mask, asked, kept[0].transpose(1, 2), alpha=scale).softmax(-1)
    torch.bmm(weights, kept[1], out=into)


class DenseWeights:
    """Lays out weights in fp32 or bf16; see `Store`."""

    def __init__(self, weights: LlamaWeights, dtype: torch.dtype) -> None:
        self._weights, self.dtype = weights, dtype
        self._embedding = weights.embedding.to(dtype)

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """The state with which tokens begin, (tokens, width)."""
        return self._embedding[tokens]

    def head(self) -> Product:
        """The product that gives the logits, with the norm before it."""
        return self._add_norm(self._weights.norm, _product(self._weights.head.to(self.dtype)))

    def stack(self, layer: int, names: tuple[str, ...], adapter: AdapterWeights) -> Product:
        """The product of one of `GROUPS`, with an adapter merged in and the norm before it."""
        weight = self._weights.unpack(layer, names, adapter, self.dtype)
        product = _product(self._weights.pair_heads(weight) if names == GROUPS[0] else weight)
        before, after = self._weights.norms(layer)
        norm = {GROUPS[0]: before, GROUPS[2]: after}.get(names)
        return product if norm is None else self._add_norm(norm, product)

    def _add_norm(self, weight: torch.Tensor, product: Product) -> Product:
        weight, eps = weight.to(self.dtype), self._weights.geometry.eps
        return lambda x: product(functional.rms_norm(x, weight.shape, weight, eps))


def _product(weight: torch.Tensor) -> Product:
    """`x @ weight.T` with the weight laid out once for oneDNN, which is two to four times as fast for few rows.

    The operations are those that torch's own compiler uses; where a build of torch lacks them, the plain product does.
    """
    weight = weight.contiguous()
    operations = torch.ops.mkldnn
    if not hasattr(operations, "_linear_pointwise"):
        return lambda x: functional.linear(x, weight)
    try:
        with torch.no_grad():
            laid_out = operations._reorder_linear_weight(weight, _FEW_TOKENS)
            operations._linear_pointwise(weight.new_zeros(1, weight.shape[1]), laid_out, None, "none", [], "")
    except (RuntimeError, AttributeError):
        return lambda x: functional.linear(x, weight)
    return lambda x: operations._linear_pointwise(x, laid_out, None, "none", [], "")
