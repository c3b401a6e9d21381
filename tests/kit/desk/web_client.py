"""A reviewer's page as a thread: opens notes, sends drafts and decisions, again and again until it is answered."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data.task import MAX_VALUE_CHARACTERS
from tests.kit.desk.stores import TASK

PATIENCE_S = 20.0
AGAIN_S = 0.02
SKIPPED = "skipped"


@dataclass(frozen=True)
class Sent:
    """A decision that the desk acknowledged.

    Attributes:
        revision: as the answer says.
        kept: digest of status and values that were sent.
        n_sent: how often it was sent until there was an answer.
        repeated: the desk said that it had it already.
    """

    token: str
    reviewer: str
    note: int
    revision: int
    kept: str
    n_sent: int
    repeated: bool


def digest(status: str, values: Mapping[str, str | None]) -> str:
    return hashlib.sha256(json.dumps([status, dict(values)], sort_keys=True).encode()).hexdigest()[:16]


class Client(threading.Thread):
    """One reviewer, signed in, one request at a time.

    Attributes:
        sent: decisions that were acknowledged.
        refused: tokens of decisions that somebody else's went before; the store must not have them.
        typed: by note, digests that this reviewer's draft may have; None stands for no draft.
        n_drafts: drafts that were acknowledged.
        errors: answers that nobody should ever get.
    """

    def __init__(self, name: str, cookie: str, port: int, n_notes: int, seed: int) -> None:
        super().__init__(daemon=True, name=name)
        self.sent: list[Sent] = []
        self.refused: list[str] = []
        self.typed: defaultdict[int, frozenset[str | None]] = defaultdict(lambda: frozenset([None]))
        self.n_drafts = 0
        self.n_unanswered = 0
        self.errors: list[str] = []
        self.must_stop = threading.Event()
        self.was_heard = threading.Event()
        self._headers = {"cookie": f"caseloop={cookie}", "content-type": "application/json", "x-reviewer": name}
        self._port, self._n_notes = port, n_notes
        self._rng = random.Random(f"{seed} {name}")
        self._n = 0
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Open a note, type a while, decide; until told to stop."""
        while not self.must_stop.is_set():
            note = self._rng.randint(1, self._n_notes)
            status, page, _ = self._ask("GET", f"/review?note={note}")
            if status != 200:
                self.errors.append(f"opening: {status} {page.get('detail')}")
                continue
            is_open = True
            for _ in range(self._rng.randint(0, 2)):
                is_open = is_open and self._type(page)
            if is_open:
                self._decide(page)

    def _type(self, page: dict[str, Any]) -> bool:
        """Send a draft; whether the page may go on."""
        note, before = page["note"], self.typed[page["note"]]
        values = self._values()
        mine = digest("draft", values)
        self.typed[note] = before | {mine}
        status, answer, n_sent = self._ask("POST", "/drafts", {**self._form(page), "values": values})
        if status == 200:
            self.n_drafts += 1
            self.typed[note] = frozenset([mine])
            page["draft"] = answer["draft"]
        elif status != 409:
            self.errors.append(f"a draft: {status} {answer.get('detail')}")
        elif n_sent == 1:  # sent again, it may be refused because it arrived the first time
            self.typed[note] = before
        return status == 200

    def _decide(self, page: dict[str, Any]) -> None:
        note, before = page["note"], self.typed[page["note"]]
        self._n += 1
        token, decided, values = f"{self.name}-{self._n:06}", self._status(), self._values()
        form = {**self._form(page), "values": values, "status": decided, "token": token, "comment": "why"}
        self.typed[note] = before | {None}
        status, answer, n_sent = self._ask("POST", "/decisions", form)
        if status == 200:
            self.typed[note] = frozenset([None])
            kept = digest(decided, values)
            revision, repeated = answer["revision"], answer["repeated"]
            self.sent.append(Sent(token, self.name, note, revision, kept, n_sent, repeated))
        elif status == 409:
            self.typed[note] = before
            self.refused.append(token)
        else:
            self.errors.append(f"a decision: {status} {answer.get('detail')}")

    def _status(self) -> str:
        return self._rng.choice(["submitted", "submitted", SKIPPED, "flagged"])

    def _values(self) -> dict[str, str | None]:
        sizes = [0, 12, 60, MAX_VALUE_CHARACTERS if self._rng.random() < 0.1 else 200]
        values = {key: self._rng.choice("abcdefgh") * self._rng.choice(sizes) or None for key in TASK.keys}
        return {**values, TASK.keys[0]: f"{self.name} {self._rng.random()}"}

    def _form(self, page: Mapping[str, Any]) -> dict[str, Any]:
        seen = {key: page[key] for key in ("note", "revision", "draft", "suggestion")}
        return {**seen, "settled": list(TASK.keys), "lead_time_ms": 1000}

    def _ask(self, method: str, path: str, content: Any = None) -> tuple[int, dict[str, Any], int]:
        """Status, answer and how often it was asked; again and again while there is none, as the page does."""
        n_sent = 0
        while True:
            n_sent += 1
            try:
                status, answer = self._ask_once(method, path, content)
            except (OSError, http.client.HTTPException, ValueError):
                self._connection = None
                self.n_unanswered += 1
                time.sleep(AGAIN_S)
                continue
            if status != 503:  # busy: nothing was written, and the page would send it again
                self.was_heard.set()
                return status, answer, n_sent

    def _ask_once(self, method: str, path: str, content: Any) -> tuple[int, dict[str, Any]]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        body = None if content is None else json.dumps(content)
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())
