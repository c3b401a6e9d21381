"""The measurements of the desk give figures, and count what they say they count."""

from __future__ import annotations

import pytest

from tests.bench.desk.desk import run_desk, spread
from tests.kit import chromium


def test_a_spread_is_of_its_values():
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "p95": 3.0, "max": 3.0}
    assert spread(list(range(1, 101)))["p95"] == 96


@pytest.mark.skipif(chromium.find() is None, reason="no Chromium; run `python -m tests.kit.chromium --install`")
def test_the_desk_is_measured_note_by_note():
    result = run_desk(20, 6)
    assert result["n_saves"] == 6
    assert result["presses_a_note"] >= 1
    for name in ("next_note_ms", "search_ms"):
        assert 0 < result[name]["median"] <= result[name]["p95"] <= result[name]["max"]
    assert result["first_load_ms"] > 0
    assert len(result["page_heap_mib"]) == len(result["server_mib"]) == 7
