"""An acknowledged save survives `kill -9`: the short run of `tests.proofs.kills.kill9`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_no_acknowledged_save_is_lost_to_kill_9() -> None:
    # A process of its own, because the proof forks and must have neither threads nor connections when it does.
    line = [sys.executable, "-m", "tests.proofs.kills.kill9", "--kills", "40"]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout, ended.stderr
    outcome = json.loads(ended.stdout)
    assert outcome["n_kills"] == 40
    assert outcome["n_acknowledged"] >= 40
    found = {name: outcome[name] for name in ("n_lost", "n_wrong", "n_half_done", "n_damaged", "n_silent")}
    assert not any(found.values()), found
    assert ended.returncode == 0
