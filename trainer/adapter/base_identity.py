"""Which base a directory or the hub's cache holds: its name, its revision, and a digest of its weights.

A name says little: repositories are renamed, and a directory has whatever name somebody gave it. So what an adapter's
manifest recorded is compared by revision and digest; where these cannot say, the tensors' shapes decide, and a name
that differs is only worth a warning.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from data.storage.files import sha256_of
from data.storage.weight_files import embedding_file

NAME_KEY = "caseloop_name"
_HASHED_WHOLE = 256 << 20
_DIGEST = "sha256:"
_SNAPSHOT = re.compile(r"models--([^/]+)/snapshots/([0-9a-f]{40})$")


class BaseIdentity(NamedTuple):
    """What is known of a base.

    Attributes:
        name: the one stored in its configuration, the repository's on the hub, or else the directory's.
        revision: the commit on the hub, or else the digest; None where neither is known.
        digest: of its weights, wherever they are; None where they are not at hand.
    """

    name: str
    revision: str | None = None
    digest: str | None = None


def base_identity(directory: Path) -> BaseIdentity:
    """Name, revision and digest of a base in a directory, which may be one of the hub's cache.

    Raises:
        OSError, ValueError: it has no configuration that can be read.
    """
    resolved = directory.absolute()
    digest = _digest_of_weights(directory)
    if cached := _SNAPSHOT.search(str(resolved)):
        return BaseIdentity(cached[1].replace("--", "/"), cached[2], digest)
    stored = json.loads((directory / "config.json").read_text(encoding="utf-8")).get(NAME_KEY)
    return BaseIdentity(stored or resolved.name, digest, digest)


def hub_identity(repository: str) -> BaseIdentity:
    """The same of a base that is named by its hub id, as far as the hub's cache on this machine knows it."""
    directory = cached_directory(repository)
    return BaseIdentity(repository) if directory is None else base_identity(directory)._replace(name=repository)


def cached_directory(repository: str) -> Path | None:
    """Where the hub's cache on this machine has the newest files of a repository; None where it has none."""
    from huggingface_hub import try_to_load_from_cache

    with suppress(OSError, ValueError):  # of a name that the hub cannot have
        found = try_to_load_from_cache(repository, "config.json")
        return Path(found).parent if isinstance(found, str) else None
    return None


def identity_of(base: str | Path) -> BaseIdentity:
    """What is known of a base that is a directory, or else a hub id.

    Raises:
        OSError, ValueError: it is a directory without a configuration that can be read.
    """
    return base_identity(Path(base)) if Path(base).is_dir() else hub_identity(str(base))


def compare_bases(recorded: BaseIdentity, base: BaseIdentity) -> Literal["same", "other", "unknown"]:
    """Whether two bases are one by what is recorded of them, whatever they are called.

    A commit and a digest cannot be compared with each other; two of a kind can. The same weights may have several
    commits: a repository gets a new one whenever its page changes.
    """
    commits = [one.revision for one in (recorded, base) if one.revision and not one.revision.startswith(_DIGEST)]
    if len(commits) == 2 and commits[0] == commits[1]:
        return "same"
    digests = [_known_digest(one) for one in (recorded, base)]
    for pair in (digests, commits):
        if len(pair) == 2 and all(pair):
            return "same" if pair[0] == pair[1] else "other"
    return "unknown"


def is_same_name(one: str, other: str) -> bool:
    """Whether two names are one model's: mirrors differ in the owner, and Meta's own repositories lost their prefix."""
    return _short(one) == _short(other)


def _short(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].casefold().removeprefix("meta-")


def _known_digest(base: BaseIdentity) -> str | None:
    if base.digest:
        return base.digest
    return base.revision if base.revision and base.revision.startswith(_DIGEST) else None


def _digest_of_weights(directory: Path) -> str | None:
    """Digest of the files that loading reads; None where one of them is not there (yet)."""
    paths = _weights_of(directory) + _table_of(directory)
    if not paths or not all(path.is_file() for path in paths):
        return None
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + _digest_of(path).encode())
    return f"{_DIGEST}{digest.hexdigest()[:16]}"


def _weights_of(directory: Path) -> list[Path]:
    """The safetensors that loading reads: a repository may keep the same weights in another form beside them."""
    whole, index = directory / "model.safetensors", directory / "model.safetensors.index.json"
    if whole.is_file():
        return [whole]
    with suppress(OSError, ValueError, AttributeError):
        names = {Path(name).name for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
        return sorted(directory / name for name in names)
    return sorted(directory.glob("*.safetensors"))


def _table_of(directory: Path) -> list[Path]:
    """The file with the embedding table, where it is stored apart."""
    with suppress(OSError, ValueError, AttributeError):
        name = embedding_file(json.loads((directory / "config.json").read_text(encoding="utf-8")))
        return [] if name is None else [directory / name]
    return []


def _digest_of(path: Path) -> str:
    """Digest of a weights file; of a very large one its size, beginning and end, which a rewrite cannot keep alike."""
    size = path.stat().st_size
    if size <= _HASHED_WHOLE:
        return sha256_of(path)
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(16 << 20))
        file.seek(size - (16 << 20))
        digest.update(file.read())
    return digest.hexdigest()
