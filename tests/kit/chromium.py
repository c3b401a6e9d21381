"""Finds a Chromium to test and measure the desk with, and installs one where there is none.

Looked for are `CASELOOP_CHROMIUM`, a system browser, and Playwright's own.

`python -m tests.kit.chromium --install` is what set-up calls: a browser that is there, Playwright's own, Debian's
package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Without these flags a headless Chromium looks for its maker's servers at every start.
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
]


def find() -> str | None:
    """Path of a Chromium that can be started, or None."""
    named = os.environ.get("CASELOOP_CHROMIUM")
    if named:
        return named
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    return _of_playwright()


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


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
