"""NF4 layers of bitsandbytes: how they are kept trainable, counted, and turned into dense ones."""

from __future__ import annotations

from typing import Any

import torch

from trainer.adapter.files import ModelError
from trainer.model.bitsandbytes import import_bitsandbytes

bitsandbytes = import_bitsandbytes()


def linear4bit(model: Any) -> list[tuple[str, Any]]:
    """Every 4-bit layer of a model with its name."""
    return [(name, layer) for name, layer in model.named_modules() if isinstance(layer, bitsandbytes.nn.Linear4bit)]


def prepare_quantised(model: Any, dtype: torch.dtype) -> None:
    """Set the arithmetic of every 4-bit layer, and keep its weights in the layout that training needs.

    On a CPU with AVX512-BF16, bitsandbytes repacks the weights at the first forward pass in evaluation mode;
    gradients taken later from the same layer are wrong, without an error, and so is a dequantised copy.
    """
    for _, layer in linear4bit(model):
        layer.support_avx512bf16_for_cpu = False
        layer.compute_dtype = dtype
        layer.compute_type_is_set = True
    # A checkpoint that is stored quantised loads embeddings and norms in the dtype of the file, whatever was asked for.
    for parameter in model.parameters():
        if parameter.is_floating_point() and not hasattr(parameter, "quant_state"):
            parameter.data = parameter.data.to(dtype)


def unpack_scales(model: Any) -> None:
    """Keep the scales of 4-bit weights in fp32 instead of unpacking them whenever a weight is read.

    With double quantisation they are 8-bit numbers themselves. The unpacked ones are the same numbers, so every
    product stays the same; they take 3/64 byte more for each weight, 330 MB for 8B.
    """
    for _, layer in linear4bit(model):
        state = layer.weight.quant_state
        if state is not None and state.nested:
            scales = bitsandbytes.functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
            state.absmax, state.nested, state.state2, state.offset = scales.float(), False, None, None


def count_parameters(model: Any) -> int:
    """Parameters of the base, 4-bit ones counted one by one, tied ones once."""
    packed = {id(layer.weight): layer.in_features * layer.out_features for _, layer in linear4bit(model)}
    return sum(packed.get(id(parameter), parameter.numel()) for parameter in model.parameters())


def dense_copy(model: Any) -> Any:
    """Turn a quantised model, with or without an adapter, into a dense fp32 one with the adapter merged in.

    Raises:
        ModelError: the weights were repacked by an earlier forward pass and can no longer be read.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    for name, layer in list(inner.named_modules()):
        base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
        if not hasattr(getattr(base, "weight", None), "quant_state") or ".base_layer" in name:
            continue
        parent, _, leaf = name.rpartition(".")
        setattr(inner.get_submodule(parent), leaf, _dense_layer(layer, base))
    for parameter in inner.parameters():
        parameter.data = parameter.data.float()
    return inner


def unpack_base(model: Any, dtype: torch.dtype) -> Any:
    """A quantised base as a dense one that gives the same arithmetic: its projections in `dtype`, the rest in fp32.

    Unpacking 4-bit weights again for every step takes a third of a training step on a CPU.
    """
    names = [name for name, _ in linear4bit(model)]
    model = dense_copy(model)
    for name in names:
        layer = model.get_submodule(name)
        layer.weight = torch.nn.Parameter(layer.weight.data.to(dtype), requires_grad=False)
    return model


def dense_weight(layer: Any) -> torch.Tensor:
    """The weight of a linear layer without its adapter, (out, in), fp32.

    Raises:
        ModelError: a forward pass repacked it, so that it can no longer be read.
    """
    state = getattr(layer.weight, "quant_state", None)
    if state is None:
        weight: torch.Tensor = layer.weight.detach().float()
        return weight
    if getattr(state, "packing_format_for_cpu", False):
        raise ModelError("Expected weights that were never run on this CPU; found repacked ones. Load the model again.")
    dense: torch.Tensor = bitsandbytes.functional.dequantize_4bit(layer.weight.data, state).float()
    return dense


def _dense_layer(layer: Any, base: Any) -> torch.nn.Linear:
    weight = dense_weight(base)
    if layer is not base:
        for key in layer.active_adapters:
            product = layer.lora_B[key].weight.float() @ layer.lora_A[key].weight.float()
            weight = weight + layer.scaling[key] * product
    linear = torch.nn.Linear(base.in_features, base.out_features, bias=base.bias is not None, device="meta")
    linear.weight = torch.nn.Parameter(weight, requires_grad=False)
    if base.bias is not None:
        linear.bias = torch.nn.Parameter(base.bias.data.float(), requires_grad=False)
    return linear
