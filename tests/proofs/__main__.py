"""`make proof`: the heavy forms of the tests, for minutes where the suite takes seconds.

Each proof prints one line of figures as JSON and fails by its exit code.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.kit.forks import ONE_THREAD

PROOFS = {
    "kills": ["-m", "tests.proofs.kills.kill9", "--kills", "2000"],
    "entries": ["-m", "tests.proofs.kills.entry_kills"],
    "web": ["-m", "tests.proofs.kills.web_kills", "--kills", "2000"],
    "power": ["-m", "tests.proofs.kills.power_cut", "--points", "3000"],
    "publishing": ["-m", "tests.proofs.kills.publish_kills", "--kills", "1000"],
    "trainers": ["-m", "tests.proofs.kills.two_trainers", "--tries", "200"],
    "runs": ["-m", "tests.proofs.kills.train_kills", "--kills", "200"],
    "exact": ["-m", "tests.proofs.exact"],
    "gate": ["-m", "tests.proofs.gate"],
    "loop": ["-m", "pytest", "-q", "tests/app/test_end_to_end.py"],
    "long": ["-m", "pytest", "-q", "-m", "long"],
    "network": ["-m", "tests.proofs.network"],
    "pairs": ["-m", "tests.proofs.pairs"],
    "pairs-postgres": ["-m", "tests.proofs.pairs", "--postgres"],
    "fuzz": ["-m", "tests.proofs.fuzzing"],
    "round-trips": ["-m", "tests.proofs.round_trips"],
    "decisions-return": ["-m", "tests.proofs.decisions_return"],
    "claims": ["-m", "tests.proofs.claims"],
    "stale": ["-m", "tests.proofs.stale"],
    "claims-postgres": ["-m", "tests.proofs.claims", "--postgres"],
    "stale-postgres": ["-m", "tests.proofs.stale", "--postgres"],
    "kills-postgres": ["-m", "tests.proofs.kills.postgres_kills", "--kills", "200"],
    "stateful": ["-m", "tests.proofs.stateful"],
    "labelstudio": ["-m", "tests.proofs.labelstudio"],
}
"""Name to the arguments of the Python that performs it."""
FORKING = {"entries", "publishing", "trainers", "runs", "claims", "claims-postgres"}


def main() -> int:
    """Run the proofs that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(PROOFS)}; all without")
    chosen = parser.parse_args().names or list(PROOFS)
    unknown = [name for name in chosen if name not in PROOFS]
    if unknown:
        parser.error(f"expected one of {', '.join(PROOFS)}; found {', '.join(unknown)}")
    failed = []
    for name in chosen:
        print(f"{name} ...", flush=True)
        environ = os.environ | {"CASELOOP_PROOF": name} | (ONE_THREAD if name in FORKING else {})
        if subprocess.run([sys.executable, *PROOFS[name]], check=False, env=environ).returncode:
            failed.append(name)
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
