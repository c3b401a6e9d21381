"""Loading: what is refused and with which sentence, and the two traps of 4-bit weights on a CPU."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.kit.tiny import shared_tiny, tiny_adapter, tiny_base
from trainer.adapter.base_identity import base_identity
from trainer.adapter.files import ModelError, read_lora
from trainer.adapter.manifest import ADAPTER_CONFIG, MANIFEST, WEIGHTS
from trainer.config import LoraSettings
from trainer.model.loading import choose_device, load_model
from trainer.model.nf4 import count_parameters, dense_copy, linear4bit

TOKENS = torch.arange(6, 46).reshape(2, 20)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A copy of the shared adapter that a test may damage."""
    return Path(shutil.copytree(shared_tiny().adapter, tmp_path / "adapter"))


def logits(model) -> torch.Tensor:
    with torch.inference_mode():
        return model(TOKENS).logits


def gradients(model) -> dict[str, torch.Tensor]:
    model.train()
    model.zero_grad()
    torch.manual_seed(5)  # the same dropout
    model(TOKENS, labels=TOKENS).loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_saved_base_gives_the_same_logits_again():
    once, again = (load_model(shared_tiny().base, None, device="cpu", dense=False) for _ in range(2))
    assert torch.equal(logits(once.model), logits(again.model))
    assert len(linear4bit(once.model)) == 14
    state = linear4bit(once.model)[0][1].weight.quant_state
    assert state.quant_type == "nf4"
    assert state.nested


def test_dense_copy_is_the_same_model():
    for adapter in (None, shared_tiny().adapter):
        plain = load_model(shared_tiny().base, adapter, device="cpu", dense=False)
        dense = load_model(shared_tiny().base, adapter, device="cpu")
        assert not linear4bit(dense.model)
        assert torch.allclose(logits(plain.model), logits(dense.model), atol=1e-5)


def test_adapter_changes_the_answers():
    bare = load_model(shared_tiny().base, None, device="cpu")
    adapted = load_model(shared_tiny().base, shared_tiny().adapter, device="cpu")
    assert not torch.allclose(logits(bare.model), logits(adapted.model), atol=1e-2)
    assert adapted.name == "tiny-adapter"
    assert adapted.base_name == "tiny"


def test_gradients_are_right_after_an_evaluation():
    """On a CPU with AVX512-BF16 an evaluation would repack the weights and spoil every gradient after it."""
    fresh = load_model(shared_tiny().base, shared_tiny().adapter, device="cpu", for_training=True).model
    expected = gradients(fresh)
    evaluated = load_model(shared_tiny().base, shared_tiny().adapter, device="cpu", for_training=True).model
    evaluated.eval()
    logits(evaluated)
    found = gradients(evaluated)
    assert expected.keys() == found.keys()
    assert sum(float(g.norm()) for g in expected.values()) > 0
    for name, gradient in expected.items():
        assert torch.allclose(gradient, found[name], atol=1e-6), name


def test_dense_copy_after_a_forward_pass_is_right_or_refused():
    """Repacked weights dequantise to garbage, without an error of the library."""
    expected = logits(load_model(shared_tiny().base, None, device="cpu").model)
    used = load_model(shared_tiny().base, None, device="cpu", dense=False).model
    logits(used)
    assert torch.allclose(logits(dense_copy(used)), expected, atol=1e-5)
    repacked = load_model(shared_tiny().base, None, device="cpu", dense=False).model
    from bitsandbytes.functional import has_avx512bf16

    for _, layer in linear4bit(repacked):
        layer.support_avx512bf16_for_cpu = has_avx512bf16()
    logits(repacked)
    if has_avx512bf16():
        with pytest.raises(ModelError, match="never run on this CPU"):
            dense_copy(repacked)


def test_training_weights_are_fp32_and_trainable():
    for adapter in (None, shared_tiny().adapter):
        model = load_model(shared_tiny().base, adapter, device="cpu", for_training=True).model
        trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
        assert len(trainable) == 2 * 4 * 2
        assert all("lora_" in name and p.dtype == torch.float32 for name, p in trainable.items())


