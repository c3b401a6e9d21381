"""A real S3 API on this machine: moto's server as a process, and the environment that leads clients to it."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.kit.desk.servers import free_port
from tests.kit.homes import wait_for

FOLDER = Path(sys.prefix) / "s3-server"
BUCKET = "adapters-of-the-registry"


def variables(port: int) -> dict[str, str]:
    """What a person sets to use an S3 store that is not Amazon's."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests-secret",
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """A running server with one empty bucket; the variables that lead to it."""
    if not FOLDER.is_dir():
        pytest.skip(f"no S3 server in {FOLDER}: make test installs it")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(FOLDER)}, **quiet)
    try:
        place = variables(port)["AWS_ENDPOINT_URL"]

        def answers() -> bool:
            assert server.poll() is None, "the S3 server ended"
            with suppress(OSError):
                request = urllib.request.Request(f"{place}/{BUCKET}", method="PUT")
                return urllib.request.urlopen(request, timeout=30).status == 200
            return False

        wait_for(answers, "the S3 server")
        yield variables(port)
    finally:
        server.kill()
        server.wait()
