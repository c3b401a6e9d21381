"""Which forward pass serves which model.

A small Llama on a CPU, and on a GPU, is unpacked once to fp32 with the adapter merged in: the same arithmetic without
the cost of unpacking every weight for every token. One that is not quite so small is laid out in 8 bits on a CPU that
multiplies bytes, or else in bf16 on one that multiplies those. A large one stays in 4 bits on a GPU, with the adapter
beside it, or is unpacked to bf16 for bulk work. Every other model is run through transformers' own modules.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from trainer.config import FEW_WEIGHTS, SMALL_MODEL
from trainer.engine.api import EngineError
from trainer.engine.decoding.record import RecordTables
from trainer.engine.forward.cpu import CpuForward
from trainer.engine.forward.int8 import multiplies_bf16, runs_in_int8
from trainer.model.llama_weights import LlamaWeights, why_unsuited
from trainer.model.loading import Loaded

_SLOT_BYTES, _USUAL_POSITIONS = 384 << 20, 1024


def make_forward(
    loaded: Loaded, tables: RecordTables, n_slots: int, weights: str | None, shapes: dict[str, int]
) -> Any:
    """The forward pass for a model.

    Args:
        loaded: the model, with its adapter or without one.
        tables: whose masks apply.
        n_slots: notes held at a time.
        weights: `nf4`, `bf16`, `fp32`, `int8` (on a CPU), or None for what suits the model.

    Raises:
        EngineError: this machine has no products of bytes, or none for the weights that were asked for.
        shapes: of `GpuForward`, where they are not the usual ones.
    """
    is_small = loaded.n_parameters < SMALL_MODEL
    on_cpu = loaded.device.type == "cpu"
    chosen = weights or usual_weights(loaded.n_parameters, on_cpu=on_cpu)
    if chosen == "int8" and not (on_cpu and runs_in_int8()):
        raise EngineError(
            "Expected a CPU that multiplies bytes (AVX512-VNNI or AMX) for weights in int8; found none. "
            "Use bf16 or fp32, or leave it out."
        )
    if why_unsuited(loaded.model) or (on_cpu and chosen == "nf4"):
        from trainer.engine.forward.modules import ModulesForward

        return ModulesForward(loaded, tables.allowed, n_slots, dense=is_small and chosen != "nf4")
    read = LlamaWeights(loaded.model)
    adapters = {loaded.name: loaded.lora if loaded.lora is not None else read.adapter}
    if on_cpu:
        return CpuForward(read, adapters, tables.allowed, n_slots, chosen)
    from trainer.engine.forward.gpu import GpuForward
    from trainer.engine.forward.gpu_slots import Slots

    return GpuForward(read, adapters, tables.allowed, Slots(n_slots, **shapes), chosen, loaded.device)


def usual_weights(n_parameters: int, *, on_cpu: bool) -> str:
    """What suits a base of so many parameters on this machine; see the module's first lines."""
    if n_parameters >= SMALL_MODEL:
        return "nf4"
    if not on_cpu or n_parameters < FEW_WEIGHTS:
        return "fp32"
    if runs_in_int8():
        return "int8"
    return "bf16" if multiplies_bf16() else "fp32"


def usual_slots(loaded: Loaded) -> int:
    """Notes held at a time on a CPU: as many of a thousand tokens as 384 MB hold."""
    config = loaded.model.config.get_text_config()
    n_kv_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    n_bytes = 4 * 2 * config.num_hidden_layers * n_kv_heads * head_width * _USUAL_POSITIONS
    return max(8, min(32, _SLOT_BYTES // int(n_bytes)))


@contextmanager
def few_threads(n_rows: int, *, is_small: bool) -> Iterator[None]:
    """Few CPU threads while a small model decodes, and as many as before afterwards.

    Its steps are short. On cores that other processes use too, threads wait for each other at each of its
    hundreds of products: with two threads on two busy cores a note takes five times as long as with one.
    """
    before = torch.get_num_threads()
    few = 1 if n_rows <= 2 else max(1, (os.cpu_count() or 2) // 2)
    torch.set_num_threads(min(before, few) if is_small else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
