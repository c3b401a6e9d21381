"""Kill the web process with SIGKILL while reviewers save through HTTP, and check what became of every save.

Four reviewers are signed in, each a thread with a connection. At a random moment the server dies: most often while they
save, one time in seven while it starts. They go on sending the same request, with the same token, until the next server
answers. `python -m tests.proofs.kills.web_kills --kills 2000` prints the outcome as JSON and exits with 1 if an
acknowledged save was lost, is there twice, or has other values, if anything is half done, or if the store or its audit
trail is damaged. Every fifth server has Gradio's screens, every fiftieth is a program of its own; the others are forks
without them, as `tests/kit/desk/web_lives.py` says.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import text

from app.access.passwords import hash_password
from app.core.settings import Settings, prepare_home
from app.processes.supervisor import is_healthy
from db.people import audit
from db.people.reviewers import add_reviewer
from db.people.sign_ins import sign_in
from db.store.store import Store, open_store
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, MELANOMA, make_store
from tests.kit.desk.permits import person_in
from tests.kit.desk.servers import free_port
from tests.kit.desk.web_client import Client, Sent, digest
from tests.kit.desk.web_lives import Starter
from tests.proofs.kills.kill9 import HALF_DONE

NAMES = ("ada", "ben", "cleo", "dora")
N_NOTES = 40
MAX_LIFE_S = 0.8
START_S = {"bare": 0.4, "fork": 1.5, "program": 6.0}
PATIENCE_S = 120.0
SCREENS_EVERY, PROGRAM_EVERY = 5, 50
CHECK_EVERY = 20
DECIDED = """SELECT token, name, note_id, revision, status, extraction, suggestion_id
    FROM annotation JOIN reviewer ON reviewer.id = reviewer_id"""
DRAFTS = "SELECT name, note_id, extraction FROM draft JOIN reviewer ON reviewer.id = reviewer_id"
ENTRIES = "SELECT count(*) FROM audit WHERE action IN ('submitted', 'skipped', 'flagged')"


@dataclass
class Outcome:
    """What the kills did. All from `n_lost` on must stay 0.

    Attributes:
        n_kills: servers killed.
        n_with_screens: of these, with Gradio's screens mounted.
        n_programs: of these, started as a program of its own, `python -m app.web.application`.
        n_while_starting: of these, before they had answered anybody anything.
        n_acknowledged: decisions and drafts that were answered with 200.
        n_sent_again: decisions acknowledged only when they were sent again.
        n_repeated: of these, decisions that had been kept before the server died.
        n_refused: decisions that came after somebody else's, and were told so.
        n_strange: answers or ends of servers that nobody should see.
    """

    n_kills: int = 0
    n_with_screens: int = 0
    n_programs: int = 0
    n_while_starting: int = 0
    n_acknowledged: int = 0
    n_drafts: int = 0
    n_sent_again: int = 0
    n_repeated: int = 0
    n_refused: int = 0
    n_checks: int = 0
    seconds: int = 0
    n_lost: int = 0
    n_wrong: int = 0
    n_twice: int = 0
    n_kept_though_refused: int = 0
    n_half_done: int = 0
    n_damaged: int = 0
    n_audit_breaks: int = 0
    n_strange: int = 0

    @property
    def faults(self) -> dict[str, int]:
        names = list(asdict(self))
        return {name: getattr(self, name) for name in names[names.index("n_lost") :]}


def make_home(home: Path) -> dict[str, str]:
    """A desk with notes, some with suggestions, and people who are signed in: name to cookie."""
    prepare_home(Settings(home=home, base="embedded", adapter="embedded"))
    kinds = [(BREAST, BREAST_VALUES), (COLON, None), (MELANOMA, None)]
    with make_store(home, [kinds[number % 3] for number in range(N_NOTES)]) as store, store.transaction() as session:
        for name in NAMES:
            hashed = hash_password("a long pass phrase", name)
            add_reviewer(
                person_in(session, "local" if name == "ada" else "ada"), name, role="admin", password_hash=hashed
            )
        return {name: sign_in(person_in(session, name)) for name in NAMES}


def live_once(
    start: Callable[[str], int], starter: Starter, clients: Sequence[Client], rng: random.Random, outcome: Outcome
) -> None:
    """Start a server, let the reviewers work, kill it."""
    for client in clients:
        client.was_heard.clear()
    number = outcome.n_kills + 1
    how = "program" if number % PROGRAM_EVERY == 0 else "fork" if number % SCREENS_EVERY == 0 else "bare"
    outcome.n_with_screens += how != "bare"
    outcome.n_programs += how == "program"
    server = start(how)
    if rng.random() < 1 / 7:
        time.sleep(rng.uniform(0, START_S[how]))
        outcome.n_while_starting += not any(client.was_heard.is_set() for client in clients)
    else:
        wait_until_heard(clients)
        time.sleep(rng.uniform(0, MAX_LIFE_S))
    outcome.n_strange += starter.kill(server) != -9
    outcome.n_kills += 1


def wait_until_heard(clients: Sequence[Client]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not any(client.was_heard.is_set() for client in clients):
        assert time.monotonic() < deadline, "no server answered"
        time.sleep(0.005)


def check(store: Store, clients: Sequence[Client], outcome: Outcome) -> None:
    """Compare the store with what the reviewers were told."""
    outcome.n_checks += 1
    outcome.n_damaged += len(store.problems())
    acknowledged: list[Sent] = [one for client in clients for one in list(client.sent)]
    refused = [token for client in clients for token in list(client.refused)]
    with store.reading() as session:
        rows = session.execute(text(DECIDED)).all()
        drafts = session.execute(text(DRAFTS)).all()
        outcome.n_half_done += sum(session.execute(text(query)).scalar_one() for query in HALF_DONE)
        outcome.n_half_done += abs(session.execute(text(ENTRIES)).scalar_one() - len(rows))
        outcome.n_audit_breaks += not audit.verify(session).is_sound
    kept = {row.token: row for row in rows}
    outcome.n_twice += len(rows) - len(kept)
    outcome.n_twice += sum(n - 1 for n in Counter((one.note, one.revision) for one in acknowledged).values())
    outcome.n_kept_though_refused += len(kept.keys() & set(refused))
    for one in acknowledged:
        row = kept.get(one.token)
        outcome.n_lost += row is None
        if row is not None:
            told = (one.reviewer, one.note, one.revision, one.kept)
            there = (row.name, row.note_id, row.revision, digest(row.status, json.loads(row.extraction)))
            outcome.n_wrong += told != there
    typed = {(row.name, row.note_id): digest("draft", json.loads(row.extraction)) for row in drafts}
    for client in clients:
        for note, allowed in list(client.typed.items()):
            found = typed.get((client.name, note))
            outcome.n_lost += found is None and None not in allowed
            outcome.n_wrong += found is not None and found not in allowed


def prove(home: Path, n_kills: int, seed: int, *, max_s: float = float("inf")) -> Outcome:
    """Kill servers until `n_kills` are dead or the time is over; check now and then, and everything at the end."""
    rng, outcome, port, began = random.Random(seed), Outcome(), free_port(), time.monotonic()
    clients = [Client(name, cookie, port, N_NOTES, seed) for name, cookie in make_home(home).items()]
    starter = Starter()
    start = partial(starter.start, home, port)
    try:
        for client in clients:
            client.start()
        while outcome.n_kills < n_kills and time.monotonic() - began < max_s:
            live_once(start, starter, clients, rng, outcome)
            if outcome.n_kills % CHECK_EVERY == 0:  # here the check opens what the dead left; else the next server
                with open_store(home / "caseloop.db") as store:
                    check(store, clients, outcome)
        start("fork")  # to answer what is still on its way
        for client in clients:
            client.must_stop.set()
        for client in clients:
            client.join(PATIENCE_S)
        outcome.n_strange += sum(client.is_alive() for client in clients) + (not is_healthy("127.0.0.1", port))
    finally:
        starter.close()
    with open_store(home / "caseloop.db") as store:
        check(store, clients, outcome)
    sent = [one for client in clients for one in client.sent]
    outcome.n_drafts = sum(client.n_drafts for client in clients)
    outcome.n_acknowledged = len(sent) + outcome.n_drafts
    outcome.n_sent_again = sum(one.n_sent > 1 for one in sent)
    outcome.n_repeated = sum(one.repeated for one in sent)
    outcome.n_refused = sum(len(client.refused) for client in clients)
    for said in {error for client in clients for error in client.errors}:
        print(said, file=sys.stderr)
    outcome.n_strange += sum(len(client.errors) for client in clients)
    outcome.seconds = round(time.monotonic() - began)
    return outcome


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description="Kill the web process and look for lost saves.")
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-seconds", type=float, default=float("inf"), help="stop earlier, with what there is")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = prove(Path(folder) / "home", chosen.kills, chosen.seed, max_s=chosen.max_seconds)
    print(json.dumps(asdict(outcome)))
    return 1 if any(outcome.faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
