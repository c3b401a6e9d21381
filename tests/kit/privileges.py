"""Root without its privileges: permissions of files count for it as for everybody."""

from __future__ import annotations

import ctypes


def without_privileges() -> None:
    """Make root ask for permission like everybody: it keeps its files and loses the right to pass over modes."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; without privileges there is nothing to drop
