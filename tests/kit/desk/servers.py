"""Servers of a model for tests: one that is not ours, with the embedded model, and one that goes wrong on demand."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from app.core.desk import Desk
from data.task import Extraction, load_task
from tests.kit.homes import Home, wait_for

TASK = load_task()
SECRET = "a-key-that-nobody-sees"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def merged_checkpoint(out: Path) -> Path:
    """The embedded base and adapter as one plain checkpoint, such as every server loads."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from data.storage.locations import EMBEDDED
    from trainer.model.loading import load_model

    loaded = load_model(EMBEDDED / "base", EMBEDDED / "adapter", device="cpu")
    settings = {key: value for key, value in loaded.model.config.to_dict().items() if key != "quantization_config"}
    plain = LlamaForCausalLM(LlamaConfig(**settings))
    plain.load_state_dict(loaded.model.state_dict())
    plain.save_pretrained(out)
    loaded.tokenizer.save_pretrained(out)
    return out


class TransformersServer:
    """`transformers serve` with a checkpoint, in a process of its own; its model's name is the checkpoint's path."""

    def __init__(self, checkpoint: Path, port: int | None = None) -> None:
        self.model, self.port = str(checkpoint), port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._program = shutil.which("transformers", path=str(Path(sys.executable).parent))
        self.start()

    def start(self) -> None:
        command = [self._program, "serve", self.model, "--host", "127.0.0.1", "--port", str(self.port)]
        quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [*command, "--device", "cpu"],
            env={**os.environ, **quiet},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers, "transformers serve")

    def _answers(self) -> bool:
        assert self.process.poll() is None, "transformers serve ended"
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


Fault = Callable[[BaseHTTPRequestHandler, dict[str, Any]], bool]
"""Sees a request and its body first; True where it has dealt with it."""


class FaultyServer:
    """An OpenAI-compatible server that answers with an empty record, after a fault has had its chance.

    It takes what `refused` does not name, at any depth of a request, and counts the prompt's begin-of-text tokens as if
    it added one itself where `adds_begin` says so. With `per_word` its model has no such tokens: a word has so many,
    and `around` are those of a template that it writes around every prompt; `chat` are those of the shortest chat.
    """

    def __init__(self, fault: Fault = lambda handler, body: False) -> None:
        self.fault = fault
        self.refused: frozenset[str] = frozenset()
        self.adds_begin = self.is_chat_only = False
        self.per_word = self.around = 0
        self.chat: int | None = None
        self.models = ["served"]
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.n_at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self.record = json.dumps(Extraction.empty(TASK).as_dict())
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.start()

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._post(self)

            def do_GET(self) -> None:
                send(self, {"object": "list", "data": [{"id": name, "object": "model"} for name in outer.models]})

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.is_running = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.is_running = False
        self._server.shutdown()
        self._server.server_close()

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        if not self.is_running:  # by a connection that was left open
            handler.close_connection = True
            return
        with self._lock:
            self.bodies.append(body)
            self.headers.append(dict(handler.headers))
            self.n_at_once += 1
            self.most_at_once = max(self.most_at_once, self.n_at_once)
        try:
            self._answer(handler, body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with self._lock:
                self.n_at_once -= 1

    def _answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        is_chat = handler.path.endswith("/chat/completions")
        if self.is_chat_only and not is_chat:
            send(handler, {"error": {"message": "no such route"}}, 404)
        elif unknown := sorted(name for name in self.refused if f'"{name}":' in json.dumps(body)):
            send(handler, {"error": {"message": f"what is {unknown[0]}?"}}, 400)
        elif body.get("max_tokens") != 1 and self.fault(handler, body):
            return
        else:
            send(handler, self.completion(body, self.record))

    def completion(self, body: dict[str, Any], text: str, finish: str = "stop") -> dict[str, Any]:
        """A whole answer with this text."""
        n_tokens: int | None = str(body.get("prompt", "")).count("<|begin_of_text|>")
        if self.per_word:
            n_tokens = self.around + sum(self.per_word if "<|" in w else 1 for w in str(body.get("prompt")).split())
        if "messages" in body:
            n_tokens = self.chat
        if n_tokens is not None and self.adds_begin and body.get("add_special_tokens", True):
            n_tokens += 1
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "text": text}
        if "messages" in body:
            choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
        return {"id": "1", "object": "completion", "created": 1, "model": body["model"], "choices": [choice]} | (
            {"usage": {"prompt_tokens": n_tokens, "completion_tokens": 9, "total_tokens": n_tokens + 9}}
            if n_tokens is not None
            else {}
        )


def send(handler: BaseHTTPRequestHandler, answer: Any, status: int = 200, **headers: str) -> bool:
    """Send an answer: JSON, or bytes as they are."""
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    handler.send_response(status)
    handler.send_header("content-type", headers.pop("content_type", "application/json"))
    handler.send_header("content-length", headers.pop("content_length", str(len(content))))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)
    return True


def cut(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> bool:
    """Close the connection in the middle of the answer."""
    handler.close_connection = True
    return send(handler, b'{"choices": [{"text": "{', content_length="500")


def says(text: str, finish: str = "stop") -> Fault:
    """Answer with this text."""

    def fault(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> bool:
        key = "message" if "messages" in body else "text"
        content = {"role": "assistant", "content": text} if key == "message" else text
        choices = [{"index": 0, "finish_reason": finish, key: content}]
        return send(handler, {"id": "1", "object": "completion", "created": 1, "model": "served", "choices": choices})

    return fault


def fails(status: int, **headers: str) -> Fault:
    """Answer with an error, in words that quote the request."""
    return lambda handler, body: send(handler, {"error": {"message": str(body)}}, status, **headers)


def slow(seconds: float) -> Fault:
    """Answer rightly, but late."""

    def fault(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> bool:
        time.sleep(seconds)
        return False

    return fault


def sends(content: bytes, content_type: str = "application/json") -> Fault:
    """Answer with these bytes."""
    return lambda handler, body: send(handler, content, content_type=content_type)


@contextmanager
def faulty(fault: Fault = lambda handler, body: False) -> Iterator[FaultyServer]:
    """A server with a fault, while the block runs."""
    server = FaultyServer(fault)
    try:
        yield server
    finally:
        server.stop()


def settle(home: Home, url: str, **more: str) -> Home:
    """Let a home's model be the one behind a server."""
    variables = {
        "CASELOOP_ENGINE": "openai",
        "CASELOOP_BASE_URL": url,
        "CASELOOP_MODEL": "served",
        "CASELOOP_API_KEY": SECRET,
        "CASELOOP_TIMEOUT": "20",
        "CASELOOP_CONCURRENCY": "4",
    }
    home.variables.update({**variables, **more})
    return home


@contextmanager
def watching(desk: Desk) -> Iterator[None]:
    """The worker at work on a desk, in a thread of the test's own process, while the block runs."""
    from app.worker.prefill import Prefill

    stop = threading.Event()
    thread = threading.Thread(target=Prefill(desk).watch, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
