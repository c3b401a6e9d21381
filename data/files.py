"""What has to be on the disk before anything relies on it."""

from __future__ import annotations

import os
from pathlib import Path


def flush_to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk.

    A new or renamed file is there after a power cut only once its folder is flushed as well.

    Raises:
        OSError: there is no such path, or the disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
