"""The mean of several runs' weights."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


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
