"""Flushing reaches the file or the folder that was named, leaves nothing open, and hides no failure."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from data.storage.files import (
    flush_to_disk,
    remove_whole,
    save_json,
    sweep_drafts,
    whole_directory,
    whole_file,
    write_whole,
)

Flushed = list[tuple[int, int]]


def identity(place: Path | int) -> tuple[int, int]:
    found = os.stat(place)
    return found.st_dev, found.st_ino


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> Flushed:
    """What was flushed, in order; it is flushed all the same."""
    seen: Flushed = []
    flush: Callable[[int], None] = os.fsync

    def watched(descriptor: int) -> None:
        seen.append(identity(descriptor))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return seen


def test_a_file_and_a_folder_are_flushed(tmp_path: Path, flushed: Flushed) -> None:
    path = tmp_path / "report"
    path.write_text("text", encoding="utf-8")
    flush_to_disk(path)
    flush_to_disk(tmp_path)
    assert flushed == [identity(path), identity(tmp_path)]
    assert path.read_text(encoding="utf-8") == "text"


def test_a_failure_is_told_and_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        assert identity(descriptor) == identity(tmp_path)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No space"):
        flush_to_disk(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_does_not_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        flush_to_disk(tmp_path / "nothing")
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_as_a_whole_and_flushed(tmp_path: Path, flushed: Flushed) -> None:
    path = tmp_path / "settings.json"
    path.write_text("before", encoding="utf-8")
    with whole_file(path) as file:
        file.write("grün".encode())
        file.flush()
        assert path.read_text(encoding="utf-8") == "before"
    assert path.read_text(encoding="utf-8") == "grün"
    assert flushed == [identity(path), identity(tmp_path)]
    assert path.stat().st_mode & 0o777 == 0o600
    write_whole(path, [b"in ", b"pieces"])
    assert path.read_bytes() == b"in pieces"
    save_json(path, {"value": "grün"})
    assert path.read_bytes() == '{\n "value": "grün"\n}\n'.encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("before", encoding="utf-8")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, pieces())
    assert [(one, one.read_text()) for one in tmp_path.iterdir()] == [(path, "before")]


def test_a_directory_appears_as_a_whole_and_flushed(tmp_path: Path, flushed: Flushed) -> None:
    with whole_directory(tmp_path / "adapter") as draft:
        (draft / "weights").write_text("1", encoding="utf-8")
        assert not (tmp_path / "adapter").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"adapter"}
    places = (tmp_path / "adapter" / "weights", tmp_path / "adapter", tmp_path)
    assert flushed == [identity(place) for place in places]


def test_a_directory_that_could_not_be_filled_never_appears(tmp_path: Path) -> None:
    def fill() -> None:
        with whole_directory(tmp_path / "adapter") as draft:
            (draft / "weights").write_text("1", encoding="utf-8")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fill()
    assert not list(tmp_path.iterdir())


def test_drafts_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path: Path) -> None:
    for name in (".adapter.abcd_123.tmp", ".adapter.b.abcd_123.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").touch()
    with whole_directory(tmp_path / "adapter") as draft:
        assert {path.name for path in tmp_path.iterdir()} == {draft.name, ".adapter.b.abcd_123.tmp"}
        sweep_drafts(tmp_path / "adapter")
        assert draft.exists()


def test_a_directory_is_removed_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "weights").touch()
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # as if it were killed there
    remove_whole(tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()
    monkeypatch.undo()
    sweep_drafts(tmp_path / "adapter")
    assert not list(tmp_path.iterdir())
