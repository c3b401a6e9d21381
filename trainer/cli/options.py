"""Training settings as command-line options: one for each field, with the field's own sentence as its help."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config import AUTO, DEFAULT_PRESET, LoraSettings, TrainConfig, make_config, preset_names, read_config


@dataclass(frozen=True)
class Setting:
    """One setting as an option.

    Attributes:
        path: where it stands in a preset, for example `("lora", "r")`.
        description: the sentence about it.
        default: its value where nothing is said, as one types it.
    """

    path: tuple[str, ...]
    description: str
    default: str

    @property
    def name(self) -> str:
        """Of the variable: `lora_r`."""
        return "_".join(self.path)

    @property
    def flag(self) -> str:
        """As it is typed: `--lora-r`."""
        return "--" + self.name.replace("_", "-")

    @property
    def help(self) -> str:
        """The sentence, and the default."""
        return f"{self.description} [{self.default}]"


def all_settings() -> Iterator[Setting]:
    """Every setting, in the order of the presets."""
    for key, field in TrainConfig.model_fields.items():
        if key != "lora":
            yield Setting((key,), field.description or "", as_typed(field.default))
    for key, field in LoraSettings.model_fields.items():
        yield Setting(("lora", key), field.description or "", as_typed(field.default))


def as_typed(value: object) -> str:
    """A value as it is typed on a command line."""
    if value is None:
        return AUTO
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting, and `--preset`."""
    parser.add_argument("--preset", choices=preset_names(), help=f"Settings to begin with. [{DEFAULT_PRESET}]")
    group = parser.add_argument_group("settings", "Each changes one setting of the preset.")
    for setting in all_settings():
        text = setting.help.replace("%", "%%")
        group.add_argument(setting.flag, metavar="VALUE", dest=f"setting_{setting.name}", help=text)


def given_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that were typed, as a preset holds them; the values are still text, which the settings' types read.

    Args:
        values: setting name to text, or None where it was not typed.
    """
    found: dict[str, Any] = {}
    for setting in all_settings():
        text = values.get(setting.name)
        if text is None:
            continue
        value: Any = tuple(text.split(",")) if setting.path == ("lora", "targets") else text
        place = found.setdefault("lora", {}) if setting.path[0] == "lora" else found
        place[setting.path[-1]] = value
    return found


def config_of(options: argparse.Namespace, stored: Path | None) -> TrainConfig | None:
    """The settings that a command line and a file of settings make together; None where neither says anything.

    Raises:
        ConfigError: a setting is not known or out of range; all of them are named.
    """
    typed = given_settings({name.removeprefix("setting_"): value for name, value in vars(options).items()})
    if stored is not None:
        kept = read_config(stored)
        if not typed and options.preset is None:
            return kept
        before = kept.model_dump(exclude_unset=True)
        typed = {**before, **typed, "lora": {**before.get("lora", {}), **typed.get("lora", {})}}
    if not typed and options.preset is None:
        return None
    return make_config(options.preset or DEFAULT_PRESET, **typed)
