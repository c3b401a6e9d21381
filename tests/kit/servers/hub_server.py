"""As much of the Hugging Face Hub's HTTP interface as publishing and pulling a small model repository needs.

The real client library talks to it; only the other side is ours. It keeps whole files in memory, takes every file
within the commit itself (no large-file storage) and knows one token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_tests_only"


@dataclass
class Hub:
    """What was asked of the server, and what it holds."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    commits: list[list[str]] = field(default_factory=list)

    @property
    def sha(self) -> str:
        return hashlib.sha1(str(len(self.commits)).encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, content: Any, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def is_known(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self.answer(401, {"error": "Invalid credentials"})
        return False

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].split("/")[1:]
        is_api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if is_api else parts[:2])
        files = self.hub.repositories.get(name)
        if not self.is_known():
            return
        if files is None:
            self.answer(404, {"error": "none"}, X_Error_Code="RepoNotFound")
        elif is_api:
            found = [{"rfilename": key, "size": len(data)} for key, data in files.items()]
            values = {"id": name, "sha": self.hub.sha, "siblings": found, "private": self.hub.private[name]}
            self.answer(200, values)
        elif parts[-1] not in files:
            self.answer(404, {"error": "none"}, X_Error_Code="EntryNotFound")
        else:
            data = files[parts[-1]]
            self.answer(200, data, ETag=f'"{hashlib.sha1(data).hexdigest()}"', X_Repo_Commit=parts[3])

    do_HEAD = do_GET  # noqa: N815 - named by the library

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.is_known():
            return
        if self.path == "/api/repos/create":
            self.create(json.loads(body))
        elif self.path == "/api/validate-yaml":
            is_yaml = json.loads(body)["content"].startswith("---\n")
            self.answer(200, {"errors": [] if is_yaml else [{"message": "no head"}], "warnings": []})
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked]
            self.answer(200, {"files": files})
        elif "/commit/" in self.path:
            self.commit("/".join(self.path.split("/")[3:5]), [json.loads(line) for line in body.splitlines()])
        else:
            self.answer(404, {"error": self.path})

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repositories:
            self.answer(409, {"error": "exists", "url": f"{self.hub.url}/{name}"})
            return
        self.hub.repositories[name], self.hub.private[name] = {".gitattributes": b""}, asked["visibility"] == "private"
        self.answer(200, {"url": f"{self.hub.url}/{name}", "name": name})

    def commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        files = self.hub.repositories[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self.hub.commits.append([line["value"]["path"] for line in lines if line["key"] != "header"])
        place = f"{self.hub.url}/{name}/commit/{self.hub.sha}"
        self.answer(200, {"commitUrl": place, "commitOid": self.hub.sha, "success": True})


@contextmanager
def hub_server() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
