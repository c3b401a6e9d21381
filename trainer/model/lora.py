"""LoRA on a base: its shape, a fresh one, what makes it learn, and its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trainer.adapter.files import Misfit, ModelError
from trainer.adapter.manifest import ADAPTER_CONFIG
from trainer.config import LoraSettings


def lora_config(lora: LoraSettings, *, trainable: bool) -> Any:
    """The settings as PEFT takes them."""
    from peft import LoraConfig

    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        bias="none",
        task_type="CAUSAL_LM",
        inference_mode=not trainable,
    )


def fresh_lora(model: Any, lora: LoraSettings) -> Any:
    """The base with a fresh adapter around it.

    Raises:
        ModelError: the base lacks a layer that is to get an adapter.
    """
    from peft import get_peft_model

    lora_shapes(model, lora)
    return get_peft_model(model, lora_config(lora, trainable=True))


def lora_shapes(model: Any, lora: LoraSettings) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that an adapter for this base has."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        layer = module.get_base_layer() if hasattr(module, "get_base_layer") else module
        if name.rsplit(".", 1)[-1] in lora.targets and hasattr(layer, "in_features"):
            shapes[f"base_model.model.{name}.lora_A.weight"] = (lora.r, layer.in_features)
            shapes[f"base_model.model.{name}.lora_B.weight"] = (layer.out_features, lora.r)
    absent = [target for target in lora.targets if not any(f".{target}.lora_A" in name for name in shapes)]
    if absent:
        raise Misfit(f"Expected linear layers named {', '.join(lora.targets)}; the base has no {absent[0]}.")
    return shapes


def make_ready_lora(model: Any, lora: LoraSettings, *, upcast: bool = False) -> Any:
    """A fresh adapter on a base, ready to learn.

    Args:
        model: a quantised base.
        lora: shape of the adapter.
        upcast: keep what is not quantised in fp32, and PEFT's casts, as the published run did.
    """
    trainable = fresh_lora(keep_in_fp32(model) if upcast else model, lora)
    ready_to_train(trainable, casts=upcast)
    return trainable


def keep_in_fp32(model: Any) -> Any:
    """The base with embeddings, norms and head in fp32."""
    from peft import prepare_model_for_kbit_training

    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def ready_to_train(model: Any, *, casts: bool = False) -> None:
    """Check that something can learn; without `casts` spare those that PEFT makes around every adapter layer."""
    n_trainable = 0
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()  # fp32 master weights: bf16 would lose the last, small updates
            n_trainable += parameter.numel()
    if not n_trainable:
        raise ModelError("Expected trainable adapter weights; found none. Check the adapter's target modules.")
    for layer in model.modules():
        if hasattr(layer, "cast_input_dtype_enabled"):
            layer.cast_input_dtype_enabled = casts
    model.config.use_cache = False


def save_lora(model: Any, directory: Path, base_name: str) -> None:
    """Write the adapter of a PEFT model as safetensors and JSON; the base is named, not its path on this machine."""
    model.save_pretrained(str(directory), save_embedding_layers=False)
    path = directory / ADAPTER_CONFIG
    values = json.loads(path.read_text(encoding="utf-8"))
    values["base_model_name_or_path"] = base_name
    values["target_modules"] = sorted(values["target_modules"])
    path.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
