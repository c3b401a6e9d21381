"""Every check of an adapter against a base: of the files, of what they say, and of every tensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.prompt import PROMPT_VERSION
from trainer.adapters import (
    ModelError,
    check_files,
    check_tensors,
    checked_calibration,
    checked_manifest,
    read_lora,
)
from trainer.config import LoraSettings
from trainer.identity import base_identity
from trainer.lora import lora_shapes
from trainer.rundir import Manifest

KNOWN_PROMPTS = (PROMPT_VERSION,)


def checked_adapter(
    directory: Path, base_name: str, base_revision: str | None, model: Any
) -> tuple[Manifest, LoraSettings]:
    """Manifest and shape of an adapter, after every check of its files against a base.

    Args:
        directory: of the adapter.
        base_name: name of the base.
        base_revision: commit or digest of the base, None where it is not known.
        model: the base, with weights or without; None where it is not at hand, and then names and shapes are not
            compared.

    Raises:
        ModelError: a file is missing, damaged, or not made for this base.
    """
    check_files(directory)
    manifest = checked_manifest(directory, base_name, base_revision)
    if manifest.prompt_version not in KNOWN_PROMPTS:
        raise ModelError(
            f"Expected prompt version {KNOWN_PROMPTS[-1]} or earlier; the adapter {directory} was trained with "
            f"{manifest.prompt_version}. Use a newer caseloop."
        )
    lora, _ = read_lora(directory)
    check_tensors(directory, None if model is None else lora_shapes(model, lora))
    return manifest, lora


def check_before_use(directory: Path, base: str | Path) -> Manifest:
    """Check an adapter as loading it would, without loading the base.

    Args:
        directory: of the adapter.
        base: directory of the base; of any other base only the name is compared.

    Raises:
        ModelError: a file is missing, damaged, or not made for this base.
    """
    if not Path(base).is_dir():
        manifest, _ = checked_adapter(directory, str(base), None, None)
    else:
        name, revision = base_identity(Path(base))
        manifest, _ = checked_adapter(directory, name, revision, skeleton(Path(base)))
    checked_calibration(directory)
    return manifest


def skeleton(base: str | Path) -> Any:
    """A base, of a directory or of the hub's cache, without its weights: names and shapes only, from its configuration.

    Raises:
        ModelError: there is no configuration that can be used.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"Expected the configuration of a language model in {base}; it cannot be used.") from error
