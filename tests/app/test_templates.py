"""Markup comes out of templates only: they escape what is put into them, and an installed desk has all of them."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from app.core import templates
from app.core.templates import Pieces

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"
TEMPLATES = sorted(APP.rglob("*.html"))
IN_GRADIOS_PAGE = {
    APP / "access" / "guard.py",  # finds scripts and links by their tags
}
TAG = re.compile(r"</?[a-z][a-z0-9]*(?=[\s/>])|<!doctype")


def by_hand(source: str) -> list[str]:
    """Where Python makes markup: strings with a tag in them, an escape of its own, and strings that are trusted."""
    tree, found = ast.parse(source), []
    sentences = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in sentences:
            found += TAG.findall(node.value)
        elif isinstance(node, ast.ImportFrom) and node.module == "html":
            found += [name.name for name in node.names]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Markup" and node.args:
            found.append(node.func.id)
    return found


def test_no_python_but_the_templates_module_makes_markup() -> None:
    assert by_hand('"""A <b>docstring</b>."""\nx = "a < b, <NAME>, <3"\ny: "Markup" = f"{x}"') == []
    assert by_hand('def show(x):\n    return f"<p>{x}</p>"') == ["<p", "</p"]
    assert by_hand("from html import escape\nMarkup(x)\nMarkup()") == ["escape", "Markup"]
    files = set(APP.rglob("*.py")) - IN_GRADIOS_PAGE - {Path(templates.__file__)}
    found = {str(file.relative_to(ROOT)): by_hand(file.read_text(encoding="utf-8")) for file in files}
    assert {name: tags for name, tags in found.items() if tags} == {}


def test_text_is_escaped_and_a_piece_is_not() -> None:
    pieces = Pieces("screens/markup.html")
    inner = pieces.empty("<script>", '"&')
    assert inner == '<div class="empty"><strong>&lt;script&gt;</strong><p>&#34;&amp;</p></div>\n'
    assert f"<td>{inner}</td><td>&lt;b&gt;</td>" in pieces.table((), [(inner, "<b>")])
    with pytest.raises(UndefinedError):
        pieces.table(())


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_can_be_read_and_trusts_nothing(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape", source)
    with pytest.raises(AttributeError):
        _ = Pieces(file.relative_to(APP).as_posix()).no_such_piece


def test_what_the_screens_read_is_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["app"]
    packed = {file for pattern in patterns for file in APP.glob(pattern)}
    assert {file for kind in ("html", "css", "js", "svg") for file in APP.rglob(f"*.{kind}")} <= packed
