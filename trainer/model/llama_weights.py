"""The weights of a Llama, taken out of transformers' modules in the shapes that the engine's own forward pass reads.

Projections that read the same input are stacked (q, k and v; gate and up), so that one product does for three. An
adapter is kept apart from the base: it is added to a dense copy, or computed beside 4-bit weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from trainer.adapter.files import ModelError

GROUPS = (
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    ("self_attn.o_proj",),
    ("mlp.gate_proj", "mlp.up_proj"),
    ("mlp.down_proj",),
)


@dataclass(frozen=True)
class Lora:
    """One adapted projection: `y += scale * x @ a.T @ b.T`, with `a` of shape (r, in) and `b` of (out, r)."""

    a: torch.Tensor
    b: torch.Tensor
    scale: float


AdapterWeights = Mapping[tuple[int, str], Lora]
"""Layer number and projection, as named in `GROUPS`, to what the adapter adds there."""


@dataclass(frozen=True)
class Geometry:
    """Sizes of a Llama; `n_linear` counts the weights of all projections."""

    n_layers: int
    width: int
    n_heads: int
    n_kv_heads: int
    head_width: int
    n_logits: int
    eps: float
    max_positions: int
    n_linear: int

    @property
    def group(self) -> int:
        """Query heads that share one key head."""
        return self.n_heads // self.n_kv_heads


@dataclass(frozen=True)
class Packed:
    """Stacked 4-bit weights: bytes, one scale for every block of `block` weights, and the shape (out, in)."""

    data: torch.Tensor
    scales: torch.Tensor
    shape: tuple[int, int]
    block: int
    kind: str


class LlamaWeights:
    """Reads the weights of a loaded Llama; nothing is copied before it is asked for.

    Args:
        model: a `LlamaForCausalLM`, dense or in NF4. An adapter of PEFT around it is found in `adapter`.

    Raises:
        ModelError: the model is not a Llama without biases; `suits` says so beforehand.
    """

    def __init__(self, model: Any) -> None:
        reason = why_unsuited(model)
        if reason:
            raise ModelError(f"Expected a Llama for the engine's own forward pass; {reason}.")
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.backbone, head = inner.get_decoder(), inner.get_output_embeddings()
        self.layers = list(self.backbone.layers)
        self.head: torch.Tensor = head.weight.detach()
        self.embedding: torch.Tensor = self.backbone.embed_tokens.weight.detach()
        self.norm: torch.Tensor = self.backbone.norm.weight.detach()
        self.adapter: AdapterWeights = _adapter_of(self.layers)
        config = inner.config
        self.geometry = Geometry(
            n_layers=len(self.layers),
            width=config.hidden_size,
            n_heads=config.num_attention_heads,
            n_kv_heads=config.num_key_value_heads,
            head_width=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
            n_logits=self.head.shape[0],
            eps=config.rms_norm_eps,
            max_positions=config.max_position_embeddings,
            n_linear=sum(self._shape(0, name)[0] * self._shape(0, name)[1] for group in GROUPS for name in group)
            * len(self.layers),
        )

    @property
    def inner_width(self) -> int:
        """Numbers in the MLP's inner state."""
        return self._shape(0, GROUPS[3][0])[1]

    def norms(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights of the layer's two norms, before attention and before the MLP."""
        module = self.layers[layer]
        return module.input_layernorm.weight.detach(), module.post_attention_layernorm.weight.detach()

    def rotation(self, n_positions: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and sine of every position, (n_positions, head width), fp32; the sine has the rotation's signs.

        With these, rotating is `x * cosine + swapped halves of x * sine`.
        """
        rotary = self.backbone.rotary_emb
        angles = torch.outer(torch.arange(n_positions).float(), rotary.inv_freq.float().cpu())
        angles = torch.cat([angles, angles], -1)
        signs = torch.ones(angles.shape[1])
        signs[: angles.shape[1] // 2] = -1
        scale = rotary.attention_scaling
        return angles.cos() * scale, angles.sin() * scale * signs

    def pair_heads(self, stacked: torch.Tensor) -> torch.Tensor:
        """Stacked weights of queries, keys and values, (outputs, in), with what is rotated together side by side.

        In the rows of a query or key head the two halves alternate, so that each pair is a complex number and rotating
        it is one product. Scores stay as they are, for both are laid out so; the values' rows keep their order.
        """
        shape = self.geometry
        n_rotated = (shape.n_heads + shape.n_kv_heads) * shape.head_width
        halves = stacked[:n_rotated].view(-1, 2, shape.head_width // 2, stacked.shape[1])
        return torch.cat([halves.transpose(1, 2).reshape(n_rotated, -1), stacked[n_rotated:]])

    def unpack(self, layer: int, names: tuple[str, ...], adapter: AdapterWeights, dtype: torch.dtype) -> torch.Tensor:
        """The stacked projections with the adapter merged in, (sum of outputs, in); merged in fp32."""
        return torch.cat([self._merge_adapter(layer, name, adapter).to(dtype) for name in names])

    def read_packed(self, layer: int, names: tuple[str, ...]) -> Packed:
        """The stacked projections as they are stored, in 4 bits.

        Raises:
            ModelError: the base is not quantised.
        """
        from bitsandbytes.functional import dequantize_blockwise

        data, scales, state = [], [], None
        for name in names:
            weight = _base_layer(self.layers[layer].get_submodule(name)).weight
            state = getattr(weight, "quant_state", None)
            if state is None:
                raise ModelError("Expected a base in 4 bits; found a dense one. Serve it in bf16.")
            absmax = state.absmax
            if state.nested:
                absmax = dequantize_blockwise(absmax, state.state2) + state.offset
            data.append(weight.data.reshape(-1))
            scales.append(absmax.float().reshape(-1))
        assert state is not None
        shapes = [self._shape(layer, name) for name in names]
        shape = (sum(out for out, _ in shapes), shapes[0][1])
        return Packed(torch.cat(data).view(-1, 1), torch.cat(scales), shape, state.blocksize, state.quant_type)

    def drop(self, layer: int, names: tuple[str, ...]) -> None:
        """Let go of 4-bit weights on a GPU, of which the caller has a copy: both would not fit."""
        for name in names:
            weight = _base_layer(self.layers[layer].get_submodule(name)).weight
            if weight.is_cuda and getattr(weight, "quant_state", None) is not None:
                weight.data, weight.quant_state = weight.data.new_empty(0), None

    def stack_lora(
        self, layer: int, names: tuple[str, ...], adapter: AdapterWeights
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The adapter of stacked projections as two products: (sum of r, in) and (sum of outputs, sum of r), fp32."""
        found = [(self._shape(layer, name)[0], adapter.get((layer, name))) for name in names]
        loras = [lora for _, lora in found if lora is not None]
        if not loras:
            return None
        first = torch.cat([lora.a.float() for lora in loras])
        second = first.new_zeros(sum(n_out for n_out, _ in found), first.shape[0])
        row = column = 0
        for n_out, lora in found:
            if lora is not None:
                rank = lora.a.shape[0]
                second[row : row + n_out, column : column + rank] = lora.b.float() * lora.scale
                column += rank
            row += n_out
        return first, second

    def _shape(self, layer: int, name: str) -> tuple[int, int]:
        base = _base_layer(self.layers[layer].get_submodule(name))
        return base.out_features, base.in_features

    def _merge_adapter(self, layer: int, name: str, adapter: AdapterWeights) -> torch.Tensor:
        from trainer.model.nf4 import dense_weight

        weight = dense_weight(_base_layer(self.layers[layer].get_submodule(name)))
        lora = adapter.get((layer, name))
        if lora is not None:
            a, b = lora.a.to(weight.device).float(), lora.b.to(weight.device).float()
            weight = weight + lora.scale * (b @ a)
        return weight


def why_unsuited(model: Any) -> str | None:
    """Why the engine's own forward pass cannot serve a model; None where it can."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = inner.config
    if getattr(config, "model_type", None) != "llama":
        return f"found {getattr(config, 'model_type', 'another kind')}"
    if config.hidden_act != "silu" or getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False):
        return "found biases or another activation"
    return None


def lora_of(tensors: Mapping[str, torch.Tensor], scale: float) -> dict[tuple[int, str], Lora]:
    """An adapter from the tensors of its file, as PEFT names them."""
    adapter = {}
    for key, a in tensors.items():
        if key.endswith(".lora_A.weight"):
            name = key.removesuffix(".lora_A.weight")
            layer, _, projection = name.partition(".layers.")[2].partition(".")
            adapter[int(layer), projection] = Lora(a, tensors[f"{name}.lora_B.weight"], scale)
    return adapter


def _base_layer(layer: Any) -> Any:
    return layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer


def _adapter_of(layers: list[Any]) -> AdapterWeights:
    adapter = {}
    for number, layer in enumerate(layers):
        for name in (name for group in GROUPS for name in group):
            module = layer.get_submodule(name)
            for key in getattr(module, "active_adapters", ()):
                if key in module.lora_A:
                    a, b = module.lora_A[key].weight.detach(), module.lora_B[key].weight.detach()
                    adapter[number, name] = Lora(a, b, module.scaling[key])
    return adapter
