"""Many reviewers at once, through the real server: does it hold, how long does a save take, does anything grow.

The reviewers sign in and work on notes of their own. Actions are due at fixed times, whether or not the one before was
answered, and a time is counted from when the action was due: a server that falls behind cannot hide it.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from app.access.guard import COOKIE
from app.access.passwords import hash_password
from app.core.errors import DeskError
from app.processes.child import own_modules
from app.processes.supervisor import WORKER_NICENESS
from db.notes.queue.search import count_notes, counts
from db.people.acting import OPERATOR, acting
from db.people.reviewers import add_reviewer
from db.store.store import open_store
from tests.bench.desk.desk import MIB, spread
from tests.bench.desk.stage import carry_out, fill, machine, serving

CYCLE = ("open", "save", "open", "draft", "save")  # what a reviewer does, over and over
PASSWORD = "measured with many"
EVERY_S = 10.0  # between looks at the server's memory


@dataclass
class _Seen:
    """What happened, gathered from all reviewers."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in ("open", "draft", "save")})
    wrong: Counter[str] = field(default_factory=Counter)


def run_load(
    n_reviewers: int, rate: float, minutes: float, *, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Let reviewers open, type and save at a fixed rate while the worker fills notes in.

    Args:
        n_reviewers: people who are signed in.
        rate: actions a second, of all together.
        minutes: how long.
        say: told what is being done.

    Returns:
        Actions, what went wrong by kind, milliseconds, the server's memory in MiB every ten seconds and by how much of
        it the last half grew, notes that the worker filled in meanwhile, and the machine in words.

    Raises:
        DeskError: the desk does not start, or nobody can sign in.
    """
    n_actions = int(rate * 60 * minutes)
    n_notes = n_actions * CYCLE.count("open") // len(CYCLE) + 3 * n_reviewers
    seen = _Seen()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        say(f"filling a store with {n_notes:,} notes")
        fill(home, n_notes)
        _add_people(home, n_reviewers)
        with serving(home) as (address, pid), _working(home):
            people = [_Reviewer(number, n_reviewers, address, seen) for number in range(n_reviewers)]
            say(f"{n_reviewers} reviewers sign in")
            for one in people:
                one.sign_in()
            say(f"{n_actions:,} actions in {minutes:g} minutes")
            memory = _drive(people, n_actions, rate, pid, say)
        with open_store(home / "caseloop.db") as store, store.reading() as session:
            n_submitted = counts(session).n_submitted
            n_filled = count_notes(session, adapter="embedded")
            problems = store.problems()
    half = len(memory) // 2
    return {
        "machine": machine(),
        "n_reviewers": n_reviewers,
        "actions_per_s": rate,
        "minutes": minutes,
        "n_actions": n_actions,
        "n_wrong": sum(seen.wrong.values()),
        "wrong": dict(seen.wrong),
        "n_saved": len(seen.took_ms["save"]),
        "n_submitted_in_store": n_submitted,
        "store_problems": problems,
        **{f"{kind}_ms": spread(took) for kind, took in seen.took_ms.items() if took},
        "server_mib": memory,
        "growth_of_last_half": round(memory[-1] / memory[half] - 1, 4) if half else None,
        "n_filled_by_worker": n_filled,
    }


class _Reviewer:
    """One person: a connection, a sign-in, notes of the own."""

    def __init__(self, number: int, step: int, address: str, seen: _Seen) -> None:
        self.name = f"reviewer {number}"
        self.due: queue.Queue[float | None] = queue.Queue()
        self._note, self._step, self._seen, self._n_done = number + 1, step, seen, 0
        self._host = urlsplit(address).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=30)
        self._headers = {"accept": "application/json", "content-type": "application/json"}
        self._page: dict[str, Any] = {}

    def sign_in(self) -> None:
        """Sign in, as a browser does.

        Raises:
            DeskError: it was refused.
        """
        form = urlencode({"name": self.name, "password": PASSWORD})
        self._connection.request("POST", "/login", form, {"content-type": "application/x-www-form-urlencoded"})
        answer = self._connection.getresponse()
        answer.read()
        cookie = answer.getheader("set-cookie", "")
        if answer.status != 303 or not cookie.startswith(f"{COOKIE}="):
            raise DeskError(f"Expected {self.name} to be let in; found status {answer.status}.")
        self._headers["cookie"] = cookie.partition(";")[0]
        self._connection.close()  # until all are in, the server would close it: browsers then open another, unseen

    def work(self) -> None:
        """Do what is due until there is nothing more."""
        while (due := self.due.get()) is not None:
            kind = CYCLE[self._n_done % len(CYCLE)]
            self._n_done += 1
            try:
                status = self._act(kind)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self._connection.close()  # it is opened anew by the next request
                self._seen.wrong[f"{kind}: {type(error).__name__}"] += 1
                continue
            if status == 200:
                self._seen.took_ms[kind].append(1000 * (time.monotonic() - due))
            else:
                self._seen.wrong[f"{kind}: {status}"] += 1

    def _act(self, kind: str) -> int:
        if kind == "open":
            status, self._page = self._ask("GET", f"/review?note={self._note}")
            self._note += self._step
            return status
        sent = {
            "note": self._page["note"],
            "revision": self._page["revision"],
            "draft": self._page["draft"],
            "suggestion": self._page["suggestion"],
            "values": {key: one["value"] for key, one in self._page["fields"].items()},
            "settled": list(self._page["fields"]),
            "comment": "",
            "lead_time_ms": 5000,
        }
        if kind == "draft":
            status, answer = self._ask("POST", "/drafts", sent)
            self._page["draft"] = answer.get("draft", 0)
            return status
        token = f"load-{sent['note']}-{time.monotonic_ns()}"
        return self._ask("POST", "/decisions", {**sent, "status": "submitted", "token": token})[0]

    def _ask(self, method: str, path: str, content: Any = None) -> tuple[int, dict[str, Any]]:
        body = None if content is None else json.dumps(content)
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


def _drive(people: list[_Reviewer], n_actions: int, rate: float, pid: int, say: Callable[[str], None]) -> list[float]:
    """Make actions due, one after the other; the server's memory meanwhile, MiB."""
    import psutil

    server, memory = psutil.Process(pid), []
    threads = [threading.Thread(target=one.work, daemon=True) for one in people]
    for thread in threads:
        thread.start()
    begun = looked = time.monotonic()
    for number in range(n_actions):
        due = begun + number / rate
        time.sleep(max(0.0, due - time.monotonic()))
        people[number % len(people)].due.put(due)
        if time.monotonic() - looked >= EVERY_S:
            looked = time.monotonic()
            memory.append(round(server.memory_info().rss / MIB, 1))
            if len(memory) % 6 == 0:
                say(f"{number:,} actions, {memory[-1]:g} MiB")
    for one in people:
        one.due.put(None)
    for thread in threads:
        thread.join(timeout=120)
    return memory


@contextmanager
def _working(home: Path) -> Iterator[None]:
    """The worker with the embedded model, below the server as the supervisor has it."""
    environ = own_modules({**os.environ, "CASELOOP_HOME": str(home)})
    carry_out(home, "adapters", "activate", "embedded", "--reason", "measured")
    command = ["nice", "-n", str(WORKER_NICENESS), sys.executable, "-P", "-m", "app.cli.main", "prefill", "--watch"]
    worker = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait()


def _add_people(home: Path, n: int) -> None:
    kept = hash_password(PASSWORD, "")
    with open_store(home / "caseloop.db") as store, acting(store, OPERATOR, "decide about people") as act:
        add_reviewer(act, "lead", role="admin", password_hash=kept)
        for number in range(n):
            add_reviewer(act, f"reviewer {number}", role="reviewer", password_hash=kept)
