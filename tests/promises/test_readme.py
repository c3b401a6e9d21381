"""The README tells the truth: every command, dependency and file that it names is there, and the other way round."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from data import limits

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    return re.split(r"[ ;=<>~!\[]", requirement, maxsplit=1)[0]


def help_of(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", *words, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def command_names(text: str) -> set[str]:
    listed = text[text.index("Commands:") :]
    return set(re.findall(r"^  ([a-z]+)", listed, flags=re.MULTILINE))


def test_every_command_is_in_the_readme_and_every_one_in_it_exists() -> None:
    commands = command_names(help_of())
    named = set(re.findall(r"caseloop ([a-z]+)", README)) - {"and", "is", "contacts", "keeps", "begins"}
    assert commands <= named
    assert named <= commands | {"cd"}


@pytest.mark.parametrize("command", sorted(command_names(help_of())))
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    text = help_of(command)
    assert "Example" in text or "Commands:" in text


def test_every_dependency_has_its_reason_and_an_exact_version() -> None:
    pinned = set(re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE))
    pinned = {name.lower().replace("_", "-") for name in pinned}
    table = set(re.findall(r"^\| ([a-z0-9-]+) \|", README, flags=re.MULTILINE))
    for requirement in PROJECT["project"]["dependencies"]:
        name = name_of(requirement)
        assert name in table, f"{name} has no reason in the README"
        assert name.lower() in pinned, f"{name} has no exact version"
    for requirement in PROJECT["project"]["optional-dependencies"]["test"]:
        assert name_of(requirement) in README
        assert name_of(requirement).lower() in pinned


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^(?:.*`)?make ([a-z]+)", README, flags=re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_limit_of_an_import_is_in_the_readme() -> None:
    table = README[README.index("**Limits of an import**") : README.index("**Records out.**")]
    for name, limit in vars(limits).items():
        if name.startswith("MAX_") and not name.startswith(("MAX_BATCH", "MAX_REFUSALS")):
            said = f"{limit >> 20:,} MiB" if limit % (1 << 20) == 0 and f"{limit:,}" not in table else f"{limit:,}"
            assert said in table, f"{name} is {limit:,}"
