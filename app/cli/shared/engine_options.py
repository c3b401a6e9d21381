"""Which engine a command uses: the options that they share."""

from __future__ import annotations

import os
from typing import Annotated

import typer

Engine = Annotated[
    str | None, typer.Option(help="local: the model runs here; openai: a server has it. Or $CASELOOP_ENGINE.")
]
BaseUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The server's OpenAI-compatible address. Or $CASELOOP_BASE_URL."),
]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The server's name for the model; default: the active adapter's name."),
]
AdapterName = Annotated[
    str | None, typer.Option(metavar="NAME", help="The name its suggestions carry; default: the model's.")
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="nf4: the base in 4 bits; bf16: unpacked, faster in bulk, 16 GB for 8B; fp32; int8. Or $CASELOOP_WEIGHTS.",
    ),
]


def choose_engine(
    engine: str | None,
    base_url: str | None,
    model: str | None,
    adapter_name: str | None,
    weights: str | None = None,
) -> None:
    """Put what was given on the command line into the environment, for this process and its children.

    Raises:
        SettingsError: it does not fit together; said before anything is started.
    """
    from app.core.settings import load_settings

    given = {
        "CASELOOP_ENGINE": engine,
        "CASELOOP_BASE_URL": base_url,
        "CASELOOP_MODEL": model,
        "CASELOOP_ADAPTER_NAME": adapter_name,
        "CASELOOP_WEIGHTS": weights,
    }
    os.environ.update({name: value for name, value in given.items() if value is not None})
    load_settings()
