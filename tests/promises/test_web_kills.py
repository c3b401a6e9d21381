"""An acknowledged save survives `kill -9` of the web process: the short run of `tests.proofs.kills.web_kills`."""

from __future__ import annotations

from pathlib import Path

from tests.proofs.kills.web_kills import prove


def test_no_save_that_the_desk_acknowledged_is_lost_doubled_or_half_done(tmp_path: Path) -> None:
    outcome = prove(tmp_path / "home", 8, seed=0)
    assert outcome.n_kills == 8
    assert outcome.n_acknowledged >= 8
    assert not any(outcome.faults.values()), outcome
