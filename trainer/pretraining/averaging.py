"""Weights that are written anew: the mean of several runs, and an adapter in 16 bits."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from trainer.adapter.manifest import WEIGHTS, RunError, publish_adapter, read_manifest


def average(directories: Sequence[Path], out: Path) -> None:
    """Write the mean of the dense models in `directories` into `out`, with the first one's other files."""
    names = [path.name for path in sorted(directories[0].glob("*.safetensors"))]
    for name in names:
        parts = [load_file(directory / name) for directory in directories]
        mean = {
            key: torch.stack([part[key].float() for part in parts]).mean(0).to(weights.dtype).contiguous()
            for key, weights in parts[0].items()
        }
        save_file(mean, out / name, metadata={"format": "pt"})
    for path in directories[0].iterdir():
        if path.is_file() and path.name not in names and path.name != "figures.json":
            shutil.copyfile(path, out / path.name)


def convert_to_16_bits(adapter: Path, out: Path) -> None:
    """Move an adapter to `out` with its weights in bf16: half the bytes, and far finer than a base in 4 bits.

    Raises:
        RunError: it has no manifest.
    """
    manifest = read_manifest(adapter)
    if manifest is None:
        raise RunError(f"Expected a manifest in {adapter}; there is none. Train the adapter again.")
    weights = {key: one.to(torch.bfloat16).contiguous() for key, one in load_file(adapter / WEIGHTS).items()}
    save_file(weights, adapter / WEIGHTS, metadata={"format": "pt"})
    publish_adapter(adapter, out, manifest)
