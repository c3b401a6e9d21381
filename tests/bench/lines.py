"""How many lines the product has, at any commit: `python -m tests.bench lines [--ref REF]`.

Counted is what somebody reads and mends: Python, JavaScript, CSS, HTML, templates and TOML of the four packages, blank
lines and comments included. Not counted are tests and benches, wherever they stood at that commit, and the tables of
`data`, which may move from one form to the other: its TOML, and constants of its modules that are one long literal.
"""

from __future__ import annotations

import ast
import io
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "data", "db", "trainer")
KINDS = {
    ".py": "Python",
    ".js": "JavaScript",
    ".mjs": "JavaScript",
    ".css": "CSS",
    ".html": "HTML and templates",
    ".svg": "HTML and templates",
    ".j2": "HTML and templates",
    ".jinja": "HTML and templates",
    ".toml": "TOML",
}
LONG = 8
"""Lines from which on a constant of nothing but literals is a table."""
_OF_TABLES = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.Starred, ast.BinOp, ast.UnaryOp, ast.operator),
    *(ast.unaryop, ast.Name, ast.Call, ast.keyword, ast.DictComp, ast.comprehension, ast.Attribute, ast.expr_context),
)


def count_lines(ref: str | None = None) -> dict[str, dict[str, int]]:
    """Lines of the product by package and kind.

    Args:
        ref: a commit; None for the files as they are now, those that git ignores left out.

    Returns:
        Package to kind to number of lines; "tables" is what was left out of each package.
    """
    counted: dict[str, Counter[str]] = {package: Counter() for package in PACKAGES}
    for path, text in _files(ref):
        package, kind = path.parts[0], KINDS.get(path.suffix)
        if package not in PACKAGES or kind is None or "bench" in path.parts[:-1] or path.stem == "bench":
            continue
        n_lines = len(text.splitlines())
        n_tables = 0
        if package == "data":
            n_tables = n_lines if path.suffix == ".toml" else table_lines(text) if path.suffix == ".py" else 0
        counted[package][kind] += n_lines - n_tables
        counted[package]["tables"] += n_tables
    return {package: dict(figures) for package, figures in counted.items()}


def table_lines(text: str) -> int:
    """Lines of Python that are long constants of nothing but literals, at the top of a module."""
    found = 0
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_literal(node.value):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            found += length if length >= LONG else 0
    return found


def _is_literal(node: ast.expr) -> bool:
    """Whether it holds values alone; records of them too, as `Site("liver", ...)`, and what is built of those."""
    return all(isinstance(one, _OF_TABLES) for one in ast.walk(node)) and any(
        isinstance(one, ast.Tuple | ast.List | ast.Dict | ast.Set) for one in ast.walk(node)
    )


def product_files() -> list[PurePosixPath]:
    """The files of the four packages as they are now, those that git ignores left out."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES]
    names = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [PurePosixPath(name) for name in sorted(set(names)) if (ROOT / name).is_file()]


def _files(ref: str | None) -> Iterator[tuple[PurePosixPath, str]]:
    if ref is None:
        for name in product_files():
            if name.suffix in KINDS:
                yield name, (ROOT / name).read_text(encoding="utf-8")
        return
    archive = subprocess.run(["git", "archive", ref, *PACKAGES], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            if member.isfile() and PurePosixPath(member.name).suffix in KINDS:
                content = files.extractfile(member)
                assert content is not None
                yield PurePosixPath(member.name), content.read().decode()
