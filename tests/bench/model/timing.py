"""How long something took, on what machine, and the least that it could have taken."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from trainer.model.llama_weights import LlamaWeights
from trainer.model.loading import Loaded

GIB = 1 << 30


class Timer:
    """Adds up the time of what is done inside `with`, in seconds; on a CPU also what the processor worked.

    Where others use the same cores the clock says more about them than about the work: there the processor's time
    is what compares.

    Args:
        device: where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._each: list[float] = []
        self._worked = self._began = self._before = 0.0

    def __enter__(self) -> None:
        wait(self._device)
        self._began, self._before = time.perf_counter(), time.process_time()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wait(self._device)
        self._each.append(time.perf_counter() - self._began)
        self._worked += time.process_time() - self._before

    def figures(self, n_notes: int, n_passes: int, *, has_each: bool) -> dict[str, Any]:
        """Figures a note and a pass; `has_each` where each time was one note's."""
        seconds = sum(self._each)
        way: dict[str, Any] = {
            "n_notes": n_notes,
            "notes_per_s": round(n_notes / seconds, 2),
            "ms_per_note": round(1000 * seconds / n_notes, 1),
            "passes_per_note": round(n_passes / n_notes, 2),
            "ms_per_pass": round(1000 * seconds / n_passes, 2),
        }
        if self._device.type == "cpu":
            way["cpu_ms_per_note"] = round(1000 * self._worked / n_notes, 1)
        if has_each:
            way |= {"median_ms": round(1000 * statistics.median(self._each), 1)}
            way |= {"max_ms": round(1000 * max(self._each), 1)}
        if self._device.type == "cuda":
            way["peak_gib"] = round(torch.cuda.max_memory_reserved(self._device) / GIB, 2)
        else:
            way["peak_gib"] = round(_resident_bytes() / GIB, 2)
        return way


def machine(device: torch.device) -> str:
    """The machine in words."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}, CUDA {torch.version.cuda}"
    return f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{named or platform.processor()} ({platform.machine()})"


def floors(loaded: Loaded) -> dict[str, Any]:
    """Bytes and operations that no way can do without, and what the machine was just seen to do of each."""
    shape = LlamaWeights(loaded.model).geometry
    head = shape.n_logits * shape.width
    rate, bandwidth = _peak(loaded.device)
    return {
        "bytes_per_pass_nf4": shape.n_linear // 2 + shape.n_linear // 64 * 4 + 2 * head,
        "bytes_per_pass_bf16": 2 * (shape.n_linear + head),
        "bytes_per_pass_int8": shape.n_linear + head,
        "bytes_per_pass_fp32": 4 * (shape.n_linear + head),
        "flops_per_token": 2 * (shape.n_linear + head),
        "flops_per_s_seen": round(rate),
        "bytes_per_s_seen": round(bandwidth),
    }


def _peak(device: torch.device) -> tuple[float, float]:
    """Operations and bytes a second, from one large product and one large copy."""
    size, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1536, torch.float32)
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    source = torch.empty((1 << 30) // 4 if device.type == "cuda" else 1 << 24, device=device)
    target = torch.empty_like(source)
    rate = 2 * size**3 / _best(lambda: torch.mm(a, b), device)
    return rate, 2 * source.numel() * 4 / _best(lambda: target.copy_(source), device)


def _best(action: Callable[[], Any], device: torch.device) -> float:
    seconds = []
    for _ in range(8):
        wait(device)
        began = time.perf_counter()
        action()
        wait(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reset_peak(device: torch.device) -> None:
    """Count the device's memory anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def free_memory() -> None:
    """Give back what nothing holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _resident_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