def test_serving_model_cannot_learn():
    model = load_model(shared_tiny().base, shared_tiny().adapter, device="cpu", dense=False).model
    assert not any(p.requires_grad for p in model.parameters())


def test_parameters_are_counted_as_of_the_dense_model():
    from transformers import AutoModelForCausalLM

    dense = AutoModelForCausalLM.from_pretrained(shared_tiny().dense)
    model = load_model(shared_tiny().base, None, device="cpu", dense=False).model
    assert count_parameters(model) == sum(p.numel() for p in dense.parameters())


def test_identity_of_a_base(tmp_path: Path):
    name, revision, digest = base_identity(shared_tiny().base)
    copy = Path(shutil.copytree(shared_tiny().base, tmp_path / "elsewhere"))
    assert base_identity(copy) == (name, revision, digest) == ("tiny", digest, digest)
    cache = tmp_path / "models--org--Some-Model" / "snapshots" / ("a1" * 20)
    shutil.copytree(shared_tiny().base, cache)
    assert base_identity(cache) == ("org/Some-Model", "a1" * 20, digest)


@pytest.mark.parametrize("name", ["nowhere", "org/model"])
def test_missing_base_is_refused_without_a_network(name: str):
    with pytest.raises(ModelError, match="Expected a base model in the directory"):
        load_model(name, None, device="cpu")


def test_directory_that_is_no_base_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"Expected config\.json"):
        load_model(tmp_path, None, device="cpu")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="Expected a language model"):
        load_model(tmp_path, None, device="cpu")


def test_base_in_another_quantisation_is_refused(tmp_path: Path):
    base = Path(shutil.copytree(shared_tiny().base, tmp_path / "base"))
    values = json.loads((base / "config.json").read_text())
    values["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (base / "config.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match="found gptq"):
        load_model(base, None, device="cpu")


def test_missing_gpu_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="Expected a GPU"):
        choose_device("cuda")


def refused(adapter: Path, match: str, base: Path | None = None) -> None:
    with pytest.raises(ModelError, match=match) as error:
        load_model(base or shared_tiny().base, adapter, device="cpu")
    assert str(error.value).startswith("Expected")
    assert "\n" not in str(error.value)


def change_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_missing_adapter(tmp_path: Path):
    refused(tmp_path / "none", "there is none")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", ADAPTER_CONFIG)


def test_adapter_of_another_base(adapter: Path, tmp_path: Path):
    refused(adapter, "is for sha256:.* of tiny", base=tiny_base(tmp_path, seed=9))
    change_json(adapter / MANIFEST, base="other")
    load_model(shared_tiny().base, adapter, device="cpu")
    rewrite(adapter, lambda tensors: tensors.pop(min(tensors)))
    refused(adapter, "is for other, and its tensors do not fit")


