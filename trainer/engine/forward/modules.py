"""A forward pass through transformers' own modules, for every model that has no faster one.

Rows are padded to the longest piece that is read. Each writes at its own positions, so nothing is ever shifted, and
what was read too much lies behind the row's end, unseen, until it is overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from trainer.engine.forward.base import GrowingSlots, Passed, Segment, best_options, read_options
from trainer.model.llama_weights import AdapterWeights, Lora
from trainer.model.loading import Loaded
from trainer.model.nf4 import dense_copy

_ROOM = 256


class RowCache:
    """Keys and values of all slots, each written at its own positions.

    It has what Llama's attention asks of a cache. Tensors are (slots, positions, heads, width) per layer.
    """

    is_compileable = False

    def __init__(self, n_slots: int) -> None:
        self.n_slots = n_slots
        self.layers: list[list[torch.Tensor]] = []
        self.is_sliding: list[bool] = []  # read by transformers' mask code: no layer is a sliding one
        self._slots = torch.zeros(0, dtype=torch.long)
        self._positions = torch.zeros(0, 0, dtype=torch.long)
        self._length = 0

    def place(self, slots: torch.Tensor, positions: torch.Tensor, length: int) -> None:
        """Say which slots are read next, (rows,), where their tokens go, (rows, tokens), and how far they see."""
        self._slots, self._positions, self._length = slots, positions, length
        for layer in self.layers:
            if length > layer[0].shape[1]:
                layer[:] = [_lengthen(tensor, length + _ROOM) for tensor in layer]

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a layer's new keys and values, (rows, heads, tokens, width), and return all that are to be seen."""
        if layer == len(self.layers):
            shape = (self.n_slots, self._length + _ROOM, keys.shape[1], keys.shape[3])
            self.layers.append([keys.new_zeros(shape), values.new_zeros(shape)])
        stored = self.layers[layer]
        for tensor, fresh in zip(stored, (keys, values), strict=True):
            tensor[self._slots[:, None], self._positions] = fresh.transpose(1, 2)
        seen = [tensor[self._slots, : self._length].transpose(1, 2) for tensor in stored]
        return seen[0], seen[1]

    def get_seq_length(self, layer: int = 0) -> int:
        """Positions to be seen; part of the interface, the positions are always given."""
        return self._length

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a slot to another."""
        for layer in self.layers:
            for tensor in layer:
                tensor[target, :length] = tensor[source, :length]


def _lengthen(tensor: torch.Tensor, length: int) -> torch.Tensor:
    longer = tensor.new_zeros((tensor.shape[0], length, *tensor.shape[2:]))
    longer[:, : tensor.shape[1]] = tensor
    return longer


class Adapted(torch.nn.Module):
    """A linear layer with several adapters, of which one is in use."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.adapters: dict[str, Lora] = {}
        self.active = ""

    def get_base_layer(self) -> torch.nn.Module:
        """The layer without adapters, as PEFT names it."""
        return self.layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's output with the active adapter's."""
        y: torch.Tensor = self.layer(x)
        lora = self.adapters.get(self.active)
        return y if lora is None else y + lora.scale * ((x @ lora.a.T) @ lora.b.T)


class ModulesForward(GrowingSlots):
    """See `trainer.engine.forward.base.Forward`.

    Args:
        loaded: the model, its adapter part of it or apart.
        allowed: mask of the tables, (states, n_logits), bool.
        n_slots: notes held at a time.
        dense: unpack a base in 4 bits and merge the adapter in; then no other can be served beside it.
    """

    prefill = 1024

    def __init__(self, loaded: Loaded, allowed: torch.Tensor, n_slots: int, *, dense: bool = False) -> None:
        self.n_slots, self.takes_others = n_slots, not dense
        model = dense_copy(loaded.model) if dense else loaded.model
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._backbone, self._head = inner.get_decoder(), inner.get_output_embeddings()
        self.max_positions = int(inner.config.max_position_embeddings)
        self._allowed, self._device = allowed, loaded.device
        self._adapted: dict[tuple[int, str], Adapted] = {}
        self._cache = RowCache(n_slots)
        self._held: list[tuple[str, tuple[int, ...]] | None] = [None] * n_slots
        self.add(loaded.name, loaded.lora or {})

    def add(self, name: str, adapter: AdapterWeights) -> None:
        """Take one more adapter beside the others."""
        for (number, projection), lora in adapter.items():
            if (number, projection) not in self._adapted:
                parent, _, leaf = projection.rpartition(".")
                owner = self._backbone.layers[number].get_submodule(parent)
                layer = getattr(owner, leaf)
                wrapped = layer if isinstance(layer, Adapted) else Adapted(layer)  # of another engine on this model
                setattr(owner, leaf, wrapped)
                self._adapted[number, projection] = wrapped
            dtype = self._head.weight.dtype
            a, b = lora.a.to(self._device, dtype), lora.b.to(self._device, dtype)
            self._adapted[number, projection].adapters[name] = Lora(a, b, lora.scale)

    def remove(self, name: str) -> None:
        """Let go of an adapter."""
        for adapted in self._adapted.values():
            adapted.adapters.pop(name, None)
        self._held = [None if held is None or held[0] == name else held for held in self._held]

    def width(self, n_rows: int) -> int:
        """Padding is real work here: drafts are short where there are many rows."""
        return 16 if n_rows <= 2 else 4

    def worth_admitting(self, n_active: int, capacity: int = 0) -> int:
        """Several at a time, since a prompt that is read pads every other row to its length."""
        return 1 + n_active // 4

    @torch.inference_mode()
    def begin(self, slot: int, adapter: str, prefix: Sequence[int]) -> int:
        """Copy the keys and values of the prompt's constant beginning from a slot that holds them, or compute them."""
        wanted = adapter, tuple(prefix)
        if self._held[slot] != wanted:
            if wanted in self._held:
                self._cache.copy(self._held.index(wanted), slot, len(prefix))
            else:
                self.submit([Segment(slot, 0, prefix, (), ())], adapter)
            self._held[slot] = wanted
        return len(prefix)

    @torch.inference_mode()
    def fork(self, source: int, target: int, length: int) -> None:
        """Copy the beginning of a slot to another."""
        self._cache.copy(source, target, length)
        self._held[target] = self._held[source]

    @torch.inference_mode()
    def submit(self, segments: Sequence[Segment], adapter: str) -> Passed:
        """Compute the pass."""
        for adapted in self._adapted.values():
            adapted.active = adapter
        hidden = self._read(segments)
        rows = [row for row, segment in enumerate(segments) for _ in segment.wanted]
        columns = [place for segment in segments for place in segment.wanted]
        states = [state for segment in segments for state in segment.states]
        if not rows:
            return Passed([[] for _ in segments])
        logits = self._head(hidden[rows, columns]).float()
        tokens, log_probabilities = best_options(logits, self._allowed[states])
        options = iter(read_options(tokens.tolist(), log_probabilities.tolist()))
        named = [[next(options) for _ in segment.wanted] for segment in segments]
        return Passed(named, logits, self._allowed)

    def _read(self, segments: Sequence[Segment]) -> torch.Tensor:
        """Run the model over one piece a row; hidden states of shape (rows, longest piece, width)."""
        longest = max(len(segment.tokens) for segment in segments)
        padded = [list(segment.tokens) + [0] * (longest - len(segment.tokens)) for segment in segments]
        tokens = torch.tensor(padded, device=self._device)
        starts = torch.tensor([segment.start for segment in segments], device=self._device)[:, None]
        where = starts + torch.arange(longest, device=self._device)
        length = max(segment.start for segment in segments) + longest
        self._cache.place(torch.tensor([segment.slot for segment in segments], device=self._device), where, length)
        visible = torch.arange(length, device=self._device) <= where[:, None, :, None]
        hidden: torch.Tensor = self._backbone(
            input_ids=tokens, attention_mask=visible, position_ids=where, past_key_values=self._cache, use_cache=True
        ).last_hidden_state
        return hidden
