"""Greedy decoding of a batch of records, with the constant part of the prompt computed once.

Rows run in step but not in line: in one forward pass one row may read the six forced tokens of its next key while
another reads one token of a value. Every row has its own positions in the cache, so nothing is ever shifted, and what
was read too much (padding, a quotation mark that was not chosen) lies behind the row's end, unseen, until it is
overwritten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trainer.engine.record import Cursor, RecordTables
from trainer.engine.suggester import EngineError

PREFILL_CHUNK = 1024
_GROWTH = 128


class RowCache:
    """Keys and values of a batch, each row written at its own positions.

    It has what Llama's attention asks of a cache. Tensors are (rows, positions, heads, width) per layer.
    """

    is_compileable = False

    def __init__(self, n_rows: int, capacity: int) -> None:
        self.n_rows, self.capacity = n_rows, capacity
        self.layers: list[list[torch.Tensor]] = []
        self.is_sliding: list[bool] = []  # read by transformers' mask code: no layer is a sliding one
        self._positions = torch.zeros(0, 0, dtype=torch.long)
        self._rows = torch.zeros(0, 1, dtype=torch.long)
        self._length = 0

    def place(self, positions: torch.Tensor, length: int) -> None:
        """Say where the next tokens go, shape (rows, tokens), and how many positions are to be seen."""
        self._positions, self._length = positions, length
        self._rows = torch.arange(self.n_rows, device=positions.device)[:, None]
        if length > self.capacity:
            grown = length + _GROWTH
            for layer in self.layers:
                layer[:] = [_resized(tensor, self.n_rows, grown) for tensor in layer]
            self.capacity = grown

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a layer's new keys and values, (rows, heads, tokens, width), and return all that are to be seen."""
        if layer == len(self.layers):
            shape = (self.n_rows, self.capacity, keys.shape[1], keys.shape[3])
            self.layers.append([keys.new_zeros(shape), values.new_zeros(shape)])
        stored = self.layers[layer]
        for tensor, fresh in zip(stored, (keys, values), strict=True):
            tensor[self._rows, self._positions] = fresh.transpose(1, 2)
        return stored[0][:, : self._length].transpose(1, 2), stored[1][:, : self._length].transpose(1, 2)

    def get_seq_length(self, layer: int = 0) -> int:
        """Positions to be seen; part of the interface, the positions are always given."""
        return self._length

    def copied(self, n_rows: int, length: int, capacity: int) -> RowCache:
        """A cache for `n_rows` rows that all begin with the first `length` positions of this one's only row."""
        copy = RowCache(n_rows, capacity)
        copy.layers = [[_resized(tensor[:, :length], n_rows, capacity) for tensor in layer] for layer in self.layers]
        return copy

    def keep(self, rows: list[int]) -> None:
        """Drop every row that is not named."""
        self.n_rows = len(rows)
        for layer in self.layers:
            layer[:] = [tensor[rows] for tensor in layer]


def _resized(tensor: torch.Tensor, n_rows: int, capacity: int) -> torch.Tensor:
    resized = tensor.new_zeros((n_rows, capacity, *tensor.shape[2:]))
    resized[:, : tensor.shape[1]] = tensor
    return resized


@dataclass
class Row:
    """One note on its way through the decoder.

    Attributes:
        cursor: where its answer stands.
        pending: tokens that are settled but not yet read.
        position: tokens read so far.
    """

    cursor: Cursor
    pending: list[int]
    position: int

    @property
    def guess(self) -> list[int]:
        """A token read along unasked: most values are strings, so the quotation mark is mostly right."""
        return [self.cursor.tables.quote] if self.cursor.is_opening and not self.cursor.is_done else []


