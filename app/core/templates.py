"""Markup: Jinja2 templates that lie beside the code that fills them. No Python but this makes markup.

A template holds macros, each a piece of a page. What goes into a piece is text and is escaped, unless it is a piece
itself; a name that is nowhere given is an error, never an empty place.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from data.text.figures import percent, plural, points

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,  # each is read and compiled once
)
_ENVIRONMENT.filters.update(
    percent=percent,
    plural=plural,
    points=points,
    number="{:,}".format,
    iso=datetime.isoformat,
    minute="{:%Y-%m-%d %H:%M}".format,
)


class Pieces:
    """The macros of a template, by their names.

    Args:
        template: its path below `app`.
    """

    def __init__(self, template: str) -> None:
        self._template = template

    def __getattr__(self, name: str) -> Callable[..., Markup]:
        """The macro of that name; it is compiled when a piece is first asked for."""
        macro: Callable[..., Markup] = getattr(_ENVIRONMENT.get_template(self._template).module, name)
        return macro
