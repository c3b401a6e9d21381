"""Where things are, and an environment in which no library phones home.

`quiet_environment` must run before the first import of torch, transformers, peft, bitsandbytes or Gradio: these read
their switches once, while they are imported, and some open a connection right there. Every entry point (the command
line, `python -m app.web.application`) therefore calls it in its first lines, and heavy imports stand inside functions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from app.core.proxies import OWN, Network, read_networks
from data.storage.locations import EMBEDDED

EMBEDDED_NAME = "embedded"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7860
LOCAL_ENGINE = "local"
SERVED_ENGINE = "openai"
ENGINES = (LOCAL_ENGINE, SERVED_ENGINE)
DEFAULT_SLOTS = 16
DEFAULT_TIMEOUT_S = 120.0
DEFAULT_HANG_S = 60.0

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
class Served:
    """A server that runs the model, in place of this machine. The key is not here: it is read where it is used.

    Attributes:
        base_url: where its OpenAI-compatible interface begins (`$CASELOOP_BASE_URL`).
        model: what it calls the model (`$CASELOOP_MODEL`); empty for the name of the adapter.
        adapter: the name that suggestions bear (`$CASELOOP_ADAPTER_NAME`); empty for the model's or, without one, for
            whichever adapter is active.
        n_slots: notes that it is asked at the same time (`$CASELOOP_CONCURRENCY`).
        timeout_s: what an answer may take (`$CASELOOP_TIMEOUT`).
    """

    base_url: str
    model: str = ""
    adapter: str = ""
    n_slots: int = DEFAULT_SLOTS
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True)
class Settings:
    """Directories of one desk, and the model that it starts with.

    Attributes:
        home: everything that is written lives under it (`$CASELOOP_HOME`, default `./var`).
        base: the base model to start with: a directory, or a hub id (`$CASELOOP_BASE`, default: the embedded one).
        adapter: the adapter to start with, the same way (`$CASELOOP_ADAPTER`).
        served: the server that runs the model (`$CASELOOP_ENGINE=openai`); None where this machine does.
        weights: how the base is held where this machine runs it (`$CASELOOP_WEIGHTS`); None for what suits it.
        database: the PostgreSQL database that the store lives in (`$CASELOOP_DB_URL`), which may hold a password; empty
            where it lives in a file.
        public_url: where browsers reach the desk through a proxy (`$CASELOOP_PUBLIC_URL`); empty for directly.
        hang_s: seconds after which a process that does nothing is started anew (`$CASELOOP_HANG_S`).
        proxies: of the proxies that are believed about who asks (`$CASELOOP_PROXY`); None where none is named.
    """

    home: Path
    base: str
    adapter: str
    served: Served | None = None
    weights: Literal["nf4", "bf16", "fp32", "int8"] | None = None
    public_url: str = ""
    proxies: tuple[Network, ...] | None = None
    hang_s: float = DEFAULT_HANG_S
    database: str = field(default="", repr=False)

    @property
    def public_host(self) -> str:
        """The name by which browsers reach the desk, without its port; empty where none was given."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the desk by HTTPS."""
        return self.public_url.startswith("https://")

    @property
    def believed(self) -> tuple[Network, ...]:
        """Who is believed about where a request comes from: the named proxies, or with a public URL those here."""
        if self.proxies is not None:
            return self.proxies
        return read_networks(OWN) if self.public_url else ()

    @property
    def store(self) -> Path:
        """The database file; there is none where the store lives in PostgreSQL."""
        return self.home / "caseloop.db"

    @property
    def place(self) -> Path | str:
        """What the store is opened by: its file, or the URL of its database."""
        return self.database or self.store

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
        SettingsError: a base was chosen without an adapter, or the other way round; an engine that is not known; or
            what stands in for the model that comes with caseloop is not there.
    """
    base, adapter = environ.get("CASELOOP_BASE", ""), environ.get("CASELOOP_ADAPTER", "")
    if bool(base) != bool(adapter):
        missing = "CASELOOP_ADAPTER" if base else "CASELOOP_BASE"
        raise SettingsError(
            f"Expected CASELOOP_BASE and CASELOOP_ADAPTER together; found only one: set {missing} too, or neither."
        )
    if environ.get("CASELOOP_EMBEDDED"):
        _check_embedded()
    return Settings(
        home=_home(environ),
        base=_place(base) if base else str(EMBEDDED / "base"),
        adapter=_place(adapter) if adapter else str(EMBEDDED / "adapter"),
        served=_read_served(environ),
        weights=_weights(environ.get("CASELOOP_WEIGHTS", "")),
        public_url=_public(environ.get("CASELOOP_PUBLIC_URL", "")),
        hang_s=_positive(environ, "CASELOOP_HANG_S", DEFAULT_HANG_S),
        proxies=_proxies(environ.get("CASELOOP_PROXY", "")),
        database=_database(environ.get("CASELOOP_DB_URL", "")),
    )


def _database(url: str) -> str:
    scheme, colon, _ = url.partition("://")
    if url and (not colon or scheme not in ("postgresql", "postgres")):
        # It is not repeated: it may hold a password.
        raise SettingsError(
            "Expected a URL such as postgresql://user@host/database in CASELOOP_DB_URL; found another. "
            "Correct it, or unset it to keep the store in a file."
        )
    return url


def _public(url: str) -> str:
    """The scheme and host by which browsers reach the desk."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_known = parts.scheme in ("http", "https") and parts.hostname is not None and parts.port != 0
    except ValueError:
        is_known = False
    if not is_known or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError(
            "Expected a public URL such as https://desk.example.org, without a path; found another. Set "
            "CASELOOP_PUBLIC_URL or --public-url to the address shown in the browser."
        )
    return url.rstrip("/")


