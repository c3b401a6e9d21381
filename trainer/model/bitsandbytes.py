"""Importing bitsandbytes without torch's compiler, which it would load for four functions that a CPU seldom calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def import_bitsandbytes() -> Any:
    """The module. Its first import wraps four functions in `torch.compile`; here they stay as they are written.

    That import takes 2 of the 8 seconds in which a worker or a training run starts. Nothing here calls the four: they
    are the plain fallbacks of kernels that are there.
    """
    import torch

    compiling = torch.compile

    def as_written(function: Callable[..., Any] | None = None, **_: Any) -> Any:
        return function if function is not None else lambda wrapped: wrapped

    torch.compile = as_written  # type: ignore[assignment]
    try:
        import bitsandbytes
    finally:
        torch.compile = compiling
    return bitsandbytes
