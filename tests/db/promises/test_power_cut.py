"""An acknowledged save survives a power cut, in simulation: the short run of `tests.proofs.kills.power_cut`, and its
parts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.kit.desk.power_cut import SYNC_BEGINS, SYNC_ENDED, TRUNCATE, WRITE, Entry, cuts
from tests.kit.shims import shims
from tests.proofs.kills.power_cut import prove

needs_compiler = pytest.mark.skipif(bool(shims.why_not()), reason=shims.why_not())


@needs_compiler
def test_no_acknowledged_save_is_lost_to_a_power_cut(tmp_path: Path) -> None:
    outcome = prove(tmp_path, 45, seed=0, synchronous="FULL", n_saves=60)
    assert outcome.n_points == 45
    assert outcome.n_logged > 500, "SQLite's writes went past the log"
    assert outcome.is_clean, outcome


@needs_compiler
def test_the_simulation_sees_what_a_careless_store_loses(tmp_path: Path) -> None:
    outcome = prove(tmp_path, 15, seed=0, synchronous="NORMAL", n_saves=60)
    assert outcome.n_points_with_loss > 0
    assert outcome.n_damaged == outcome.n_audit_breaks == 0, "it loses the end, and is whole"


def states(entries: list[Entry], n: int = 300) -> set[bytes]:
    """What file `f` may hold after a cut at the end, as far as so many draws find."""
    found = set()
    for seed in range(n):
        for _, _, files in cuts(entries, [len(entries)], random.Random(seed)):
            found.add(bytes(files["f"]))
    return found


A, B, C = (Entry(WRITE, number, 4 * number, "f", letter * 4) for number, letter in enumerate((b"a", b"b", b"c")))


def test_what_was_synced_is_there_and_of_the_rest_any_part_may_be() -> None:
    synced = [A, Entry(SYNC_BEGINS, 9, 0, "f"), B, Entry(SYNC_ENDED, 9, 0, "f"), C]
    gap = bytes(4)
    assert states(synced) == {b"aaaa", b"aaaabbbb", b"aaaabbbbcccc", b"aaaa" + gap + b"cccc"}
    assert states(synced[:3]) >= {b"", b"aaaa", b"aaaabbbb", gap + b"bbbb"}, "a sync that did not end promises nothing"


def test_a_large_write_is_torn_between_sectors_and_nowhere_else() -> None:
    found = states([Entry(WRITE, 1, 0, "f", b"x" * 1536)])
    sectors = {tuple(state[at : at + 512] for at in range(0, len(state), 512)) for state in found}
    assert len(found) > 4
    assert {sector for state in sectors for sector in state} == {b"x" * 512, bytes(512)}


def test_a_file_cut_short_and_made_longer_is_empty_there() -> None:
    sync = [Entry(SYNC_BEGINS, 9, 0, "f"), Entry(SYNC_ENDED, 9, 0, "f")]
    assert states([A, Entry(TRUNCATE, 2, 2, "f"), Entry(TRUNCATE, 3, 6, "f"), *sync]) == {b"aa\0\0\0\0"}
