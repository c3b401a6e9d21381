"""Proof: import, export and import again give the same bytes, for JSON lines and for CSV.

python -m tests.proofs.round_trips [--cases 10000] [--seconds 7200]
"""

from __future__ import annotations

import argparse
import json
import time

from hypothesis import HealthCheck, given, settings

from tests.kit.desk.round_trips import FORMS, RECORDS, come_back, store_of_tests


def main() -> int:
    """Try the cases; a case that fails is shown at its smallest."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.round_trips", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=7200, help="after which what is left is not tried")
    chosen = parser.parse_args()
    n_cases = chosen.cases
    counts = dict.fromkeys(FORMS, 0)
    n_notes = 0
    started = time.monotonic()
    with store_of_tests() as store:

        @settings(max_examples=n_cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(RECORDS)
        def cases(records) -> None:  # type: ignore[no-untyped-def]
            nonlocal n_notes
            if time.monotonic() - started > chosen.seconds:
                return
            for form in FORMS:
                come_back(store, form, records)
                counts[form] += 1
            n_notes += len(records)

        cases()
    print(json.dumps({"n_cases": counts, "n_notes": n_notes, "seconds": round(time.monotonic() - started, 1)}))
    return 0 if min(counts.values()) >= n_cases else 1


if __name__ == "__main__":
    raise SystemExit(main())
