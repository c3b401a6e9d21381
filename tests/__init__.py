"""Tests of caseloop, with a model of 17 M parameters in place of the one that comes with it, which is slower.

This stands here because whatever a test, a proof or a process of theirs imports of this package, it imports this first.
"""

import os
from pathlib import Path

TINY_MODEL = Path(__file__).parent / "tiny_model"
SHIPPED = Path(__file__).parents[1] / "data" / "embedded"
STAND_IN = "CASELOOP_EMBEDDED"

if os.environ.get(STAND_IN) != "":  # empty: the model that comes with caseloop is meant, as the benches do
    os.environ[STAND_IN] = str(TINY_MODEL)
