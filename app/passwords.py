"""Passwords: kept as argon2id hashes, checked at most two at a time, and tried only so often."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.failures import InputError

MIN_CHARACTERS, MAX_CHARACTERS = 12, 1024
N_AT_ONCE = 2  # each takes 64 MiB and a quarter of a second: more at once could starve the reviewers
WINDOW_S = 300.0
N_TRIES, N_TRIES_OF_NAME, N_TRIES_OF_ADDRESS = 5, 50, 30

_hasher = PasswordHasher()  # argon2id, 64 MiB, three passes: RFC 9106's second choice


def hash_password(password: str, name: str) -> str:
    """The hash to keep of a new password.

    Args:
        password: as it was typed.
        name: of whoever it is for.

    Raises:
        InputError: it is too short, too long or the name itself.
    """
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise InputError(
            f"Expected a password of at least {MIN_CHARACTERS} characters; found {len(password)}. "
            "A few words in a row are easy to remember and hard to guess."
        )
    if password.casefold() == name.casefold():
        raise InputError("Expected a password that is not the name; found the name. Choose another.")
    return _hasher.hash(password)


def check_password(kept: str | None, password: str) -> bool:
    """Whether a password is the one that a hash was made of. For an unknown name (None) it takes as long, and fails."""
    if len(password) > MAX_CHARACTERS:
        return False
    try:
        is_right = _hasher.verify(kept or _dummy(), password)
    except (VerificationError, InvalidHashError):
        return False
    return is_right and kept is not None


@cache
def _dummy() -> str:
    return _hasher.hash(secrets.token_hex(16))


class Throttle:
    """So many failures in so many seconds for one key; then nothing is tried until the oldest is forgotten.

    Args:
        n: failures that are let pass.
        window_s: how long one counts.
        n_keys: remembered; the longest untouched is forgotten first, so that memory is bounded.
        clock: seconds, going on only.
    """

    def __init__(
        self, n: int, window_s: float = WINDOW_S, n_keys: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._n, self._window_s, self._n_keys, self._clock = n, window_s, n_keys, clock
        self._failures: OrderedDict[object, deque[float]] = OrderedDict()
        self._guard = threading.Lock()

    def wait_s(self, key: object) -> float:
        """How long this key has to wait; 0 where it may try."""
        with self._guard:
            failures = self._failures.get(key)
            if failures is None:
                return 0.0
            now = self._clock()
            while failures and failures[0] <= now - self._window_s:
                failures.popleft()
            return max(0.0, failures[0] + self._window_s - now) if len(failures) >= self._n else 0.0

    def failed(self, key: object) -> None:
        """Count a failure."""
        with self._guard:
            self._failures.setdefault(key, deque(maxlen=self._n)).append(self._clock())
            self._failures.move_to_end(key)
            while len(self._failures) > self._n_keys:
                self._failures.popitem(last=False)

    def forget(self, key: object) -> None:
        """Start anew for a key that succeeded."""
        with self._guard:
            self._failures.pop(key, None)


class Door:
    """Checks who signs in. One for the process: what it counts is counted together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = asyncio.Semaphore(N_AT_ONCE)
        self._pair, self._name, self._address = (
            Throttle(n, clock=clock) for n in (N_TRIES, N_TRIES_OF_NAME, N_TRIES_OF_ADDRESS)
        )

    def wait_s(self, name: str, address: str) -> float:
        """Seconds that this name from this address has to wait before it is tried; 0 where it may."""
        return max(self._pair.wait_s((name, address)), self._name.wait_s(name), self._address.wait_s(address))

    async def opens(self, name: str, address: str, password: str, kept: str | None) -> bool:
        """Whether the password is right; a wrong one counts."""
        async with self._slots:
            is_right = await asyncio.to_thread(check_password, kept, password)
        if is_right:
            self._pair.forget((name, address))
        else:
            for throttle, key in ((self._pair, (name, address)), (self._name, name), (self._address, address)):
                throttle.failed(key)
        return is_right
