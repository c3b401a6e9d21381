"""Where an adapter may be published: a repository on the Hugging Face Hub, or a directory behind an fsspec URL.

Keys and tokens come from the libraries' own environment variables; nothing of a library's message is repeated, since it
may quote them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from app.core.adapters import MANIFEST, WEIGHTS
from app.core.errors import DeskError, InputError
from app.core.settings import is_hub_id

FILES = ("adapter_config.json", "calibration.json", "words.json", CARD := "README.md", WEIGHTS, MANIFEST)
"""What an adapter consists of, and all that ever travels; the manifest is last, since it speaks for the others."""
CHUNK = 4 << 20
MARK = "publishing.txt"
"""Stands beside the files while they are uploaded: with it and without a manifest, they are half an upload."""
_MARK_TEXT = b"An adapter is being published here with caseloop; it is not complete yet.\n"
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")

Sent = Callable[[int], None]
"""Told the number of bytes that went through."""


class Place(Protocol):
    """Where the files of one adapter are, or will be.

    Attributes:
        shown: its name, for sentences.
    """

    shown: str

    def sizes(self) -> dict[str, int]:
        """Names and bytes of the files there; none where the place is not there yet."""

    def read(self, name: str) -> bytes:
        """The content of a small file."""

    def fetch(self, name: str, folder: Path, sent: Sent) -> None:
        """Copy a file into a folder of this machine."""

    def replace(self, files: Mapping[str, Path | bytes], sent: Sent) -> None:
        """Put these files of an adapter there, in place of those of another; what else is there stays.

        A reader sees the manifest only beside all the files that it speaks for.
        """


def open_place(where: str, *, private: bool = True) -> Place:
    """The place that a person named; nothing is contacted yet.

    Args:
        where: a hub id `owner/name`, or a URL such as `s3://bucket/prefix` or `file:///mnt/share/adapter`.
        private: whether a hub repository that has to be made is only for those who may see it.

    Raises:
        InputError: it is neither.
    """
    if "://" in where:
        return Directory(_check_url(where))
    if is_hub_id(where):
        return HubRepository(where, private=private)
    raise InputError(
        f"Expected a hub id such as owner/name, or a URL such as s3://bucket/prefix or file:///folder; found {where!r}."
    )


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        # It is not repeated: it may hold a password.
        raise InputError(
            "Expected a URL such as s3://bucket/prefix, without user name and query; found another URL. "
            "Keys belong in the environment, such as AWS_ACCESS_KEY_ID."
        )
    if not (parts.netloc + parts.path).strip("/"):
        raise InputError(f"Expected a directory in the URL, such as s3://bucket/prefix; found {url!r}. Name one.")
    return url.rstrip("/")


class Directory:
    """A directory behind an fsspec URL: an object store, a share, a folder."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.shown, protocol = url, url.split("://", 1)[0]
        options: dict[str, Any] = {}
        if protocol in OBJECT_STORES:
            from obstore.fsspec import register

            register(protocol)
            is_plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
            options = {
                "client_options": {"connect_timeout": "10s", "allow_http": is_plain},
                "retry_config": {"max_retries": 2},
            }
        try:
            self._files, self._root = fsspec.url_to_fs(url, **options)
        except (ValueError, ImportError) as error:
            raise InputError(
                f"Expected a URL that can be opened, such as s3:// or file://; {protocol}:// cannot. Use another, or "
                "install fsspec's package for it."
            ) from error

    def sizes(self) -> dict[str, int]:
        """Names and bytes of the files there."""
        with self._explain_errors():
            try:
                found = self._files.ls(self._root, detail=True, refresh=True)
            except FileNotFoundError:
                return {}
        return {str(one["name"]).rsplit("/", 1)[-1]: int(one["size"]) for one in found if one["type"] == "file"}

    def read(self, name: str) -> bytes:
        """The content of a small file."""
        with self._explain_errors():
            return bytes(self._files.cat_file(self._path(name)))

    def fetch(self, name: str, folder: Path, sent: Sent) -> None:
        """Copy a file into a folder of this machine."""
        with (
            self._explain_errors(),
            (folder / name).open("wb") as target,
            self._files.open(self._path(name), "rb") as source,
        ):
            _copy(source, target, sent)

    def replace(self, files: Mapping[str, Path | bytes], sent: Sent) -> None:
        """Put these files there: the old manifest goes first, the new one comes last."""
        there = self.sizes()
        with self._explain_errors():
            self._files.makedirs(self._root, exist_ok=True)
            self._files.pipe_file(self._path(MARK), _MARK_TEXT)
            for name in reversed(FILES):
                if name in there and (name == MANIFEST or name not in files):
                    self._files.rm_file(self._path(name))
            for name in FILES:
                if name in files:
                    self._send(name, files[name], sent)
            self._files.rm_file(self._path(MARK))

    def _send(self, name: str, content: Path | bytes, sent: Sent) -> None:
        if isinstance(content, bytes):
            self._files.pipe_file(self._path(name), content)
            sent(len(content))
            return
        with content.open("rb") as source, self._files.open(self._path(name), "wb") as target:
            _copy(source, target, sent)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of this machine: a full disk, a folder that cannot be written
            raise DeskError(_sentence(self.shown, error)) from error


