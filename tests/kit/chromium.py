"""Installs a Chromium for the browser tests where there is none.

`python -m tests.kit.chromium --install` is what set-up calls: a browser that is there, Playwright's own, Debian's
package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from app.chromium import ARGUMENTS, find

__all__ = ["ARGUMENTS", "find", "install"]


def install() -> str | None:
    """Find a Chromium or install one; the path, or None where neither worked."""
    path = find()
    if path:
        print(f"Browser tests use {path}.")
        return path
    print("No Chromium found; asking Playwright for one ...")
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False, timeout=900)
    if done.returncode == 0 and find():
        return find()
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Playwright could not fetch one; installing Debian's package ...")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False, env=quiet, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "chromium"], check=False, env=quiet, stdout=subprocess.DEVNULL
        )
    return find()


if __name__ == "__main__":
    if "--install" in sys.argv and install() is None:
        print("No Chromium could be installed. Install one (Debian: apt install chromium) or set CASELOOP_CHROMIUM.")
        raise SystemExit(1)
    print(find())
