"""Where things are, and an environment in which no library phones home.

`quiet_environment` must run before the first import of torch, transformers, peft, bitsandbytes or Gradio: these read
their switches once, while they are imported, and some open a connection right there. Every entry point (the command
line, `python -m app.web`) therefore calls it in its first lines, and heavy imports stand inside functions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"
SAMPLES = DATA / "samples"
EMBEDDED = DATA / "embedded"
EMBEDDED_NAME = "embedded"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7860

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
_OURS = "CASELOOP_OFFLINE"
_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    # Belt and braces: were analytics ever on, they would be sent once in thirty years, one event at a time.
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    # Gradio otherwise keeps the inputs and outputs of the last runs in the browser's storage.
    "GRADIO_RUN_HISTORY": "False",
    "WANDB_DISABLED": "true",
    "TOKENIZERS_PARALLELISM": "false",
    "BITSANDBYTES_NOWELCOME": "1",
}


class SettingsError(ValueError):
    """A setting that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """Directories of one desk, and the model that it starts with.

    Attributes:
        home: everything that is written lives under it (`$CASELOOP_HOME`, default `./var`).
        base: the base model to start with: a directory, or a hub id (`$CASELOOP_BASE`, default: the embedded one).
        adapter: the adapter to start with, the same way (`$CASELOOP_ADAPTER`).
    """

    home: Path
    base: str
    adapter: str

    @property
    def store(self) -> Path:
        """The database file."""
        return self.home / "caseloop.db"

    @property
    def runs(self) -> Path:
        """Training runs, one directory each."""
        return self.home / "runs"

    @property
    def adapters(self) -> Path:
        """Published adapters, one directory each."""
        return self.home / "adapters"

    @property
    def logs(self) -> Path:
        """Log files, one per kind of process."""
        return self.home / "logs"

    @property
    def is_embedded(self) -> bool:
        """Whether the desk starts with the model that comes with the program."""
        return self.base == str(EMBEDDED / "base") and self.adapter == str(EMBEDDED / "adapter")


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment; nothing is created.

    Raises:
        SettingsError: a base was chosen without an adapter, or the other way round.
    """
    base, adapter = environ.get("CASELOOP_BASE", ""), environ.get("CASELOOP_ADAPTER", "")
    if bool(base) != bool(adapter):
        missing = "CASELOOP_ADAPTER" if base else "CASELOOP_BASE"
        raise SettingsError(
            f"Expected CASELOOP_BASE and CASELOOP_ADAPTER together; found only one: set {missing} too, or neither."
        )
    return Settings(
        home=Path(environ.get("CASELOOP_HOME") or "var").expanduser().absolute(),
        base=_place(base) if base else str(EMBEDDED / "base"),
        adapter=_place(adapter) if adapter else str(EMBEDDED / "adapter"),
    )


def is_hub_id(model: str) -> bool:
    """Whether `model` names a repository on the hub: `owner/name`, and no such directory is here."""
    return bool(_HUB_ID.fullmatch(model)) and not Path(model).exists()


def quiet_environment(*models: str) -> None:
    """Switch telemetry and every hub call off for this process and its children.

    Args:
        models: see `environment_for`.
    """
    quiet = environment_for(*models)
    for name in set(os.environ) - set(quiet):
        del os.environ[name]
    os.environ.update(quiet)


def environment_for(*models: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of a process that may ask the hub for these models, and for nothing else.

    Args:
        models: bases and adapters that the user chose; the hub may be asked only if one of them is a hub id. Without
            any, those of the environment are looked at.
        environ: what to start from.
    """
    chosen = models or (environ.get("CASELOOP_BASE", ""), environ.get("CASELOOP_ADAPTER", ""))
    # Waiting threads must not spin: on busy cores two of them take ten times as long as one.
    variables = {"OMP_WAIT_POLICY": "PASSIVE", **environ, **_QUIET}
    # Would let a pickle run code when a checkpoint is read; nothing here needs it.
    variables.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    if any(is_hub_id(model) for model in chosen):
        if variables.pop(_OURS, None):  # switched off by us; what a person switched off stays off
            for name in _OFFLINE:
                variables.pop(name, None)
    elif not all(variables.get(name) == value for name, value in _OFFLINE.items()):
        variables.update(_OFFLINE, **{_OURS: "1"})
    home = Path(environ.get("CASELOOP_HOME") or "var").expanduser().absolute()
    variables["GRADIO_TEMP_DIR"] = str(home / "tmp" / "gradio")
    return variables


def prepare_home(settings: Settings) -> None:
    """Make the home and its directories, readable by their owner only.

    Raises:
        SettingsError: the home cannot be made or written.
    """
    os.umask(0o077)
    home = settings.home
    try:
        for directory in (home, settings.runs, settings.adapters, settings.logs, home / "tmp" / "gradio"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise _unwritable(home, error.strerror or "an error") from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise _unwritable(home, "no permission")


def _unwritable(home: Path, found: str) -> SettingsError:
    advice = "Make it writable or set CASELOOP_HOME to another directory."
    return SettingsError(f"Expected to be able to write to {home}; found: {found}. {advice}")


def _place(model: str) -> str:
    return model if is_hub_id(model) else str(Path(model).expanduser().absolute())