def test_changed_weights(adapter: Path):
    data = bytearray((adapter / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (adapter / WEIGHTS).write_bytes(bytes(data))
    refused(adapter, "digest")


def test_unknown_prompt_version(adapter: Path):
    change_json(adapter / MANIFEST, prompt_version=7)
    refused(adapter, "newer caseloop")


def rewrite(adapter: Path, change) -> None:
    """Change the tensors of an adapter, with a manifest that fits them again."""
    from safetensors.torch import load_file, save_file

    from data.storage.files import sha256_of

    tensors = load_file(adapter / WEIGHTS)
    change(tensors)
    save_file(tensors, adapter / WEIGHTS)
    change_json(adapter / MANIFEST, weights_sha256=sha256_of(adapter / WEIGHTS))


def test_missing_tensor(adapter: Path):
    rewrite(adapter, lambda tensors: tensors.pop(min(tensors)))
    refused(adapter, "is missing")


def test_extra_tensor(adapter: Path):
    rewrite(adapter, lambda tensors: tensors.update({"base_model.model.lm_head.weight": torch.zeros(2, 2)}))
    refused(adapter, "not of this model")


def test_tensor_of_another_shape(adapter: Path):
    rewrite(adapter, lambda tensors: tensors.update({min(tensors): torch.zeros(3, 5)}))
    refused(adapter, "found 3x5")


def test_values_that_are_no_numbers(adapter: Path):
    rewrite(adapter, lambda tensors: tensors[min(tensors)].fill_(float("nan")))
    refused(adapter, "NaN")


def test_file_that_is_no_safetensors(adapter: Path):
    (adapter / WEIGHTS).write_bytes(b"not tensors")
    (adapter / MANIFEST).unlink()
    refused(adapter, "Expected safetensors")


def test_damaged_manifest(adapter: Path):
    (adapter / MANIFEST).write_text("{")
    refused(adapter, "manifest")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_dora", True),
        ("modules_to_save", ["lm_head"]),
        ("auto_mapping", {"parent_library": "os"}),
        ("trainable_token_indices", [1]),
        ("rank_pattern", {"q_proj": 4}),
        ("init_lora_weights", "pissa"),
        ("bias", "all"),
        ("peft_type", "IA3"),
        ("invented", "x"),
    ],
)
def test_anything_but_plain_lora_is_refused(adapter: Path, key: str, value: object):
    change_json(adapter / ADAPTER_CONFIG, **{key: value})
    refused(adapter, key)


def test_config_without_rank(adapter: Path):
    change_json(adapter / ADAPTER_CONFIG, r=None)
    refused(adapter, "rank")


def test_target_that_the_base_lacks(adapter: Path):
    change_json(adapter / ADAPTER_CONFIG, target_modules=["q_proj", "nothing"])
    change_json(adapter / MANIFEST, files={})
    refused(adapter, "has no nothing")


def test_published_adapter_without_manifest_is_prompt_version_1(adapter: Path):
    (adapter / MANIFEST).unlink()
    change_json(adapter / ADAPTER_CONFIG, base_model_name_or_path="somewhere/Tiny")
    loaded = load_model(shared_tiny().base, adapter, device="cpu")
    assert loaded.prompt_version == 1
    change_json(adapter / ADAPTER_CONFIG, base_model_name_or_path="somewhere/else")
    assert load_model(shared_tiny().base, adapter, device="cpu").manifest.base == "somewhere/else"


def test_settings_survive_a_round_trip(tmp_path: Path):
    lora, base = read_lora(shared_tiny().adapter)
    assert (set(lora.targets), lora.r, lora.alpha) == (set(LoraSettings().targets), 16, 32)
    assert base == "tiny"
    text = (shared_tiny().adapter / ADAPTER_CONFIG).read_text() + (shared_tiny().base / "config.json").read_text()
    assert str(shared_tiny().dense.parent) not in text
    again = tiny_adapter(shared_tiny().base, tmp_path / "again")
    assert (again / WEIGHTS).read_bytes() == (shared_tiny().adapter / WEIGHTS).read_bytes()


def test_unpacked_base_learns_as_the_quantised_one():
    def trainable(unpack) -> torch.nn.Module:
        return load_model(
            shared_tiny().base, shared_tiny().adapter, device="cpu", for_training=True, unpack=unpack
        ).model

    packed, dense, halved = map(trainable, (None, lambda _: torch.float32, lambda _: torch.bfloat16))
    assert linear4bit(packed)
    assert not linear4bit(dense)
    wanted = gradients(packed)
    found = gradients(dense)
    assert wanted.keys() == found.keys()
    assert all(torch.allclose(wanted[name], found[name], atol=1e-6, rtol=1e-3) for name in wanted)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = gradients(halved)
    one, other = (torch.cat([some[name].flatten().float() for name in wanted]) for some in (wanted, rounded))
    assert torch.nn.functional.cosine_similarity(one, other, dim=0) > 0.99
