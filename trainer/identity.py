"""Which base a directory holds: its name and its revision, as adapters for it name them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from data.files import sha256_of

NAME_KEY = "caseloop_name"
_HASHED_WHOLE = 256 << 20


def base_identity(directory: Path) -> tuple[str, str]:
    """Name and revision of a local base.

    The name is the one stored in its configuration, the repository's where the directory is a hub cache, or else
    the directory's. The revision is the commit in a hub cache, or else a digest of the weights.
    """
    resolved = directory.absolute()
    cached = re.search(r"models--([^/]+)/snapshots/([0-9a-f]{40})$", str(resolved))
    if cached:
        return cached[1].replace("--", "/"), cached[2]
    stored = json.loads((directory / "config.json").read_text(encoding="utf-8")).get(NAME_KEY)
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.safetensors")):
        digest.update(path.name.encode() + _digest_of(path).encode())
    return stored or resolved.name, f"sha256:{digest.hexdigest()[:16]}"


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
