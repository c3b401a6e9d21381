"""A base's embedding table in 8 bits: one signed byte a number, and one scale for every token.

The table of a small model with many tokens is as large as all its layers in 4 bits. Rounded to 255 steps of each row's
largest number it takes half the room of bf16. Where a base has it so, its configuration says so under
`EMBEDDING_KEY`; the other weights are stored as ever, and the head, where it is the same table, is not stored twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from data.storage.weight_files import EMBEDDING, EMBEDDING_KEY
from trainer.adapter.files import ModelError

_NUMBERS, _SCALES = "embedding", "scales"
_STEPS = 127
_ROWS = 4096


def pack_rows(table: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a table of shape (rows, width) to int8 with fp32 scales of shape (rows, 1).

    No number moves by more than half of its row's scale, which is the row's largest number over 127.
    """
    wide = table.detach().float()
    scales = wide.abs().amax(1, keepdim=True) / _STEPS
    steps = wide / torch.where(scales > 0, scales, 1.0)
    return steps.round().clamp(-_STEPS, _STEPS).to(torch.int8), scales


def write_embedding(model: Any, directory: Path) -> None:
    """Write a model's embedding table in 8 bits, and keep its `save_pretrained` from writing it once more."""
    from safetensors.torch import save_file

    numbers, scales = pack_rows(model.get_input_embeddings().weight)
    save_file({_NUMBERS: numbers, _SCALES: scales}, directory / EMBEDDING, metadata={"format": "pt"})
    setattr(model.config, EMBEDDING_KEY, {"bits": 8, "file": EMBEDDING})
    packed = model.get_input_embeddings().weight  # a head that is tied to it is the same object
    names = [name for name, weight in model.named_parameters(remove_duplicate=False) if weight is packed]
    model._keys_to_ignore_on_save = names


def read_embedding(path: Path, shape: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The table as it is stored: int8 of `shape`, (tokens, width), and fp32 scales of shape (tokens, 1).

    Raises:
        ModelError: the file is missing, damaged, or of another base.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise ModelError(f"Expected {path.name} in the base model {path.parent}; it is missing. Copy the base again.")
    try:
        tensors = load_file(path)
        numbers, scales = tensors[_NUMBERS], tensors[_SCALES]
    except (SafetensorError, OSError, KeyError) as error:
        raise ModelError(f"Expected an embedding table in {path}; it cannot be read. Copy the base again.") from error
    is_ours = numbers.dtype == torch.int8 and scales.dtype == torch.float32 and scales.shape == (shape[0], 1)
    if not is_ours or tuple(numbers.shape) != shape:
        found = f"{'x'.join(map(str, numbers.shape))} of {str(numbers.dtype).removeprefix('torch.')}"
        wanted = f"{shape[0]}x{shape[1]}"
        raise ModelError(f"Expected {wanted} of int8 with scales in {path}; found {found}. Copy the base again.")
    if not torch.isfinite(scales).all():
        raise ModelError(f"Expected numbers in {path}; found NaN or infinity. Copy the base again.")
    return numbers, scales


def fill_embedding(model: Any, path: Path) -> None:
    """Put the table of a file into a loaded model, whose head sees the same one where the two are tied.

    Raises:
        ModelError: the file is missing, damaged, or of another base.
    """
    weight = model.get_input_embeddings().weight
    numbers, scales = read_embedding(path, (weight.shape[0], weight.shape[1]))
    with torch.no_grad():
        for first in range(0, len(numbers), _ROWS):  # in pieces: the product is fp32, and as large again as the table
            some = slice(first, first + _ROWS)
            weight.data[some] = numbers[some].to(weight.device) * scales[some].to(weight.device)
