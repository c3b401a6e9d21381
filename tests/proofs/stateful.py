"""Proof: no order of opening, typing, saving, taking back, claiming and giving opinions loses or repeats anything.

python -m tests.proofs.stateful [--sequences 5000]

The sequences are shared between three machines, each with a model of what the store must say: one reviewer a note
(`test_store_stateful.py`), several (`test_opinions_stateful.py`), and claims under a clock that jumps
(`test_db_claims.py`). Two variants without compare and swap must be found.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from hypothesis.stateful import RuleBasedStateMachine

from tests.db.promises.test_opinions_stateful import Board, CarelessBoard
from tests.db.promises.test_store_stateful import CarelessDesk, Desk, run
from tests.db.test_db_claims import Desk as Claims

SHARES: tuple[tuple[type[RuleBasedStateMachine], float], ...] = ((Desk, 0.5), (Board, 0.35), (Claims, 0.15))
N_STEPS = 40


def is_found(broken: type[RuleBasedStateMachine]) -> bool:
    """Whether the search finds that a variant is broken."""
    try:
        run(broken, 400, n_steps=N_STEPS, derandomize=True)
    except AssertionError as error:
        return "old page was taken" in str(error)
    return False


def main() -> int:
    """Search; a violation is shown with the steps that lead to it."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.stateful", description=__doc__)
    parser.add_argument("--sequences", type=int, default=5000)
    wanted = parser.parse_args().sequences
    started, counts = time.monotonic(), {}
    for machine, share in SHARES:
        counts[machine.__module__.removeprefix("tests.test_")] = n = round(wanted * share)
        run(machine, n, n_steps=N_STEPS)
    found = [is_found(CarelessDesk), is_found(CarelessBoard)]
    told = {"n_sequences": counts, "n_violations": 0, "broken_variants_found": sum(found), "of": len(found)}
    print(json.dumps({**told, "seconds": round(time.monotonic() - started, 1)}))
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
