"""A model with the sizes of a known one and random weights: true speed and memory without its files."""

from __future__ import annotations

from typing import Any

import torch

from trainer.config import LoraSettings
from trainer.model.loading import Loaded
from trainer.model.lora import lora_config
from trainer.model.nf4 import count_parameters

GEOMETRIES: dict[str, dict[str, Any]] = {
    "llama-3.1-8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    },
}


def random_model(geometry: str, tokenizer: Any, device: torch.device, *, dense: bool = False, seed: int = 0) -> Loaded:
    """A base in NF4 with a LoRA adapter around it, or a dense one with the adapter merged in, all weights random.

    Args:
        geometry: one of `GEOMETRIES`.
        tokenizer: whose numbers the notes are in; its vocabulary may be smaller than the model's.
        device: where the model is to be.
        dense: in 16 bits on a GPU, in 32 on a CPU.
        seed: of the weights.
    """
    from peft import get_peft_model

    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    if dense:
        merged = random_base(geometry, device, dtype, dense=True, seed=seed).eval().requires_grad_(False)
        return Loaded(merged, tokenizer, None, geometry, geometry, None, 1, device, count_parameters(merged))
    model = random_base(geometry, device, dtype, seed=seed)
    n_parameters = count_parameters(model)
    peft_model = get_peft_model(model, lora_config(LoraSettings(), trainable=False), autocast_adapter_dtype=False)
    for key, parameter in peft_model.named_parameters():
        if "lora_" in key:
            parameter.data = torch.randn(parameter.shape, device=device).mul_(0.01).to(dtype)
    peft_model.eval().requires_grad_(False)
    return Loaded(peft_model, tokenizer, None, geometry, geometry, None, 1, device, n_parameters)


def random_base(geometry: str, device: torch.device, dtype: torch.dtype, *, dense: bool = False, seed: int = 0) -> Any:
    """A base in NF4 without an adapter, all weights random.

    Args:
        geometry: one of `GEOMETRIES`.
        device: where the model is to be.
        dtype: of the arithmetic and of what is not quantised.
        dense: quantise nothing.
        seed: of the weights.
    """
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    torch.manual_seed(seed)
    config = LlamaConfig(**GEOMETRIES[geometry], attn_implementation="sdpa", tie_word_embeddings=False)
    config.dtype = dtype
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "lm_head" and not dense:
            parent, _, leaf = name.rpartition(".")
            setattr(
                model.get_submodule(parent), leaf, _quantised(module.out_features, module.in_features, device, dtype)
            )
    for name, parameter in list(model.named_parameters()):
        if parameter.is_meta:
            parent, _, leaf = name.rpartition(".")
            fresh = torch.ones(parameter.shape, device=device, dtype=dtype)
            if parameter.dim() > 1:
                fresh.normal_(std=0.02)
            setattr(model.get_submodule(parent), leaf, torch.nn.Parameter(fresh, requires_grad=False))
    with device:
        model.model.rotary_emb = LlamaRotaryEmbedding(config)
    return model


def _quantised(n_out: int, n_in: int, device: torch.device, dtype: torch.dtype) -> Any:
    import bitsandbytes

    layer = bitsandbytes.nn.Linear4bit(
        n_in, n_out, bias=False, compute_dtype=dtype, compress_statistics=True, quant_type="nf4", device="meta"
    )
    weight = torch.randn(n_out, n_in, device=device, dtype=dtype).mul_(0.02)
    layer.weight = bitsandbytes.nn.Params4bit(
        weight, requires_grad=False, quant_type="nf4", compress_statistics=True
    ).to(device)
    layer.compute_type_is_set = True
    if weight.device == layer.weight.device and layer.weight.quant_state is None:
        layer.weight._quantize(device)
    return layer
