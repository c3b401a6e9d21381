"""How often passwords may be tried: every attempt counts before it is looked at, and a right one is given back."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 300.0
N_TRIES, N_TRIES_OF_NAME, N_TRIES_OF_ADDRESS = 5, 50, 30
N_KEYS = 50_000


class Throttle:
    """So many failures in so many seconds for one key; then nothing is tried until the oldest is forgotten.

    Args:
        n: failures that are let pass.
        window_s: how long one counts.
        n_keys: remembered; the longest untouched is forgotten first, so that memory is bounded.
        clock: seconds, going on only.
    """

    def __init__(
        self, n: int, window_s: float = WINDOW_S, n_keys: int = N_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._n, self._window_s, self._n_keys, self._clock = n, window_s, n_keys, clock
        self._failures: OrderedDict[object, tuple[float, ...]] = OrderedDict()
        self._guard = threading.Lock()

    def wait_s(self, key: object) -> float:
        """How long this key has to wait; 0 where it may try."""
        with self._guard:
            failures = self._recent(key)
            return failures[0] + self._window_s - self._clock() if len(failures) >= self._n else 0.0

    def has_failed(self, key: object) -> bool:
        """Whether anything counts against this key."""
        with self._guard:
            return bool(self._recent(key))

    def count_failure(self, key: object) -> float:
        """Count a failure; what comes back takes it away again."""
        with self._guard:
            at = self._clock()
            self._failures[key] = (*self._recent(key), at)[-self._n :]
            self._failures.move_to_end(key)
            while len(self._failures) > self._n_keys:
                self._failures.popitem(last=False)
            return at

    def take_back(self, key: object, at: float) -> None:
        """Take away a failure that was none."""
        with self._guard:
            failures = list(self._recent(key))
            if at in failures:
                failures.remove(at)
                self._failures[key] = tuple(failures)

    def forget(self, key: object) -> None:
        """Start anew for a key that succeeded."""
        with self._guard:
            self._failures.pop(key, None)

    def _recent(self, key: object) -> tuple[float, ...]:
        """The failures that count; with the lock held."""
        since = self._clock() - self._window_s
        return tuple(at for at in self._failures.get(key, ()) if at > since)


@dataclass(frozen=True)
class Attempt:
    """One password being tried for a name from an address, counted as wrong for the time being."""

    name: str
    address: str
    of_pair: float
    of_name: float
    of_address: float


class Attempts:
    """Who may try a password now.

    For a name from one address there are five tries in five minutes. Beyond that an address has thirty; then each
    further name has one, because many people may share an address (a tunnel, a proxy that was not named) and somebody's
    guesses must not keep all of them out. And a name has fifty from wherever; who signed in from an address before is
    not kept out there by guesses made elsewhere.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pair, self._name, self._address = (
            Throttle(n, clock=clock) for n in (N_TRIES, N_TRIES_OF_NAME, N_TRIES_OF_ADDRESS)
        )
        self._at_home: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._guard = threading.Lock()

    def wait_s(self, name: str, address: str) -> float:
        """Seconds that this name from this address has to wait before it is tried; 0 where it may."""
        pair = (name, address)
        if wait_s := self._pair.wait_s(pair):
            return wait_s
        with self._guard:
            if pair in self._at_home:
                return 0.0
        of_address = self._address.wait_s(address) if self._pair.has_failed(pair) else 0.0
        return max(of_address, self._name.wait_s(name))

    def is_spent(self, address: str) -> bool:
        """Whether an address has used up its tries."""
        return self._address.wait_s(address) > 0

    def begin(self, name: str, address: str) -> Attempt:
        """Count an attempt, before anything is known about it."""
        of_pair, of_name, of_address = (
            throttle.count_failure(key)
            for throttle, key in ((self._pair, (name, address)), (self._name, name), (self._address, address))
        )
        return Attempt(name, address, of_pair, of_name, of_address)

    def give_back(self, attempt: Attempt) -> None:
        """An attempt was not looked at: it counts no more."""
        self._pair.take_back((attempt.name, attempt.address), attempt.of_pair)
        self._name.take_back(attempt.name, attempt.of_name)
        self._address.take_back(attempt.address, attempt.of_address)

    def forget_failures(self, attempt: Attempt) -> None:
        """An attempt was right: what went wrong before it is forgotten for this name here."""
        self.give_back(attempt)
        pair = (attempt.name, attempt.address)
        self._pair.forget(pair)
        with self._guard:
            self._at_home[pair] = None
            self._at_home.move_to_end(pair)
            while len(self._at_home) > N_KEYS:
                self._at_home.popitem(last=False)
