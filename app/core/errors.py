"""What a person is told when something goes wrong: one sentence, never a traceback, never a note's text."""

from __future__ import annotations

import errno

from app.core.logs import place

BAD_INPUT = 2
FAULT = 3
INTERRUPTED = 130

_OURS = ("app.", "db.", "data.", "trainer.")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DeskError(RuntimeError):
    """Something that the desk cannot do now; the message says why and what to do."""


class InputError(ValueError):
    """Something that the user gave and that cannot be used; the message says what to give instead."""


class Interrupted(DeskError):  # noqa: N818 - it reads as what it says
    """The user or the system stopped it; the message says how to go on."""


def sentence_of(error: BaseException) -> str:
    """One sentence about an error: its own where it is ours, a safe one where it is a library's.

    The message of a library's error is never repeated: it may quote what the library was given.
    """
    if isinstance(error, (ValueError, RuntimeError)) and type(error).__module__.startswith(_OURS):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno in _FULL:
        where = f" while writing {error.filename}" if error.filename else ""
        return (
            f"The disk is full{where}. Free some space and run the command again: "
            "everything stored before is untouched."
        )
    if isinstance(error, OSError) and error.strerror:
        where = f" with {error.filename}" if error.filename else ""
        return f"The system refused{where}: {error.strerror}. Check the path and its permissions."
    if isinstance(error, MemoryError):
        return "Out of memory. Close other programs, or use a smaller model or batch."
    return (
        f"Internal error in caseloop ({place(error)}). Run it again with CASELOOP_DEBUG=1 for details, and report it."
    )


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that ended with this error."""
    if isinstance(error, (KeyboardInterrupt, Interrupted)):
        return INTERRUPTED
    is_known = type(error).__module__.startswith(_OURS) or isinstance(error, (OSError, MemoryError))
    return BAD_INPUT if is_known else FAULT
