"""No note is given out twice and no decision is overwritten unseen: the short runs of two proofs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit.desk.stores import DATABASES
from tests.kit.forks import ONE_THREAD

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=DATABASES)
def where(request: pytest.FixtureRequest) -> list[str]:
    """The option that says which database the store is in."""
    if request.param == "sqlite":
        return []
    request.getfixturevalue("postgres")  # skips where there is none
    return ["--postgres"]


def run(proof: str, *arguments: str) -> tuple[dict[str, Any], int]:
    """A proof in a process of its own, because one forks and must have neither threads nor connections when it does."""
    line = [sys.executable, "-m", proof, *arguments]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | ONE_THREAD)
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout), ended.returncode


def test_no_note_is_given_out_twice(where: list[str]) -> None:
    outcome, code = run("tests.proofs.claims", "--claims", "640", "--notes", "2000", *where)
    assert (outcome["n_claims"], outcome["n_doubles"], outcome["n_silent"], code) == (640, 0, 0, 0)
    assert outcome["n_decided"] > 20
    assert outcome["n_conflicts"] == 0  # whoever was given a note and decided it at once was alone with it


@pytest.mark.long
def test_looking_first_and_claiming_then_gives_some_out_twice(where: list[str]) -> None:
    outcome, code = run("tests.proofs.claims", "--claims", "640", "--notes", "2000", "--broken", *where)
    assert outcome["n_doubles"] > 0
    assert code == 1


def test_every_stale_save_is_told_and_overwrites_nothing(where: list[str]) -> None:
    outcome, code = run("tests.proofs.stale", "--saves", "420", *where)
    assert outcome == {
        "n_saves": 480, "n_kept": 60, "n_stale": 420, "n_told": 420,
        "n_overwritten": 0, "n_lost": 0, "n_untold": 0, "n_gaps": 0,
    }  # fmt: skip
    assert code == 0


@pytest.mark.long
def test_a_save_that_reads_the_revision_anew_overwrites_some(where: list[str]) -> None:
    outcome, code = run("tests.proofs.stale", "--saves", "420", "--broken", *where)
    assert outcome["n_overwritten"] > 0
    assert outcome["n_untold"] > 0
    assert (outcome["n_lost"], code) == (0, 1)