class Decoder:
    """Decodes records with one model.

    Args:
        model: a causal language model of transformers, with or without PEFT around it.
        tables: of its tokenizer and the task.
        max_value_tokens: a value is closed after so many tokens.
    """

    def __init__(self, model: Any, tables: RecordTables, max_value_tokens: int) -> None:
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._backbone, self._head = inner.get_decoder(), inner.get_output_embeddings()
        self._tables, self._max_value_tokens = tables, max_value_tokens
        self._device = next(self._head.parameters()).device
        self._prefix: list[int] = []
        self._prefix_cache: RowCache | None = None

    @torch.inference_mode()
    def decode(self, prompts: Sequence[list[int]]) -> list[Cursor]:
        """Answer prompts, given as tokens.

        Raises:
            EngineError: the model's output is not a number.
        """
        shared = self._shared(prompts)
        cursors = [Cursor(self._tables, self._max_value_tokens) for _ in prompts]
        rows = [Row(c, p[shared:] + list(self._tables.opening), shared) for c, p in zip(cursors, prompts, strict=True)]
        cache = self._new_cache(len(rows), shared, max(len(row.pending) for row in rows) + shared)
        self._prefill(rows, cache)
        active = rows
        while active:
            self._step(active, cache)
            left = [number for number, row in enumerate(active) if not row.cursor.is_done]
            if len(left) <= len(active) // 2:  # finished rows run along until half are: dropping one copies the cache
                cache.keep(left)
                active = [active[number] for number in left]
        return cursors

    def remember_prefix(self, prefix: list[int]) -> None:
        """Compute the constant beginning of every prompt once."""
        self._prefix = prefix
        with torch.inference_mode():
            cache = RowCache(1, len(prefix))
            self._read([prefix], [0], cache)
        self._prefix_cache = cache

    def _shared(self, prompts: Sequence[list[int]]) -> int:
        """How many tokens every prompt has in common with the remembered prefix, one token at least left over."""
        shared = 0 if self._prefix_cache is None else len(self._prefix)
        for prompt in prompts:
            shared = min(shared, len(prompt) - 1)
            while prompt[:shared] != self._prefix[:shared]:
                shared -= 1
        return max(shared, 0)

    def _new_cache(self, n_rows: int, shared: int, length: int) -> RowCache:
        if self._prefix_cache is None or not shared:
            return RowCache(n_rows, length + _GROWTH)
        return self._prefix_cache.copied(n_rows, shared, length + _GROWTH)

    def _prefill(self, rows: list[Row], cache: RowCache) -> None:
        """Read all but the last tokens of long prompts, in pieces, so that attention masks stay small."""
        while max(len(row.pending) for row in rows) > PREFILL_CHUNK:
            pieces = []
            for row in rows:
                cut = min(PREFILL_CHUNK, len(row.pending) - 1)
                pieces.append(row.pending[:cut])
                row.pending = row.pending[cut:]
            self._read(pieces, [row.position for row in rows], cache)
            for row, piece in zip(rows, pieces, strict=True):
                row.position += len(piece)

    def _step(self, rows: list[Row], cache: RowCache) -> None:
        """One forward pass: every row reads what is pending and decides one or two tokens."""
        hidden = self._read([row.pending + row.guess for row in rows], [row.position for row in rows], cache)
        places, states = [], []
        for number, row in enumerate(rows):
            if row.cursor.is_done:
                continue
            last = len(row.pending) - 1
            places.append((number, last))
            states.append(row.cursor.state)
            if row.guess:
                places.append((number, last + 1))
                states.append(1 + row.cursor.index)
        chosen = dict(zip(places, self._choose(hidden, places, states), strict=True))
        for number, row in enumerate(rows):
            if not row.cursor.is_done:
                self._settle(row, number, chosen)

    def _settle(self, row: Row, number: int, chosen: dict[tuple[int, int], tuple[int, float]]) -> None:
        last, guess = len(row.pending) - 1, row.guess
        row.position += len(row.pending)
        token, log_probability = chosen[number, last]
        forced = row.cursor.advance(token, log_probability)
        if [token] == guess:
            row.position += 1
            token, log_probability = chosen[number, last + 1]
            forced = row.cursor.advance(token, log_probability)
        row.pending = [token, *forced]

    def _choose(
        self, hidden: torch.Tensor, places: list[tuple[int, int]], states: list[int]
    ) -> list[tuple[int, float]]:
        """The best allowed token at each place, with its log-probability among all tokens."""
        rows, columns = (torch.tensor(part, device=self._device) for part in zip(*places, strict=True))
        logits = self._head(hidden[rows, columns]).float()
        allowed = self._tables.allowed[torch.tensor(states, device=self._device)]
        tokens = logits.masked_fill(~allowed, -math.inf).argmax(-1)
        picked = torch.log_softmax(logits, -1).gather(1, tokens[:, None])[:, 0]
        if not bool(torch.isfinite(picked).all()):
            raise EngineError("Expected numbers from the model; found NaN. The adapter or the base is damaged.")
        return list(zip(tokens.tolist(), picked.tolist(), strict=True))

    def _read(self, pieces: list[list[int]], positions: list[int], cache: RowCache) -> torch.Tensor:
        """Run the model over one piece a row; hidden states of shape (rows, longest piece, width)."""
        longest = max(map(len, pieces))
        tokens = torch.tensor([piece + [0] * (longest - len(piece)) for piece in pieces], device=self._device)
        starts = torch.tensor(positions, device=self._device)[:, None]
        where = starts + torch.arange(longest, device=self._device)
        length = max(positions) + longest
        cache.place(where, length)
        visible = torch.arange(length, device=self._device) <= where[:, None, :, None]
        hidden: torch.Tensor = self._backbone(
            input_ids=tokens, attention_mask=visible, position_ids=where, past_key_values=cache, use_cache=True
        ).last_hidden_state
        return hidden