def _proxies(named: str) -> tuple[Network, ...] | None:
    if not named:
        return None
    try:
        return read_networks(named)
    except ValueError:
        raise SettingsError(
            f"Expected the address of the proxy, such as 10.0.0.2, or several separated by commas; found {named!r}. "
            "Set CASELOOP_PROXY or --proxy to the address it connects from."
        ) from None


def _weights(chosen: str) -> Literal["nf4", "bf16", "fp32", "int8"] | None:
    for known in ("nf4", "bf16", "fp32", "int8"):
        if chosen == known:
            return known
    if chosen:
        raise SettingsError(f"Expected nf4, bf16, fp32 or int8 as the weights; found {chosen!r}. Choose one of these.")
    return None


def _check_embedded() -> None:
    """Refuse a stand-in for the model and samples that come with caseloop which lacks one of them."""
    missing = [name for name in ("base", "adapter", "samples") if not (EMBEDDED / name).is_dir()]
    if missing:
        raise SettingsError(
            f"Expected the folders base, adapter and samples in {EMBEDDED}, which CASELOOP_EMBEDDED names; found no "
            f"{' and no '.join(missing)}. Name another directory, or unset CASELOOP_EMBEDDED for the model that comes "
            "with caseloop."
        )


def _read_served(environ: Mapping[str, str]) -> Served | None:
    engine, base_url = environ.get("CASELOOP_ENGINE") or LOCAL_ENGINE, environ.get("CASELOOP_BASE_URL", "")
    if engine not in ENGINES:
        raise SettingsError(f"Expected {' or '.join(ENGINES)} as the engine; found {engine!r}. Choose one of these.")
    if (engine == SERVED_ENGINE) != bool(base_url):
        given, missing = ("the engine openai", "--base-url") if not base_url else ("a base URL", "--engine openai")
        raise SettingsError(f"Expected an engine and a base URL together; found only {given}: add {missing}.")
    if not base_url:
        return None
    return Served(
        base_url=_checked_url(base_url),
        model=environ.get("CASELOOP_MODEL", ""),
        adapter=environ.get("CASELOOP_ADAPTER_NAME", ""),
        n_slots=int(_positive(environ, "CASELOOP_CONCURRENCY", DEFAULT_SLOTS)),
        timeout_s=_positive(environ, "CASELOOP_TIMEOUT", DEFAULT_TIMEOUT_S),
    )


def _checked_url(base_url: str) -> str:
    """The address of the interface; that of a bare server gets the usual `/v1`."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        # It is not repeated: it may hold a password.
        raise SettingsError(
            "Expected a base URL such as http://127.0.0.1:8000/v1, without user name and query; found another. "
            "A key belongs in CASELOOP_API_KEY."
        )
    return base_url.rstrip("/") + ("" if parts.path.strip("/") else "/v1")


def _positive(environ: Mapping[str, str], name: str, default: float) -> float:
    given = environ.get(name) or str(default)
    try:
        number = float(given)
    except ValueError:
        number = 0.0
    if not 1 <= number <= 100_000:
        raise SettingsError(f"Expected a number from 1 to 100000 in {name}; found {given!r}. Set it, or leave it out.")
    return number


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
    # Would make the client of a served model write what it sends, which is notes, into the log.
    variables.pop("OPENAI_LOG", None)
    if any(is_hub_id(model) for model in chosen):
        if variables.pop(_OURS, None):  # switched off by us; what a person switched off stays off
            for name in _OFFLINE:
                variables.pop(name, None)
    elif not all(variables.get(name) == value for name, value in _OFFLINE.items()):
        variables.update(_OFFLINE, **{_OURS: "1"})
    home = _home(environ)
    variables["GRADIO_TEMP_DIR"] = str(home / "tmp" / "gradio")
    return variables


def _home(environ: Mapping[str, str]) -> Path:
    """The folder that is named, also below somebody's own: `~/desk`, `~ada/desk`."""
    named = Path(environ.get("CASELOOP_HOME") or "var")
    with suppress(RuntimeError):  # nobody is called so: then it is a name like any other
        named = named.expanduser()
    return named.absolute()


def is_home_named(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the user said where the home is; it is `./var` otherwise, which depends on where a command is started."""
    return bool(environ.get("CASELOOP_HOME"))


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
        home.chmod(home.stat().st_mode & 0o700)  # closed to others; one that its owner may only read stays so
    except OSError as error:
        raise _unwritable_error(home, error.strerror or "an error") from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise _unwritable_error(home, "permission denied")


def _unwritable_error(home: Path, found: str) -> SettingsError:
    advice = "Make it writable or set CASELOOP_HOME to another directory."
    return SettingsError(f"Cannot write to {home}: {found}. {advice}")


def _place(model: str) -> str:
    return model if is_hub_id(model) else str(Path(model).expanduser().absolute())
