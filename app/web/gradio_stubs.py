"""Keeps Gradio from writing a stub file beside each of its components whenever it is imported.

It reads and parses its own source for that, two of the five seconds that a desk took to start, and what it writes
changes an installation that a service may share or not even own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_WRITER, _NAME = "gradio.component_meta", "create_or_modify_pyi"


class _WithoutStubs:
    """Finds that one module as ever, and takes the writing out of it once it has run."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, _target: object = None) -> ModuleSpec | None:
        if name != _WRITER:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        loader: Any = spec.loader if spec is not None else None
        if loader is not None:
            run = loader.exec_module

            def run_and_take_out(module: ModuleType) -> None:
                run(module)
                if hasattr(module, _NAME):
                    setattr(module, _NAME, lambda *_: None)

            loader.exec_module = run_and_take_out
        return spec


def skip_stubs() -> None:
    """From here on importing Gradio writes nothing; once it was imported this changes nothing."""
    if _WRITER not in sys.modules and not any(isinstance(finder, _WithoutStubs) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WithoutStubs())
