"""A PostgreSQL server that is killed in the middle of saves: the short run of a proof."""

from __future__ import annotations

import pytest

from tests.kit.desk.postgres import MISSING, own_folder, programs, serving
from tests.proofs.kills.postgres_kills import Outcome, prove


def outcome(n_kills: int, *, is_broken: bool = False) -> Outcome:
    if programs() is None:
        pytest.skip(MISSING)
    with own_folder() as folder, serving(folder, is_durable=True) as server:
        return prove(server, n_kills, is_broken=is_broken)


def test_no_acknowledged_save_is_lost_with_the_server() -> None:
    found = outcome(3)
    assert (found.n_lost, found.n_doubled, found.n_half_done, found.n_problems) == (0, 0, 0, 0)
    assert found.n_acknowledged > 20
    assert found.n_sent_again > 0


@pytest.mark.long
def test_saves_that_do_not_wait_for_the_disk_are_lost_with_it() -> None:
    assert outcome(10, is_broken=True).n_lost > 0
