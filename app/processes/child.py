"""Child processes that end with their parent: own session, death signal, stopped as a group."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

_PR_SET_PDEATHSIG = 1
_PARENT = "CASELOOP_PARENT"
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

ROOT = Path(__file__).parents[2]


def start_child(
    module: str,
    arguments: Sequence[str],
    *,
    log: Path,
    out: Path | None = None,
    niceness: int = 0,
    keep_open: Sequence[int] = (),
    environ: Mapping[str, str] = os.environ,
) -> subprocess.Popen[bytes]:
    """Start `python -m module arguments...` in a session of its own, with its outputs appended to files.

    The child gets SIGTERM from the kernel when this process dies, however it dies (on Linux). Start children from
    the main thread: the death signal is bound to the thread that starts them.

    Args:
        module: for example `app.web.application`.
        arguments: what follows on its command line.
        log: file for stderr, and for stdout without `out`; readable by the owner only.
        out: file for stdout.
        niceness: added to this process's own.
        keep_open: file descriptors to hand on, such as a lock that must live as long as the child.
        environ: the child's environment, to which the parent's id is added.
    """
    parent = os.getpid()

    def settle() -> None:
        if niceness:
            os.nice(niceness)
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the signal was asked for
            os._exit(1)

    variables = {**own_modules(environ), _PARENT: str(parent)}
    variables.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    with _open_to_append(log) as errors, _open_to_append(out or log) as output:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=variables,
            start_new_session=True,
            pass_fds=tuple(keep_open),
            preexec_fn=settle,  # noqa: PLW1509 - started from the main thread of a process that holds no locks
        )


def stop_child(child: subprocess.Popen[bytes], *, grace_s: float = 10.0) -> int:
    """Ask a child and its whole group to end, then make it; returns its exit code (negative: the signal)."""
    if child.returncode is None:
        _signal_group(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while not _has_ended(child.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        # Also after a clean end, so that no grandchild outlives it; and before the child is reaped, because only
        # then is its id surely not another process's.
        _signal_group(child.pid, signal.SIGKILL)
    return child.wait()


def own_modules(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Python process that finds the desk's modules and none in the directory that it starts in,
    where somebody's own `app.py`, `data/` or `json.py` may be. It holds for the children of children too."""
    given = environ.get("PYTHONPATH", "").split(os.pathsep)
    search = os.pathsep.join([str(ROOT), *filter(None, given)])  # an empty part would be that directory again
    return {**environ, "PYTHONPATH": search, "PYTHONSAFEPATH": "1"}


def parent_is_gone() -> bool:
    """Whether the process that started this one is dead; False for one that was started by hand.

    Needed beside the death signal on systems that have none.
    """
    parent = os.environ.get(_PARENT)
    return parent is not None and os.getppid() != int(parent)


def _has_ended(child: int) -> bool:
    """Whether a child has ended, without reaping it."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _open_to_append(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
