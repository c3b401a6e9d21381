"""Markup comes out of templates only: they escape what is put into them, and an installed desk has all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from app.core.templates import Pieces

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
TEMPLATES = sorted(APP.rglob("*.html"))


def test_text_is_escaped_and_a_piece_is_not() -> None:
    pieces = Pieces("screens/markup.html")
    inner = pieces.empty("<script>", '"&')
    assert inner == '<div class="empty"><strong>&lt;script&gt;</strong>\n<p>&#34;&amp;</p></div>\n'
    assert f"<td>{inner}</td><td>&lt;b&gt;</td>" in pieces.table((), [(inner, "<b>")])
    with pytest.raises(UndefinedError):
        pieces.table(())


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_can_be_read_and_trusts_nothing(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|<script", source)
    with pytest.raises(AttributeError):
        _ = Pieces(file.relative_to(APP).as_posix()).no_such_piece


def test_what_the_screens_read_is_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["app"]
    packed = {file for pattern in patterns for file in APP.glob(pattern)}
    assert {file for kind in ("html", "css", "js", "svg") for file in APP.rglob(f"*.{kind}")} <= packed
