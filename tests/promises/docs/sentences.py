"""`python -m tests.promises.docs.sentences [FOLDER ...]`: every text that a user can see, to be read in one go.

Found in the source: strings of two words or more that are no docstring, the docstrings of commands (their help), the
words of scripts, pages and templates, and what tables say to a person.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("app", "db", "data", "trainer")
SPOKEN = {"title", "description", "because", "instruction", "system"}
"""Keys of a TOML table whose text a person reads."""
READ = (".py", ".js", ".toml", ".html", ".md")
UNSEEN = ("data/synthetic", "app/bench", "trainer/bench", "db/migrations", "data/embedded")
"""Where texts are notes, measurements or SQL."""
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_QUOTED = re.compile(r"'((?:[^'\\\n]|\\.)*)'|\"((?:[^\"\\\n]|\\.)*)\"|`((?:[^`\\]|\\.)*)`")
_CODE = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|WITH)\b|^[\w-]+(: |=)[\w#]|\\[bsdw]|^[.#\[]")


def sentences_of(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of one file that a user can see, each with its line."""
    if path.suffix not in READ:
        return
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _of_python(ast.parse(text), is_command_line=path.is_relative_to(ROOT / "app" / "cli"))
    elif path.suffix == ".js":
        for line, code in enumerate(re.sub(r"^\s*(//|\*|/\*).*$", "", text, flags=re.MULTILINE).splitlines(), start=1):
            yield from ((line, said) for found in _QUOTED.findall(code) if _is_said(said := "".join(found)))
    elif path.suffix == ".toml":
        yield from ((0, said) for said in _of_table(tomllib.loads(text)))
    else:
        bare = re.sub(r"<(style|script)\b.*?</\1>|\{[%#].*?[%#]\}", "", text, flags=re.DOTALL)
        for line, said in enumerate(bare.splitlines(), start=1):
            if _is_said(plain := re.sub(r"<[^>]*>", "", said).strip()):
                yield line, plain


def _of_python(tree: ast.AST, *, is_command_line: bool) -> Iterator[tuple[int, str]]:
    docstrings: set[ast.AST] = set()
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
            first = node.body[0]
            if isinstance(first, ast.Expr) and not (is_command_line and "Example:" in text):
                docstrings.add(first.value)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and not is_command_line:
            docstrings.add(node.value)  # of an attribute
        if isinstance(node, ast.JoinedStr):
            inside |= {part for part in ast.walk(node) if isinstance(part, ast.Constant)}
        if isinstance(node, ast.Subscript):  # a key, or an annotation in quotes
            inside.add(node.slice)
    for node in ast.walk(tree):
        if node in docstrings or node in inside:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_said(node.value):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr) and _is_said(said := _joined(node)):
            yield node.lineno, said


def _joined(node: ast.JoinedStr) -> str:
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            parts.append("{" + ast.unparse(part.value) + "}")
    return "".join(parts)


def _of_table(table: object) -> Iterator[str]:
    if isinstance(table, dict):
        for key, value in table.items():
            if key in SPOKEN and isinstance(value, str):
                yield value
            else:
                yield from _of_table(value)
    elif isinstance(table, list):
        for one in table:
            yield from _of_table(one)


def _is_said(text: str) -> bool:
    plain = re.sub(r"<[^>]*>|\{[^}]*\}", " ", text)
    return len(re.findall(r"[A-Za-z]{2,}", plain)) >= 2 and " " in text.strip() and not _CODE.search(text)


def all_sentences(folders: tuple[str, ...] = FOLDERS) -> Iterator[tuple[Path, int, str]]:
    """Every text, with its file (relative to the repository) and line."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.is_file() and not inside.as_posix().startswith(UNSEEN):
                yield from ((inside, line, said) for line, said in sorted(sentences_of(path)))


def main() -> None:
    """Print them."""
    last = None
    for path, line, said in all_sentences(tuple(sys.argv[1:]) or FOLDERS):
        if path != last:
            print(f"\n{path}")
        last = path
        print(f"{line:5} {' '.join(said.split())}")


if __name__ == "__main__":
    main()
