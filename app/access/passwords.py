"""Passwords: kept as argon2id hashes, checked at most two at a time, and tried only so often."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.access.throttle import Attempts
from app.core.errors import DeskError, InputError

MIN_CHARACTERS, MAX_CHARACTERS = 12, 1024
N_AT_ONCE = 2  # each takes 64 MiB and a quarter of a second: more at once could starve the reviewers
N_WAITING = 16  # more would wait for longer than anybody does

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
            f"The password needs at least {MIN_CHARACTERS} characters; this one has {len(password)}. "
            "A few words in a row are easy to remember and hard to guess."
        )
    if password.casefold() == name.casefold():
        raise InputError("The password must not be the name. Choose another.")
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


class TooManyError(DeskError):
    """Too many wrong passwords were tried.

    Attributes:
        wait_s: seconds until the next may be.
    """

    def __init__(self, wait_s: float) -> None:
        minutes = math.ceil(wait_s / 60)
        super().__init__(f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}.")
        self.wait_s = wait_s


class TooBusyError(DeskError):
    """So many passwords wait to be checked that another would wait too long."""

    def __init__(self) -> None:
        super().__init__("Too many people are signing in at the moment. Try again in a few seconds.")


class Door:
    """Checks who signs in. One for the process: what it counts is counted together.

    Attributes:
        usual_s: what checking a password has taken lately, with the waiting for it.
    """

    usual_s = 0.25

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = asyncio.Semaphore(N_AT_ONCE)
        self._n_here = 0
        self._attempts = Attempts(clock)

    def refuse_many(self, name: str, address: str) -> None:
        """Refuse a name that has to wait before it may be tried from this address.

        Raises:
            TooManyError: it has to.
        """
        if wait_s := self._attempts.wait_s(name, address):
            raise TooManyError(wait_s)

    def is_spent(self, address: str) -> bool:
        """Whether so many passwords were wrong that further names from this address have one try each."""
        return self._attempts.is_spent(address)

    async def opens(self, name: str, address: str, password: str, kept: str | None) -> bool:
        """Whether the password is right. It counts as wrong until it is known to be right, however many are tried at
        the same time.

        Args:
            name: whose it is to be.
            address: where it was typed.
            password: what was typed.
            kept: the hash of the right one; None for a name that nobody has.

        Raises:
            TooManyError: this name has to wait; the password was not looked at.
            TooBusyError: too many others wait; the same.
        """
        self.refuse_many(name, address)  # nothing may wait between this and the counting
        is_spent = self.is_spent(address)
        attempt = self._attempts.begin(name, address)
        if is_spent and kept is None:
            # Made-up names without end must not cost a quarter of a second each, and must not look different.
            await asyncio.sleep(self.usual_s)
            return False
        if self._n_here >= N_AT_ONCE + N_WAITING:
            self._attempts.give_back(attempt)
            raise TooBusyError
        self._n_here += 1
        began = time.monotonic()
        try:
            async with self._slots:
                is_right = await asyncio.to_thread(check_password, kept, password)
        finally:
            self._n_here -= 1
        self.usual_s += (time.monotonic() - began - self.usual_s) / 4
        if is_right:
            self._attempts.forget_failures(attempt)
        return is_right
