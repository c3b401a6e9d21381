"""The model that comes with caseloop; every other test uses the smaller one of `tests/tiny_model`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from data.evaluation.calibration import CALIBRATION, read_calibration
from data.storage.weight_files import embedding_file
from data.task import load_task
from tests import SHIPPED, STAND_IN
from tests.kit.homes import Home
from trainer.adapter.base_identity import base_identity, compare_bases
from trainer.adapter.files import check_files, check_tensors, checked_manifest, read_lora
from trainer.adapter.manifest import read_manifest

TASK = load_task()
BASE, ADAPTER, CARD = SHIPPED / "base", SHIPPED / "adapter", SHIPPED / "MODEL_CARD.md"
MAX_SHARD_BYTES, MAX_BYTES = 50 * 10**6, 90 * 10**6
FROM_A_PRETRAINED_BASE = False
"""Whether the weights began as another model's, whose licence and name the card must then give."""
NOTE = (
    "A 64-year-old man was found to have lung adenocarcinoma, stage IV, with metastases to the liver. "
    "Sequencing showed EGFR L858R. He was treated with osimertinib and had a partial response.\n"
)


def config() -> dict[str, Any]:
    return json.loads((BASE / "config.json").read_text(encoding="utf-8"))


def sizes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in directory.iterdir() if path.is_file()}


def test_weights_are_safetensors_small_enough_for_a_repository() -> None:
    shards = {name: size for name, size in sizes(BASE).items() if name.endswith(".safetensors")}
    assert shards
    assert max(shards.values()) < MAX_SHARD_BYTES
    assert sum(sizes(BASE).values()) + sum(sizes(ADAPTER).values()) < MAX_BYTES
    table = embedding_file(config())
    assert table is None or table in shards
    shards.pop(table or "", None)  # in 8 bits, beside what transformers reads
    held = {name for shard in shards for name in names_in(BASE / shard)}
    index = BASE / "model.safetensors.index.json"
    assert index.is_file() == (len(shards) > 1)
    if index.is_file():
        listed = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        assert set(listed.values()) == set(shards)
        assert set(listed) == held
    readable = {".safetensors", ".json", ".jsonl", ".md", ".txt", ".model"}
    assert {path.suffix for path in SHIPPED.rglob("*") if path.is_file()} <= readable, "no pickle and nothing unknown"


def names_in(path: Path) -> list[str]:
    with safe_open(path, framework="numpy") as file:
        return list(file.keys())


def test_the_base_is_a_llama_in_nf4_with_double_quantisation() -> None:
    found = config()
    assert found["architectures"] == ["LlamaForCausalLM"]
    assert found["max_position_embeddings"] >= 8192
    quantised = found["quantization_config"]
    assert (quantised["bnb_4bit_quant_type"], quantised["bnb_4bit_use_double_quant"]) == ("nf4", True)


def test_the_adapter_fits_the_base() -> None:
    base = base_identity(BASE)
    check_files(ADAPTER)
    manifest = checked_manifest(ADAPTER, base)  # refuses other weights than those that it was published with
    recorded = read_manifest(ADAPTER)
    assert recorded is not None
    assert recorded.name == "embedded"
    assert manifest.base == base.name == read_lora(ADAPTER)[1]
    assert manifest.base_revision == base.digest
    assert compare_bases(base._replace(revision=manifest.base_revision), base) == "same"
    found = config()
    width, head = found["hidden_size"], found.get("head_dim") or found["hidden_size"] // found["num_attention_heads"]
    outs = {"q_proj": found["num_attention_heads"] * head, "o_proj": width}
    outs |= dict.fromkeys(("k_proj", "v_proj"), found["num_key_value_heads"] * head)
    outs |= dict.fromkeys(("gate_proj", "up_proj"), found["intermediate_size"]) | {"down_proj": width}
    ins = dict.fromkeys(outs, width) | {"o_proj": outs["q_proj"], "down_proj": found["intermediate_size"]}
    lora = read_lora(ADAPTER)[0]
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(found["num_hidden_layers"]):
        for target in lora.targets:
            room = "mlp" if target in ("gate_proj", "up_proj", "down_proj") else "self_attn"
            place = f"base_model.model.model.layers.{layer}.{room}.{target}"
            shapes[f"{place}.lora_A.weight"] = (lora.r, ins[target])
            shapes[f"{place}.lora_B.weight"] = (outs[target], lora.r)
    check_tensors(ADAPTER, shapes)


def test_the_adapter_says_how_sure_it_may_be_of_every_field() -> None:
    assert (ADAPTER / CALIBRATION).is_file()
    found = read_calibration(ADAPTER)
    assert found is not None
    assert set(found.fields) == set(TASK.keys)


def test_the_card_says_what_the_model_is_and_what_it_is_not_for() -> None:
    card = CARD.read_text(encoding="utf-8")
    plain = " ".join(card.split())
    assert "not for clinical use" in plain
    assert "a person checks every value" in plain
    assert "seed" in plain
    found = config()
    assert f"{found['num_hidden_layers']} layers" in plain
    if not FROM_A_PRETRAINED_BASE:
        assert "no weights of another model" in plain
        return
    assert "no weights of another model" not in plain
    assert "SmolLM2-135M" in plain
    assert re.search(r"Apache(-| License,? (Version )?| )2\.0", plain)
    assert "Hugging Face" in plain or "HuggingFace" in plain, "attribution: who made the base"
    assert re.search(r"\b[0-9a-f]{64}\b", plain), "the digest of the file that the weights were read from"


@pytest.mark.timeout(300)
def test_it_fills_in_the_seven_fields_of_a_note(tmp_path: Path) -> None:
    """One real start of the command line, which loads the model: about ten seconds of CPU."""
    home = Home(tmp_path / "home", {STAND_IN: ""})  # empty: nothing stands in
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    answer = home.json("extract", str(tmp_path / "note.txt"))
    assert answer["adapter"] == "embedded"
    values = answer["extraction"]
    assert list(values) == list(TASK.keys)
    assert len(values) == 7
    assert all(value is None or isinstance(value, str) for value in values.values())
    assert {value for value in values.values() if value}, "something is known of so plain a note"
    assert list(answer["confidence"]) == list(TASK.keys)
