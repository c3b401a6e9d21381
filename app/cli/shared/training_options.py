"""Training settings as options of `caseloop train`: read from the trainer only when that command is parsed."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperOption

_META = "caseloop.settings"


class TrainCommand(TyperCommand):
    """`train` with an option for every setting that it does not name itself, with the setting's own sentence."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of the function, then the trainer's settings."""
        from trainer.cli.options import all_settings

        own: list[Any] = super().get_params(ctx)
        named = {parameter.name: parameter for parameter in own}
        text = named["base"].type_descriptor  # an optional text, as the settings are until the trainer reads them
        more = [
            TyperOption(
                param_decls=[setting.flag],
                type_descriptor=text,
                help=setting.help,
                metavar="VALUE",
                expose_value=False,
                callback=_remember,
            )
            for setting in all_settings()
            if setting.name not in named
        ]
        return [*own[:-1], *more, *own[-1:]]  # --help stays last


def _remember(ctx: Any, parameter: Any, value: str | None) -> str | None:
    if value is not None:
        ctx.meta.setdefault(_META, {})[parameter.name] = value
    return value


def typed_settings(ctx: Any) -> dict[str, Any]:
    """The settings that were typed, as a preset holds them; their values are still text."""
    from trainer.cli.options import given_settings

    return given_settings(ctx.meta.get(_META, {}))


def checked_settings(preset: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings, after a look at all of them: a run is not asked for that the trainer would refuse.

    Raises:
        ConfigError: there is no such preset, or a setting is out of range.
    """
    from trainer.config import make_config

    make_config(preset, **settings)
    return settings
