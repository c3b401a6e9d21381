"""What a person does and its entry in the audit trail survive `kill -9` together, or neither does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.kit.forks import ONE_THREAD

ROOT = Path(__file__).parents[2]


def test_nothing_is_kept_without_its_entry_and_no_entry_without_what_it_tells_of() -> None:
    # A process of its own, because the proof forks and must have no threads when it does.
    line = [sys.executable, "-m", "tests.proofs.kills.entry_kills"]
    ended = subprocess.run(
        line, cwd=ROOT, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False
    )
    assert ended.stdout, ended.stderr
    assert json.loads(ended.stdout) == {"n_kills": 14, "faults": []}
