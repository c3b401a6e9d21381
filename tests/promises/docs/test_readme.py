"""The handbook tells the truth: every command, option, file, setting and package that it names is there, and the other
way round.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from app.cli.main import app
from app.core.rules import Rules
from data import limits
from tests.promises.docs.handbook import DOCS, PAGES, ROOT, commands
from tests.proofs.__main__ import PROOFS
from trainer.cli.options import all_settings

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CASELOOP: Any = typer.main.get_command(app)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
INTERNAL = {"CASELOOP_OFFLINE", "CASELOOP_PARENT", "CASELOOP_STORE_ID"}
"""What processes of one desk tell each other."""


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by its words."""
    for name, below in command.commands.items():
        if hasattr(below, "commands"):
            yield from leaves(below, (*words, name))
        else:
            yield (*words, name), below


COMMANDS = dict(leaves(CASELOOP))


def options_of(command: Any) -> set[str]:
    return {"--help", *(name for one in command.params for name in (*one.opts, *one.secondary_opts))}


def of_caseloop() -> Iterator[tuple[str, list[str]]]:
    for page, line in commands():
        words = line.split()
        if words[:1] == ["caseloop"]:
            yield f"{page.path.name}: {line}", words[1:]


def test_every_command_of_the_handbook_exists_with_its_options() -> None:
    n_found = 0
    for line, words in of_caseloop():
        known = next((words[:n] for n in (2, 1) if tuple(words[:n]) in COMMANDS), None)
        assert known or not words or words[0] in CASELOOP.commands, line
        options = set(OPTION.findall(" ".join(words)))
        assert options <= (options_of(COMMANDS[tuple(known)]) if known else set()), line
        n_found += 1
    assert n_found > 60


def test_every_command_is_in_the_handbook() -> None:
    named = {word for _, words in of_caseloop() for word in words[:1]}
    assert set(CASELOOP.commands) <= named
    table = DOCS["operating.md"].section("Commands") + DOCS["measured.md"].section("Repeat a measurement")
    for words in COMMANDS:
        rows = [row for row in table.splitlines() if row.startswith(f"| `caseloop {words[0]}")]
        assert any(f"`{words[-1]}`" in row or f"{' '.join(words)}" in row for row in rows), words


@pytest.mark.parametrize("command", sorted(CASELOOP.commands))
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"]).output
    assert "Example" in text or "Commands:" in text


def source_of(*folders: str) -> str:
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def is_option_of(option: str, package: str) -> bool:
    source = source_of(package)
    parameter = option.removeprefix("--").replace("-", "_")
    return f'"{option}"' in source or re.search(rf"^    {parameter}: ", source, flags=re.MULTILINE) is not None


def test_every_module_that_is_to_be_run_exists_with_its_options() -> None:
    settings = {one.flag for one in all_settings()} | {"--preset"}
    n_found = 0
    for page, line in commands():
        if found := re.search(r"-m ((?:app|trainer|tests|data)[\w.]*)(.*)", line):
            place = ROOT / found[1].replace(".", "/")
            assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), line
            for option in OPTION.findall(found[2]):
                assert option in settings or is_option_of(option, found[1].split(".")[0]), f"{page.path.name}: {line}"
            n_found += 1
    assert n_found > 8


def test_every_option_that_is_named_alone_exists() -> None:
    known = {option for command in COMMANDS.values() for option in options_of(command)}
    for page, line in commands():
        if line.startswith("--") and line.split()[0] != "--quantization":  # of vLLM
            option = line.split()[0]
            assert option in known or is_option_of(option, "trainer"), f"{page.path.name}: {option}"


def test_make_targets_of_the_handbook_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for _, line in commands() if re.match(r"make [a-z]", line)}
    assert {"app", "test", "docs", "proof"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_file_that_the_handbook_names_is_there() -> None:
    ours = re.compile(r"(?:app|db|data|trainer|tests|docs)/[\w./-]*[\w/]")
    named = {(page.path.name, code) for page in PAGES for code in page.code if ours.fullmatch(code)}
    assert len(named) > 40
    missing = [(page, path) for page, path in sorted(named) if not (ROOT / path.replace("NAME", "review")).exists()]
    assert missing == [("own-task.md", path) for _, path in missing if path.startswith("radiology")]


def test_every_dependency_has_its_reason_and_an_exact_version() -> None:
    pinned = set(re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE))
    pinned = {name.lower().replace("_", "-") for name in pinned}
    table = DOCS["developers.md"].section("Dependencies")
    reasons = set(re.findall(r"^\| ([a-z0-9-]+) \| \w", table, flags=re.MULTILINE))
    needed = {name_of(requirement) for requirement in PROJECT["dependencies"]}
    assert reasons - {"package", "extra"} == needed
    assert needed <= pinned
    for extra, requirements in PROJECT["optional-dependencies"].items():
        rows = "".join(re.findall(rf"^\| `{extra}` \| (.*)", table, flags=re.MULTILINE))
        for name in map(name_of, requirements):
            assert re.search(rf"\b{name}\b", rows), f"{name} has no reason"
            assert name.lower() in pinned, f"{name} has no exact version"


def name_of(requirement: str) -> str:
    return re.split(r"[ ;=<>~!\[]", requirement, maxsplit=1)[0]


def test_every_limit_of_an_import_is_in_the_handbook() -> None:
    table = DOCS["leading.md"].section("Limits of an import")
    for name, limit in vars(limits).items():
        if name.startswith("MAX_") and not name.startswith(("MAX_BATCH", "MAX_REFUSALS")):
            said = f"{limit >> 20:,} MiB" if limit % (1 << 20) == 0 and f"{limit:,}" not in table else f"{limit:,}"
            assert said in table, f"{name} is {limit:,}"


def test_every_variable_of_the_environment_is_in_the_handbook() -> None:
    table = set(re.findall(r"^\| `(CASELOOP_[A-Z_]+)`", DOCS["operating.md"].text, flags=re.MULTILINE))
    read = set(re.findall(r'"(CASELOOP_[A-Z_]+)"', source_of("app", "db", "data", "trainer")))
    assert read - INTERNAL <= table
    everywhere = set(re.findall(r'"(CASELOOP_[A-Z_]+)"', source_of("app", "db", "data", "trainer", "tests")))
    assert {name for page in PAGES for name in re.findall(r"CASELOOP_[A-Z_]+", page.text)} <= everywhere


def test_every_setting_of_a_lead_is_in_the_handbook() -> None:
    labels = {
        "confirm": "A person has confirmed or changed",
        "look_share": "The least sure, % of the fields",
        "look_below": "below %",
        "metadata_shown": "Metadata shown beside a note",
        "blind_share": "Shown without the suggested values, % of notes",
        "seeded_share": "Shown with one wrong value, % of notes",
    }
    assert set(labels) == set(Rules.model_fields)
    others = ("Given to several reviewers, % of notes", "Reviewers for each of these")
    files = [path for ending in ("py", "html") for path in sorted((ROOT / "app/screens").rglob(f"settings*.{ending}"))]
    screen = "".join(path.read_text(encoding="utf-8") for path in files)
    for label in (*labels.values(), *others):
        assert label in DOCS["leading.md"].section("Settings"), label
        assert label in screen, label


def test_every_proof_is_in_the_handbook() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", DOCS["contributing.md"].section("Proofs"), flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} == set(PROOFS)
