"""Where the model and samples that come with caseloop are: in `data/embedded`, or in what stands in for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_OWN = Path(__file__).parents[1] / "embedded"
_STAND_IN = "CASELOOP_EMBEDDED"


def embedded_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory that holds `base`, `adapter` and `samples`, absolute: `$CASELOOP_EMBEDDED`, or our own."""
    named = environ.get(_STAND_IN)
    return Path(named).expanduser().absolute() if named else _OWN


# Read once, as the process starts: the store calls this model by one name, so it must not change under a running desk.
EMBEDDED = embedded_directory()
SAMPLES = EMBEDDED / "samples"
