"""What the tests cost, by room: `python -m pytest --junitxml FILE`, then `python -m tests.bench suite FILE`."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree


def count_seconds(report: Path, n_files: int) -> dict[str, Any]:
    """Tests and seconds of every room (a folder) and file, the dearest first.

    Args:
        report: what pytest wrote with `--junitxml`; seconds are those between a test's set-up and its end, waiting
            included, and the set-up of what a file shares counts for its first test.
        n_files: how many files to name.

    Returns:
        `rooms` and `files`, each a mapping of name to `n_tests` and `seconds`.
    """
    rooms: defaultdict[str, list[float]] = defaultdict(list)
    files: defaultdict[str, list[float]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):
        file = PurePosixPath(case.attrib["classname"].replace(".", "/"))
        file = file if file.name.startswith("test_") else file.parent  # a class has its own name behind its file's
        rooms[str(file.parent)].append(float(case.attrib["time"]))
        files[f"{file}.py"].append(float(case.attrib["time"]))
    return {"rooms": _sums(rooms), "files": dict(list(_sums(files).items())[:n_files])}


def _sums(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    sums = {name: {"n_tests": len(some), "seconds": round(sum(some), 1)} for name, some in seconds.items()}
    return dict(sorted(sums.items(), key=lambda one: -one[1]["seconds"]))
