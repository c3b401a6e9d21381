"""Training survives `kill -9` at any moment: the short runs of three proofs, each with real processes.

They fork, and must have neither threads nor connections when they do; hence a process of their own, one for all three,
because what they import takes longer than what they do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.forks import ONE_THREAD
from tests.kit.tiny import shared_tiny

ROOT = Path(__file__).parents[2]
PROOFS = """
import json, sys
from tests.proofs.kills import publish_kills, train_kills, two_trainers
model = sys.argv[1]
print(json.dumps([
    publish_kills.main(["--kills", "30"]),
    two_trainers.main(["--tries", "10"]),
    train_kills.main(["--kills", "4", "--epochs", "1", "--model", model]),
]))
"""


@pytest.fixture(scope="module")
def outcomes() -> list[dict[str, int]]:
    """What the proofs printed, in their order; a failure shows it with its seed."""
    line = [sys.executable, "-c", PROOFS, str(shared_tiny().base.parent)]
    ended = subprocess.run(line, cwd=ROOT, env=os.environ | ONE_THREAD, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    *found, codes = [json.loads(printed) for printed in ended.stdout.splitlines()]
    assert codes == [0, 0, 0], f"{found}\n{ended.stderr}"
    return found


def test_a_killed_publication_leaves_the_adapter_absent_or_whole(outcomes) -> None:
    publishing = outcomes[0]
    assert publishing["n_kills"] == publishing["n_absent"] + publishing["n_whole"] == 30
    assert publishing["n_in_draft"] > 0, "kills fell where half was written"
    assert publishing["n_half"] == publishing["n_drafts_left"] == publishing["n_failed"] == 0


def test_two_trainers_are_never_at_work_together(outcomes) -> None:
    trainers = outcomes[1]
    assert trainers["n_tries"] == 10
    assert trainers["n_contested"] > 0
    assert trainers["n_overlaps"] == trainers["n_held_by_the_dead"] == trainers["n_nobody"] == 0


def test_killed_runs_end_as_if_nothing_had_happened(outcomes) -> None:
    training = outcomes[2]
    assert training["n_kills"] == training["n_resumes"] == 4
    assert training["n_identical"] == training["n_runs"] > 0
    assert training["n_different"] == training["n_bad_checkpoints"] == training["n_half_adapters"] == 0
