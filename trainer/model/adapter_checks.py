"""Every check of an adapter against a base: of the files, of what they say, and of every tensor."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from data.prompt import PROMPT_VERSION
from trainer.adapter.base_identity import BaseIdentity, identity_of, is_same_name
from trainer.adapter.files import (
    Misfit,
    ModelError,
    check_files,
    check_tensors,
    checked_calibration,
    checked_house_words,
    checked_manifest,
    read_lora,
    tell_other_name,
)
from trainer.adapter.manifest import Manifest
from trainer.config import LoraSettings
from trainer.model.lora import lora_shapes

KNOWN_PROMPTS = (PROMPT_VERSION,)


def checked_adapter(directory: Path, base: BaseIdentity, model: Any) -> tuple[Manifest, LoraSettings]:
    """Manifest and shape of an adapter, after every check of its files against a base.

    What was recorded and the tensors decide whether it is made for the base; a name that differs is told, no more.

    Args:
        directory: of the adapter.
        base: what is known of the base.
        model: the base, with weights or without; None where it is not at hand, and then names and shapes of tensors
            are not compared.

    Raises:
        ModelError: a file is missing, damaged, or not made for this base.
    """
    check_files(directory)
    manifest = checked_manifest(directory, base)
    if manifest.prompt_version not in KNOWN_PROMPTS:
        raise ModelError(
            f"Expected prompt version {KNOWN_PROMPTS[-1]} or earlier; the adapter {directory} was trained with "
            f"{manifest.prompt_version}. Use a newer caseloop."
        )
    lora, _ = read_lora(directory)
    try:
        check_tensors(directory, None if model is None else lora_shapes(model, lora))
    except Misfit as error:
        if is_same_name(manifest.base, base.name):
            raise
        raise Misfit(
            f"Expected an adapter for the base {base.name}; {directory} is for {manifest.base}, and its tensors do not "
            "fit. Use the base it was trained on, or another adapter."
        ) from error
    tell_other_name(directory, manifest, base)
    return manifest, lora


def check_before_use(directory: Path, base: str | Path) -> Manifest:
    """Check an adapter as loading it would, without loading the base.

    Args:
        directory: of the adapter.
        base: directory of the base, or its hub id: of one that is not in the hub's cache yet only what the manifest
            recorded is compared.

    Raises:
        ModelError: a file is missing, damaged, or not made for this base.
    """
    if Path(base).is_dir():
        model = skeleton(base)
    else:
        model = None
        with suppress(ModelError):
            model = skeleton(base)
    manifest, _ = checked_adapter(directory, identity_of(base), model)
    checked_calibration(directory)
    checked_house_words(directory)
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