def _copy(source: Any, target: Any, sent: Sent) -> None:
    while chunk := source.read(CHUNK):
        target.write(chunk)
        sent(len(chunk))


_REASONS = (
    (
        ("NoSuchBucket", "bucket does not exist"),
        "There is no bucket for {}. Create it, or check its name.",
    ),
    (
        ("latest/api/token", "latest/meta-data", "Unauthenticated"),
        "No keys for {}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or those of your store.",
    ),
    (
        ("PermissionDenied", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403 Forbidden"),
        "Access to {} was refused. Check the keys in the environment and their permissions.",
    ),
)
_NOT_ALLOWED = "No token gives access to {}. Run hf auth login or set HF_TOKEN, and check the name."
_BAD_CARD = "{} refused the files. Correct the head of the adapter's README.md."
_NO_ANSWER = "{} does not answer ({}). Check the address and the network, and run the command again."


def _sentence(where: str, error: Exception) -> str:
    text = f"{type(error).__name__} {error}"
    said = [sentence for words, sentence in _REASONS if any(word in text for word in words)]
    return (said[0] if said else _NO_ANSWER).format(where, type(error).__name__)


class HubRepository:
    """A model repository on the Hugging Face Hub; a change there is one commit, so readers see all of it or nothing."""

    def __init__(self, repo: str, *, private: bool) -> None:
        from huggingface_hub import HfApi

        self.shown, self._private, self._api = repo, private, HfApi()
        self._revision: str | None = None

    def sizes(self) -> dict[str, int]:
        """Names and bytes of the files there; what is read later is of the same commit."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with self._explain_errors():
            try:
                found = self._api.model_info(self.shown, files_metadata=True)
            except RepositoryNotFoundError:
                return {}
        self._revision = found.sha
        return {file.rfilename: file.size or 0 for file in found.siblings or ()}

    def read(self, name: str) -> bytes:
        """The content of a small file."""
        import tempfile

        with tempfile.TemporaryDirectory(prefix="caseloop-hub-") as folder:
            self.fetch(name, Path(folder), lambda _: None)
            return (Path(folder) / name).read_bytes()

    def fetch(self, name: str, folder: Path, sent: Sent) -> None:
        """Copy a file into a folder of this machine."""
        with self._explain_errors():
            self._api.hf_hub_download(self.shown, name, revision=self._revision, local_dir=folder)
        shutil.rmtree(folder / ".cache", ignore_errors=True)
        sent((folder / name).stat().st_size)

    def replace(self, files: Mapping[str, Path | bytes], sent: Sent) -> None:
        """Put these files there, in one commit; the repository is made where there is none."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        there = self.sizes()
        changes: list[Any] = [CommitOperationDelete(name) for name in FILES if name in there and name not in files]
        changes += [CommitOperationAdd(name, content) for name, content in files.items()]
        with self._explain_errors():
            self._api.create_repo(self.shown, private=self._private, exist_ok=True)
            self._api.create_commit(self.shown, changes, commit_message="Publish an adapter with caseloop")
        sent(sum(len(content) if isinstance(content, bytes) else content.stat().st_size for content in files.values()))

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

        try:
            yield
        except OfflineModeIsEnabled as error:
            found = f"HF_HUB_OFFLINE forbids asking the hub for {self.shown}. Unset it."
            raise DeskError(found) from error
        except HFValidationError as error:
            raise InputError(f"Expected a hub id such as owner/name; found {self.shown!r}.") from error
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of this machine: a full disk
            response = error.response if isinstance(error, HfHubHTTPError) else None
            refused = response is not None and response.status_code in (401, 403, 404)
            sentence = _NOT_ALLOWED if refused else _NO_ANSWER
            if isinstance(error, ValueError):
                sentence = _BAD_CARD
            raise DeskError(sentence.format(f"the hub's {self.shown}", type(error).__name__)) from error
