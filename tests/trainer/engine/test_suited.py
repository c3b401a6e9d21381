"""Bases that the engine could not serve are refused before anything is loaded or learned, and where they are served."""

from __future__ import annotations

from pathlib import Path

import pytest
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from data.snapshot import write_snapshot
from data.task import load_task
from tests.kit.tiny import shared_tiny, tiny_rows, tiny_tokenizer
from trainer.config import ConfigError, TrainConfig
from trainer.engine import Engine
from trainer.engine.api import EngineError
from trainer.engine.suited import unsuited_attention, unsuited_base
from trainer.model.loading import load_for_serving
from trainer.run.directory import RunDir
from trainer.run.train import train

TASK = load_task()
SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 4096}
WINDOW = "found a sliding window of 64 of its 4,096 tokens"


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("Llama", {}, None),
        ("Mistral", {"sliding_window": None}, None),
        ("Mistral", {"sliding_window": 4096}, None),
        ("Mistral", {"sliding_window": 64}, WINDOW),
        ("Gemma2", {"sliding_window": 64}, WINDOW),
        ("Phi3", {"sliding_window": 64, "pad_token_id": 0}, WINDOW),
        ("Qwen2", {"sliding_window": 64, "use_sliding_window": False}, None),
        ("Qwen2", {"sliding_window": 64, "use_sliding_window": True, "max_window_layers": 0}, WINDOW),
        ("Qwen3", {"layer_types": ["full_attention", "linear_attention"]}, "of the kind linear_attention"),
    ],
)
def test_a_base_that_does_not_see_the_whole_note_is_known_by_its_configuration(
    kind: str, more: dict[str, object], said: str | None
) -> None:
    config = getattr(transformers, f"{kind}Config")(**SIZES, **more)
    found = unsuited_attention(config)
    assert found is None if said is None else said in str(found)


def unsuited(out: Path) -> Path:
    """A base with a window and a tokenizer of words; it has no weights, so nothing can be loaded."""
    transformers.MistralConfig(**SIZES, vocab_size=64, sliding_window=64).save_pretrained(out)
    words = Tokenizer(WordLevel({"[UNK]": 0, "▁lung": 1}, unk_token="[UNK]"))
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(out)
    return out


def test_training_refuses_it_before_anything_is_loaded_with_every_reason(tmp_path: Path) -> None:
    snapshot = write_snapshot(TASK, tiny_rows(4), tmp_path / "snapshot.jsonl").path
    given = {"base": unsuited(tmp_path / "base"), "parent_adapter": None, "snapshot": snapshot, "holdout": None}
    config = TrainConfig(precision="bf16")
    with pytest.raises(ConfigError, match=rf"(?s){WINDOW}.*byte-level BPE tokenizer.*bf16 needs a GPU"):
        train(tmp_path / "run", config=config, device="cpu", **given)
    assert not RunDir(tmp_path / "run").checkpoints.exists()
    assert "byte-level BPE" in RunDir(tmp_path / "run").error.read_text()


def test_a_base_whose_files_cannot_be_read_is_left_to_loading(tmp_path: Path) -> None:
    assert unsuited_base(tmp_path / "nowhere", TASK, allow_hub=False) == []
    assert unsuited_base(shared_tiny().base, TASK, allow_hub=False) == []
    tiny_tokenizer().save_pretrained(tmp_path)
    assert unsuited_base(tmp_path, TASK, allow_hub=False) == []


def test_serving_refuses_it_when_it_is_loaded() -> None:
    loaded = load_for_serving(shared_tiny().base, None, device="cpu")
    loaded.model.config.sliding_window = 64
    with pytest.raises(EngineError, match="sliding window of 64 of its 2,048 tokens"):
        Engine(loaded, TASK)
