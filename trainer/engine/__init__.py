"""Engines: notes in, suggestions out. `local` runs the model in this process, `served` asks a server that runs it.

What stands in `local` is offered here too, but not imported before it is asked for: it needs torch, which a machine
that only asks a server can do without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.engine.local import Engine

__all__ = ["Engine"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from trainer.engine import local

    return getattr(local, name)
