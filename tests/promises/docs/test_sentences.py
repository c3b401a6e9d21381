"""What prints every sentence that a user can see finds them, wherever they are in the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promises.docs.sentences import ROOT, all_sentences, sentences_of


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", '"""A module."""\nraise E(f"Expected {x}; found {y!r}.")\n', ["Expected {x}; found {y}."]),
        ("a.py", 'def f():\n    """Do a thing."""\n    return "one two" if x else "one"\n', ["one two"]),
        ("a.py", 'A = 1\n"""What it is."""\nq = "SELECT a FROM b"\n', []),
        ("a.js", "// not said\nsay('not saved yet', `so ${n} notes`)\n", ["not saved yet", "so ${n} notes"]),
        ("a.toml", '[[rules]]\nbecause = "Stage IV follows."\nsaid = ["a word"]\n', ["Stage IV follows."]),
        ("a.html", "<style>a b {}</style>\n<h1>Sign in here</h1>\n", ["Sign in here"]),
    ],
)
def test_the_sentences_of_a_file_are_found(tmp_path: Path, name: str, text: str, found: list[str]) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert [said for _, said in sentences_of(path)] == found


def test_the_help_of_commands_counts_as_said() -> None:
    for file, begins in (("serve.py", "Serve the desk"), ("shared/export_options.py", "Write the reviewed records")):
        said = [text for _, text in sentences_of(ROOT / "app" / "cli" / file)]
        assert any(text.strip().startswith(begins) for text in said), file


def test_every_room_says_something() -> None:
    assert {path.parts[0] for path, _, _ in all_sentences()} == {"app", "db", "data", "trainer"}
