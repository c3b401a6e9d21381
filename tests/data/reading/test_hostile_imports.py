"""Whatever a file holds, an import ends in notes and sentences: the short run of `tests.proofs.imports`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.proofs.imports import FORMATS

ROOT = Path(__file__).parents[3]


def test_no_changed_file_of_any_format_breaks_an_import() -> None:
    # A process of its own, because memory is measured, and because Arrow could end it.
    line = [sys.executable, "-m", "tests.proofs.imports", "--inputs", "4000", "--processes", "1"]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout, ended.stderr
    outcome = json.loads(ended.stdout)
    assert outcome["n_crashes"] == 0, outcome["crashes"]
    assert outcome["n_inputs"] == 4000
    assert outcome["n_stored"] == 20
    assert min(outcome["n_notes"], outcome["n_refusals"]) > 1000
    assert all(outcome["by_format"][form] > 50 for form in FORMATS)
    assert outcome["peak_mib"] < 1024
    assert ended.returncode == 0
