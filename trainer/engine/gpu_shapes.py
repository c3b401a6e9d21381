"""Fixed shapes of a pass on a GPU: their buffers, and how notes are written into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from trainer.engine.forward import N_OPTIONS, Segment


@dataclass(frozen=True)
class Slots:
    """How notes are held and read.

    Attributes:
        n: notes held at a time.
        room: positions of a slot.
        row_width: tokens of a note in a pass over many.
        depth: parts of the slots that are read in turn, one while the host settles the other.
    """

    n: int
    room: int = 384
    row_width: int = 8
    depth: int = 2


@dataclass
class Shape:
    """One fixed shape with its buffers and, once captured, its graphs.

    Attributes:
        n_rows: notes.
        width: tokens of each.
        n_wanted: places at which the model is asked; all of them where it is n_rows * width.
        slots: the slots of the rows, one after the other, or None where the inputs name them.
        inputs: tokens, positions, slots, wanted places and their masks, one after the other.
        result: best tokens and the bits of their log-probabilities, (n_wanted, 2 * N_OPTIONS).
        is_long: the rows stand in slots for long notes.
        graphs: adapter to its graph.
    """

    n_rows: int
    width: int
    n_wanted: int
    slots: slice | None
    inputs: torch.Tensor
    result: torch.Tensor
    is_long: bool
    graphs: dict[str, Any] = field(default_factory=dict)

    @property
    def n_cells(self) -> int:
        """Tokens of the pass, those without a use counted."""
        return self.n_rows * self.width

    def parts(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Tokens, positions, (rows, width); slots, (rows,); wanted places and masks, (n_wanted,): views of `inputs`."""
        sizes = [self.n_cells, self.n_cells, self.n_rows, self.n_wanted, self.n_wanted]
        tokens, positions, slots, wanted, states = inputs.split(sizes)  # type: ignore[no-untyped-call]
        size = self.n_rows, self.width
        return tokens.view(size), positions.view(size), slots, wanted, states


def new_shape(
    n_rows: int,
    width: int,
    device: torch.device,
    *,
    n_wanted: int | None = None,
    slots: slice | None = None,
    is_long: bool = False,
) -> Shape:
    """A shape with its buffers."""
    n_wanted = n_rows * width if n_wanted is None else n_wanted
    inputs = torch.zeros(2 * n_rows * width + n_rows + 2 * n_wanted, dtype=torch.long, device=device)
    result = torch.zeros(n_wanted, 2 * N_OPTIONS, dtype=torch.int32, device=device)
    return Shape(n_rows, width, n_wanted, slots, inputs, result, is_long)


def filled(shape: Shape, segments: Sequence[Segment], rows: Sequence[int], trash: tuple[int, int]) -> torch.Tensor:
    """The shape's inputs for these segments, in memory of the host.

    A buffer of its own for every pass: the last one may still be on its way to the GPU.

    Args:
        shape: whose inputs they are.
        segments: what is read; their slots are counted as the shape's cache counts them.
        rows: the row of each segment.
        trash: slot and position of tokens without a use.
    """
    on_gpu = shape.inputs.is_cuda
    host = torch.zeros(len(shape.inputs), dtype=torch.long, pin_memory=on_gpu)
    tokens, positions, slots, wanted, states = (part.numpy() for part in shape.parts(host))
    slots[:], positions[:] = trash
    is_every = shape.n_wanted == shape.n_cells
    if is_every:
        wanted[:] = range(shape.n_cells)
    n_asked = 0
    for segment, row in zip(segments, rows, strict=True):
        count = len(segment.tokens)
        tokens[row, :count] = segment.tokens
        positions[row, :count] = range(segment.start, segment.start + count)
        slots[row] = segment.slot
        for place, state in zip(segment.wanted, segment.states, strict=True):
            cell = row * shape.width + place
            if is_every:
                states[cell] = state
            else:
                wanted[n_asked], states[n_asked] = cell, state
                n_asked += 1
    return host
