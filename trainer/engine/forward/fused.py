"""The small steps between a layer's products, each as one kernel where torch can compile it.

On a fast GPU these steps, a microsecond of arithmetic each, cost half as much time as all the products. They are
functions of tensors only, so that one compilation serves every layer. Where compiling fails, for want of a C compiler
say, they run as they are written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

_log = logging.getLogger(__name__)
_compiled: dict[str, Any] = {}


def add_norm(x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of two tensors of shape (tokens, width), and the sum's root-mean-square norm."""
    total = x + y
    wide = total.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    return total, weight * wide.to(x.dtype)


def rotate(
    qkv: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, shape: tuple[int, int, int, int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries and keys turned by their positions, and values, each in the order in which attention reads it.

    Args:
        qkv: (rows * width, (heads + 2 * key heads) * head width).
        cosine: (rows * width, 1, head width).
        sine: likewise, with the rotation's signs.
        shape: rows, width, key heads, query heads that share one.

    Returns:
        Queries of shape (rows, key heads, width * group, head width), keys and values of (rows * width * key heads,
        head width).
    """
    n_rows, width, n_kv_heads, group = shape
    n_heads = n_kv_heads * group
    head_width = cosine.shape[-1]
    qkv = qkv.view(n_rows * width, n_heads + 2 * n_kv_heads, head_width)
    turned, half = qkv[:, : n_heads + n_kv_heads], head_width // 2
    turned = turned * cosine + torch.cat([turned[..., half:], turned[..., :half]], -1) * sine
    queries = turned[:, :n_heads].reshape(n_rows, width, n_kv_heads, group, head_width).permute(0, 2, 1, 3, 4)
    queries = queries.reshape(n_rows, n_kv_heads, width * group, head_width)
    keys = turned[:, n_heads:].reshape(-1, head_width)
    return queries, keys, qkv[:, n_heads + n_kv_heads :].reshape(-1, head_width)


def apply_gate(gate_up: torch.Tensor) -> torch.Tensor:
    """`silu(gate) * up` of a tensor that holds both, (tokens, 2 * width)."""
    gate, up = gate_up.chunk(2, -1)
    return functional.silu(gate) * up


def fuse(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """The function compiled, or as it is on a CPU and where it cannot be compiled."""
    if device.type != "cuda":
        return function
    name = function.__name__
    if name not in _compiled:
        _compiled[name] = torch.compile(function, dynamic=True)

    def call(*arguments: Any) -> Any:
        if _compiled[name] is not function:
            try:
                return _compiled[name](*arguments)
            except Exception as error:  # noqa: BLE001 - compilers fail in many ways, and none of them is one of the note
                _log.warning("the step %s runs uncompiled: %s", name, type(error).__name__)
                _compiled[name] = function
        return function(*arguments)

    return call
