"""Label Studio itself, started from a folder of its own; `make proof` installs it there from `label_studio.txt`."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("CASELOOP_LABEL_STUDIO", ROOT / ".venv" / "label-studio"))
STARTS_WITHIN_S = 600  # its first start makes a database
MEMBER, _PASSWORD = "lead@example.org", "a-password-of-tests"  # whose decisions it takes under their name


class LabelStudio:
    """A running Label Studio, asked as its own page asks it."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=120, follow_redirects=True)
        page = self._client.get("/user/login/")
        mark = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert mark, "no form to sign in"
        form = {"email": MEMBER, "password": _PASSWORD, "csrfmiddlewaretoken": mark.group(1)}
        self._client.post("/user/login/", data=form, headers={"Referer": url})

    def project(self, config: str) -> int:
        """A new project with this labelling configuration; its number."""
        made = self._asked("POST", "/api/projects/", json={"title": "from caseloop", "label_config": config})
        return int(made.json()["id"])

    def bring(self, project: int, tasks: bytes) -> dict[str, Any]:
        """Import a file of tasks; the counts that it answers."""
        files = {"file": ("tasks.json", tasks, "application/json")}
        answer: dict[str, Any] = self._asked("POST", f"/api/projects/{project}/import", files=files).json()
        return answer

    def export(self, project: int, form: str) -> bytes:
        """A project as a file of its formats, for example "JSON" or "JSON_MIN"."""
        return self._asked("GET", f"/api/projects/{project}/export", params={"exportType": form}).content

    def export_whole(self, project: int) -> bytes:
        """A project as JSON with its predictions and people, of which "JSON" gives the numbers only."""
        whole = {"predictions": {"only_id": False}, "annotations__completed_by": {"only_id": False}}
        asked = {"title": "whole", "serialization_options": whole}
        made = self._asked("POST", f"/api/projects/{project}/exports/", json=asked).json()
        while made["status"] in ("created", "in_progress"):
            time.sleep(0.5)
            made = self._asked("GET", f"/api/projects/{project}/exports/{made['id']}").json()
        path = f"/api/projects/{project}/exports/{made['id']}/download"
        return self._asked("GET", path, params={"exportType": "JSON"}).content

    def _asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"X-CSRFToken": self._client.cookies.get("csrftoken") or "", "Referer": str(self._client.base_url)}
        answer = self._client.request(method, path, headers=headers, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer


@contextmanager
def label_studio(folder: Path) -> Iterator[LabelStudio]:
    """Label Studio with its data in a folder, without a word to anybody outside."""
    port = _free_port()
    quiet = {"COLLECT_ANALYTICS": "false", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "LATEST_VERSION_CHECK": "false"}
    line = [FOLDER / "bin" / "label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1"]
    line += ["--port", str(port), "--data-dir", folder, "--username", MEMBER, "--password", _PASSWORD]
    environ = {**os.environ, **quiet, "LABEL_STUDIO_BASE_DATA_DIR": str(folder)}
    with (folder / "log").open("wb") as log, subprocess.Popen(line, env=environ, stdout=log, stderr=log) as server:
        try:
            url, until = f"http://127.0.0.1:{port}", time.monotonic() + STARTS_WITHIN_S
            while not _answers(url):
                assert server.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
                assert time.monotonic() < until, "Label Studio does not answer"
                time.sleep(1)
            yield LabelStudio(url)
        finally:
            server.terminate()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/user/login/", timeout=5).is_success
    except httpx.HTTPError:
        return False
