"""Real processes in milliseconds: a parent that has imported everything forks a child for every start.

A parent must have no thread when it forks, because a lock that a thread holds stays locked for ever in the child.
Proofs therefore run in a process of their own, and run no model before they fork.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""Environment of a parent: libraries start threads as they are imported, OpenMP, OpenBLAS, and Arrow's allocator."""


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, negative for the signal that killed it, and what it said."""

    code: int
    said: bytes

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True)
class Child:
    pid: int
    pipe: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def read(self) -> bytes:
        """What it says next; nothing once it has ended."""
        return os.read(self.pipe, 1 << 16)

    def end(self) -> Ended:
        """Wait for its end."""
        said = b"".join(iter(self.read, b""))
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        return Ended(os.waitstatus_to_exitcode(status), said)


def fork(work: Callable[[int], object]) -> Child:
    """Start a child that performs `work`, given the pipe that it may write to; its exit code is 1 if that fails."""
    out, into = os.pipe()
    gc.freeze()  # a child that collects garbage would copy all that its parent has imported

    def perform() -> None:
        os.close(out)
        work(into)

    pid = start(perform)
    os.close(into)
    return Child(pid, out)


def start(work: Callable[[], object]) -> int:
    """Fork, and perform `work` in the child, which ends with it; the child's number as a process.

    Its exit code is that of a `SystemExit`, else 0, or 1 if the work fails.
    """
    assert n_threads() == 1, "expected one thread before a fork; start the proof with python -m tests.proofs NAME"
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:  # noqa: BLE001 - a child must never go on as a copy of its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def n_threads() -> int:
    """Of this process, also those that C libraries started."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())
