"""Presets and settings: every one has its sentence, the published ones are the model card's, wrong ones are listed."""

from __future__ import annotations

import argparse

import pytest

from trainer.cli.options import add_options, all_settings, config_of
from trainer.config import PRESETS, ConfigError, LoraSettings, TrainConfig, make_config, preset_names, read_preset
from trainer.run.job import check_settings, check_steps

CARD = {
    "lora": {"r": 16, "alpha": 32, "dropout": 0.1, "targets": ["q_proj", "k_proj", "v_proj", "o_proj"]},
    "epochs": 5,
    "batch_size": 4,
    "accumulation": 4,
    "eval_batch_size": 4,
    "learning_rate": 2e-4,
    "warmup": 100,
    "eval_steps": 100,
    "save_steps": 200,
    "log_steps": 10,
    "keep_checkpoints": 3,
    "keep_best": True,
    "optimizer": "paged_adamw_8bit",
    "precision": "fp16",
    "gradient_checkpointing": True,
    "loss": "all",
    "max_tokens": 2048,
}
"""What the published adapter's model card says of its run."""
UNSUITED = "Expected a base of another kind."


def test_published_preset_is_the_model_card():
    preset = read_preset("published")
    assert {key: preset[key] for key in CARD} == CARD


@pytest.mark.parametrize("name", preset_names())
def test_preset_states_every_setting_with_its_sentence(name):
    text = (PRESETS / f"{name}.toml").read_text()
    preset = read_preset(name)
    for setting in all_settings():
        place = preset["lora"] if setting.path[0] == "lora" else preset
        assert setting.path[-1] in place
        assert f"# {setting.description}\n{setting.path[-1]} = " in text
        assert setting.description.endswith(".")
    assert set(preset) == set(TrainConfig.model_fields)


def test_fast_preset_is_what_is_used_without_one():
    assert make_config("fast") == TrainConfig() == make_config()


def test_rows_are_as_long_as_the_published_ones_unless_told_otherwise():
    assert make_config().max_tokens == make_config(max_tokens="auto").resolve(10).max_tokens == 2048


def test_presets_have_a_sentence_for_everything_in_the_help():
    parser = argparse.ArgumentParser()
    add_options(parser)
    said = " ".join(parser.format_help().split())
    for setting in all_settings():
        assert setting.flag in said
        assert setting.description in said


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(words)


def test_typed_settings_change_the_preset():
    config = config_of(
        options("--preset", "published", "--epochs", "2", "--lora-r", "8", "--compile", "auto", "--upcast", "false"),
        None,
    )
    assert config is not None
    assert (config.epochs, config.lora.r, config.lora.alpha, config.compile) == (2, 8, 32, None)
    assert (config.upcast, config.precision) == (False, "fp16")
    assert config_of(options(), None) is None
    targets = config_of(options("--lora-targets", "q_proj,v_proj"), None)
    assert targets is not None
    assert targets.lora == LoraSettings(targets=("q_proj", "v_proj"))


def test_stored_settings_are_kept_and_changed(tmp_path):
    stored = tmp_path / "config.json"
    stored.write_text('{"epochs": 4, "lora": {"dropout": 0}}')
    config = config_of(options("--lora-r", "4", "--preset", "fast"), stored)
    assert config is not None
    assert (config.epochs, config.lora.r, config.lora.dropout) == (4, 4, 0)


def test_settings_out_of_range_are_all_named():
    with pytest.raises(ConfigError, match=r"warmup: .*; optimizer: .*; lora\.r: "):
        make_config(warmup=-1, optimizer="sgd", lora={"r": 0})
    with pytest.raises(ConfigError, match="presets fast, published; found"):
        make_config("slow")


def test_settings_that_do_not_go_together_are_listed_at_once():
    with pytest.raises(ConfigError) as refused:
        check_settings(make_config("published"), on_gpu=False, has_bf16=False)
    assert "found 2 that do not" in str(refused.value)
    assert str(refused.value).count("\n- ") == 2
    wrong = make_config("fast", precision="bf16", keep_best=True, batch_size=5, accumulation=2, memory_gib=9)
    with pytest.raises(ConfigError) as refused:
        check_settings(wrong, on_gpu=False, has_bf16=False, n_ranks=3)
    for word in ("bf16 needs a GPU", "memory_gib", "set eval_steps and save_steps", "cannot be shared by 3"):
        assert word in str(refused.value)
    both = make_config("fast", compile=True, gradient_checkpointing=True, precision="bf16")
    with pytest.raises(ConfigError, match=r"(?s)newer GPU.*undo each other"):
        check_settings(both, on_gpu=True, has_bf16=False)
    uneven = make_config("published", save_steps=150, precision="auto", optimizer="adamw")
    with pytest.raises(ConfigError, match="save_steps 150 to a multiple"):
        check_settings(uneven, on_gpu=False, has_bf16=False)
    with pytest.raises(ConfigError, match=r"(?s)found 3 that do not:\n- Expected a base of another kind\.\n- "):
        check_settings(make_config("published"), on_gpu=False, has_bf16=False, unsuited=[UNSUITED])
    with pytest.raises(ConfigError, match=rf"^{UNSUITED}$"):
        check_settings(make_config(), on_gpu=False, has_bf16=False, unsuited=[UNSUITED])
    check_settings(make_config("published"), on_gpu=True, has_bf16=True)
    check_settings(make_config(), on_gpu=False, has_bf16=False)


def test_warm_up_longer_than_the_run_is_refused():
    with pytest.raises(ConfigError, match=r"shorter than the run's 25 steps; found 100"):
        check_steps(make_config("published"), 25)
    check_steps(make_config("published"), 1250)
    check_steps(make_config(), 3)
    assert (make_config().n_warmup(200), make_config("published").n_warmup(1250)) == (10, 100)
