"""Whatever a file holds, an import ends in notes and sentences: the short run of `tests.proofs.fuzzing`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.proofs.fuzzing.seeds import DOCUMENTS, TEXTS

ROOT = Path(__file__).parents[3]


def test_no_changed_file_of_any_format_breaks_an_import() -> None:
    # A process of its own, because memory is measured, and because Arrow could end it.
    line = [sys.executable, "-m", "tests.proofs.fuzzing", "--texts", "2000", "--documents", "60", "--processes", "1"]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout, ended.stderr
    outcome = json.loads(ended.stdout)
    assert outcome["n_crashes"] == 0, outcome["crashes"]
    assert outcome["n_inputs"] == 2000 + 60 * len(DOCUMENTS)
    assert outcome["n_stored"] == 10
    assert min(outcome["n_notes"], outcome["n_refusals"]) > 500
    assert all(outcome["by_format"][form] > 50 for form in (*TEXTS, *DOCUMENTS))
    assert outcome["peak_mib"] < 1024
    assert ended.returncode == 0
