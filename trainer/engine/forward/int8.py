"""A Llama's weights in 8 bits for a CPU, with inputs rounded to 8 bits token by token: a third to a fifth of the time.

Each row of a weight, and each token that is multiplied with it, has a scale of its own, so what a token gives does not
depend on which others share its pass: drafts, batches and lengths change nothing but speed.

Rounding a token to 255 steps of its largest number is harmless only where no number is much larger than the others. In
a Llama some are, up to forty times their mean. So every input is turned by an orthogonal matrix that spreads each
number over all of them (after QuaRot, https://arxiv.org/abs/2404.00456). Turning cancels out exactly: the weights that
write the state are turned likewise, and those that read it are turned back, once, when they are laid out; only the
MLP's inner state has to be turned in every pass.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch

from trainer.model.embedding import pack_rows
from trainer.model.llama_weights import GROUPS, AdapterWeights, LlamaWeights

Product = Callable[[torch.Tensor], torch.Tensor]

_STEP, _ZERO = 1 / 127, 128
_SMALLEST = 1e-20
_ROWS = 4096
_INNER = 64
"""The MLP's state is turned in pieces of so many numbers, or fewer where they do not divide it."""


def runs_in_int8() -> bool:
    """Whether this CPU multiplies bytes exactly and fast, and this build of torch has the products."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    if not (capabilities.get("avx512_vnni") or capabilities.get("amx_int8")):
        return False  # without them, sums of two products are cut off at 16 bits
    try:
        weight = torch.eye(16)
        found = _product(weight)(torch.ones(1, 16))
    except (RuntimeError, AttributeError):
        return False
    return bool(torch.allclose(found, torch.ones(1, 16), atol=0.02))


def multiplies_bf16() -> bool:
    """Whether this CPU has products of bf16, which are twice as fast as those of fp32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class Turn:
    """An orthogonal matrix that mixes all numbers of a state, as two smaller ones after each other.

    Args:
        width: of the state.
        most: mix at most so many numbers with each other, a power of two; None for all.
    """

    def __init__(self, width: int, most: int | None = None) -> None:
        even = width & -width
        self._outer = 1 if most is not None else width // even
        size = even if most is None else min(even, most)
        self.block = _hadamard(size)
        self._cosines = _cosines(self._outer)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Turn the last dimension of `x`, of any shape."""
        shape = x.shape
        turned = x.reshape(-1, len(self.block)) @ self.block
        if self._outer > 1:
            turned = torch.matmul(self._cosines, turned.view(-1, self._outer, len(self.block)))
        whole: torch.Tensor = turned.reshape(shape)
        return whole


class ByteWeights:
    """Lays out the weights of a Llama in 8 bits; see `trainer.engine.forward.cpu.Store`.

    Args:
        weights: of the base.
    """

    dtype: torch.dtype = torch.float32

    def __init__(self, weights: LlamaWeights) -> None:
        self._weights, shape = weights, weights.geometry
        self._turn, self._inner = Turn(shape.width), Turn(weights.inner_width, _INNER)
        self._of_head = Turn(
            shape.head_width, shape.head_width & -shape.head_width
        )  # the values of a head lie together

    @cached_property
    def _table(self) -> tuple[torch.Tensor, torch.Tensor]:
        packed = [pack_rows(some) for some in torch.split(self._weights.embedding, _ROWS)]  # whole, it takes thrice
        numbers, scales = zip(*packed, strict=True)
        return torch.cat(numbers), torch.cat(scales)

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """The state with which tokens begin, (tokens, width)."""
        numbers, scales = self._table
        return self._turn(numbers[tokens] * scales[tokens])

    def head(self) -> Product:
        """The product that gives the logits, with the norm before it."""
        rows = torch.split(self._weights.head, _ROWS)
        norm = self._weights.norm.float()
        return _product(*(self._turn(some.float() * norm) for some in rows), eps=self._weights.geometry.eps)

    def stack(self, layer: int, names: tuple[str, ...], adapter: AdapterWeights) -> Product:
        """The product of one of `GROUPS`, with an adapter merged in and the norm before it."""
        weight = self._weights.unpack(layer, names, adapter, torch.float32)
        before, after = (norm.float() for norm in self._weights.norms(layer))
        eps = self._weights.geometry.eps
        if names == GROUPS[0]:
            weight = self._turn(self._weights.pair_heads(weight) * before)
            n_values = self._weights.geometry.n_kv_heads * self._weights.geometry.head_width
            weight[-n_values:] = self._of_head(weight[-n_values:].t()).t()
            return _product(weight, eps=eps)
        if names == GROUPS[1]:
            return _product(self._turn(self._of_head(weight).t()).t())
        if names == GROUPS[2]:
            return _product(self._turn(weight * after), eps=eps)
        product = _product(self._turn(self._inner(weight).t()).t())
        return lambda x: product(self._inner(x))


def _product(*parts: torch.Tensor, eps: float | None = None) -> Product:
    """`x @ weight.T`, for the rows of a weight in parts.

    Args:
        parts: of the weight.
        eps: of the norm that `x` is brought to before, by its root mean square; None where it is taken as it is. The
            norm is one more number for each token, so it costs nothing to speak of.
    """
    packed = [pack_rows(part) for part in parts]
    numbers = torch.cat([numbers for numbers, _ in packed])
    scales = torch.cat([scales for _, scales in packed])[:, 0].clamp_min(_SMALLEST).double()
    zeros = torch.zeros(len(scales), dtype=torch.long)
    with warnings.catch_warnings():  # of a later torch, without these; then `runs_in_int8` says no
        warnings.simplefilter("ignore")
        weight = torch._make_per_channel_quantized_tensor(numbers, scales, zeros, 0)
    laid_out = torch.ops.quantized.linear_prepack(weight, None)
    product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32

    def call(x: torch.Tensor) -> torch.Tensor:
        largest = x.abs().amax(-1, keepdim=True).clamp_min_(_SMALLEST)
        found: torch.Tensor = product(x / largest, _STEP, _ZERO, laid_out)
        if eps is not None:
            length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
            largest = largest * torch.rsqrt(length * length / x.shape[-1] + eps)
        return found.mul_(largest)

    return call


def _hadamard(size: int) -> torch.Tensor:
    """Sylvester's matrix of a power of two, orthogonal and symmetric."""
    matrix = torch.ones(1, 1)
    while len(matrix) < size:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    found: torch.Tensor = matrix / size**0.5
    return found


def _cosines(size: int) -> torch.Tensor:
    """The cosine transform's matrix, orthogonal."""
    steps = torch.arange(size).double()
    matrix = torch.cos(torch.pi / size * torch.outer(steps, steps + 0.5)) * (2 / size) ** 0.5
    matrix[0] /= 2**0.5
    found: torch.Tensor = matrix.float()
    return found
