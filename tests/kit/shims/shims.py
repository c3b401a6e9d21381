"""Small C libraries that stand between a process and the system; the tests make them if there is a compiler."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def why_not() -> str:
    """Why no such library can be used here; empty where it can."""
    if sys.platform != "linux":
        return "libraries are put before the system's on Linux only"
    return "" if shutil.which("cc") else "no C compiler (cc): on Debian and Ubuntu, apt install gcc libc6-dev"


def build(name: str, folder: Path) -> Path:
    """Compile `tests/NAME.c` to a library in a folder."""
    library = folder / f"{name}.so"
    line = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / f"{name}.c"), "-ldl", "-lpthread"]
    subprocess.run(line, check=True)
    return library
