"""Fixed shapes of a pass on a GPU: their buffers, and how notes are written into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from trainer.engine.forward.base import N_OPTIONS, Segment
from trainer.engine.forward.gpu_slots import Bank

__all__ = ["Parts", "Shape", "fill_inputs", "new_shape"]


class Parts(NamedTuple):
    """Views of a shape's inputs.

    Attributes:
        tokens: what is read, (rows, width).
        positions: where in its note each stands, (rows, width).
        cells: where in the memory its key and value go, (rows, width).
        offsets: the memory's cell at which each row's slot begins, (rows,).
        wanted: places at which the model is asked, (n_wanted,).
        states: their masks, (n_wanted,).
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    cells: torch.Tensor
    offsets: torch.Tensor
    wanted: torch.Tensor
    states: torch.Tensor


@dataclass
class Shape:
    """One fixed shape with its buffers and, once captured, its graphs.

    Attributes:
        banks: the rows, those with the same room together.
        width: tokens of each row.
        n_wanted: places at which the model is asked; all of them where it is n_rows * width.
        inputs: see `Parts`, one after the other.
        hidden: what the model is asked from, (n_wanted, width of the model).
        result: best tokens and the bits of their log-probabilities, (n_wanted, 2 * N_OPTIONS).
        graphs: adapter to its graph.
    """

    banks: tuple[Bank, ...]
    width: int
    n_wanted: int
    inputs: torch.Tensor
    hidden: torch.Tensor
    result: torch.Tensor
    graphs: dict[str, Any] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Notes, those that stand for none counted."""
        return sum(bank.n_rows for bank in self.banks)

    @property
    def n_cells(self) -> int:
        """Tokens of the pass, those without a use counted."""
        return self.n_rows * self.width

    def parts(self, inputs: torch.Tensor) -> Parts:
        """Views of `inputs`."""
        sizes = [*[self.n_cells] * 3, self.n_rows, self.n_wanted, self.n_wanted]
        tokens, positions, cells, *rest = inputs.split(sizes)  # type: ignore[no-untyped-call]
        size = self.n_rows, self.width
        return Parts(tokens.view(size), positions.view(size), cells.view(size), *rest)


def new_shape(
    banks: tuple[Bank, ...],
    width: int,
    device: torch.device,
    *,
    states: tuple[int, torch.dtype],
    n_wanted: int | None = None,
) -> Shape:
    """A shape with its buffers; `states` are the width and the type of the model's hidden states."""
    n_rows = sum(bank.n_rows for bank in banks)
    n_wanted = n_rows * width if n_wanted is None else n_wanted
    inputs = torch.zeros(3 * n_rows * width + n_rows + 2 * n_wanted, dtype=torch.long, device=device)
    result = torch.zeros(n_wanted, 2 * N_OPTIONS, dtype=torch.int32, device=device)
    hidden = torch.zeros(n_wanted, states[0], dtype=states[1], device=device)
    return Shape(banks, width, n_wanted, inputs, hidden, result)


def fill_inputs(
    shape: Shape, segments: Sequence[Segment], rows: Sequence[int], offsets: Sequence[int], trash: int
) -> torch.Tensor:
    """The shape's inputs for these segments, in memory of the host.

    A buffer of its own for every pass: the last one may still be on its way to the GPU.

    Args:
        shape: whose inputs they are.
        segments: what is read.
        rows: the row of each segment.
        offsets: the cell at which each segment's slot begins.
        trash: the cell for tokens without a use, which nobody sees.
    """
    host = torch.zeros(len(shape.inputs), dtype=torch.long, pin_memory=shape.inputs.is_cuda)
    tokens, positions, cells, starts, wanted, states = (part.numpy() for part in shape.parts(host))
    cells[:] = trash
    is_every = shape.n_wanted == shape.n_cells
    if is_every:
        wanted[:] = range(shape.n_cells)
    n_asked = 0
    for segment, row, offset in zip(segments, rows, offsets, strict=True):
        count, first = len(segment.tokens), offset + segment.start
        tokens[row, :count] = segment.tokens
        positions[row, :count] = range(segment.start, segment.start + count)
        cells[row, :count] = range(first, first + count)
        starts[row] = offset
        for place, state in zip(segment.wanted, segment.states, strict=True):
            cell = row * shape.width + place
            if is_every:
                states[cell] = state
            else:
                wanted[n_asked], states[n_asked] = cell, state
                n_asked += 1
    return host
