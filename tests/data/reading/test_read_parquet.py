"""Notes from hostile Parquet: what a file unpacks to is bounded before it is unpacked."""

from __future__ import annotations

import subprocess
import sys
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from data.limits import MIB
from data.reading.tables import parquet as parquet_records
from data.reading.tables.parquet_pages import groups, pages
from tests.kit.note_files import CANARY, file, only, read


def write(path: Path, columns: dict[str, Any], **settings: Any) -> Path:
    parquet.write_table(pyarrow.table(columns), path, **settings)
    return path


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
@pytest.mark.parametrize("use_dictionary", [True, False])
def test_page_headers_are_read_as_arrow_wrote_them(
    tmp_path: Path, version: str, compression: str, use_dictionary: bool
) -> None:
    texts = [f"Note {number}, {'word ' * (number % 7)}" for number in range(1000)]
    path = write(tmp_path / "a.parquet", {"text": texts, "x": [[1, None]] * len(texts)}, compression=compression,
                 data_page_version=version, use_dictionary=use_dictionary, data_page_size=1 << 10)  # fmt: skip
    metadata = parquet.read_metadata(path)
    (group,) = groups(path.read_bytes()[-8 - metadata.serialized_size : -8])
    assert (group.n_rows, [chunk.is_nested for chunk in group.chunks]) == (1000, [False, True])
    for number in range(2):
        chunk = metadata.row_group(0).column(number)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        assert group.chunks[number][:2] == (start, chunk.total_compressed_size)
        with path.open("rb") as stream:
            found = list(pages(stream, start, chunk.total_compressed_size))
        assert found[0].is_dictionary == use_dictionary
        assert sum(page.n_values for page in found if not page.is_dictionary) == chunk.num_values
        headers = chunk.total_uncompressed_size - sum(page.n_bytes for page in found)
        assert 0 < headers < 150 * len(found)
    notes, refusals = read(path)
    assert not refusals
    assert [note.text for note in notes] == texts


BOMBS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a page": ({"text": ["x" * (2 * MIB)]}, {"use_dictionary": False}, "at most 1 MB at once; found 2 MB"),
    "a dictionary": ({"text": ["x" * (2 * MIB)] * 3}, {}, "at most 1 MB at once; found 2 MB"),
    "many columns of it": (
        {"text": ["One."], **{f"c{number}": ["x" * (MIB // 4)] for number in range(8)}},
        {"use_dictionary": False},
        "at most 1 MB at once; found 2 MB",
    ),
    "values of a length": (
        {"text": ["One."], "x": pyarrow.array([None], pyarrow.binary(2 * MIB))},
        {},
        "at most 1 MB at once; found 2 MB",
    ),
    "items of lists": ({"text": ["One."], "x": [[None] * 2001]}, {}, "at most 2,000 items of lists"),
    "columns": ({"text": ["One."], **{f"c{number}": [1] for number in range(9)}}, {}, "at most 9 columns; found 10"),
    "rows": ({"text": ["One."] * 5001}, {}, "at most 5,000 rows; found 5,001"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_file_that_unpacks_to_too_much_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    limits = {"PAGES_BYTES": MIB, "NESTED_VALUES": 2000, "COLUMNS": 9, "ROWS": 5000}
    for name, limit in limits.items():
        assert getattr(parquet_records, f"MAX_PARQUET_{name}") > limit
        monkeypatch.setattr(parquet_records, f"MAX_PARQUET_{name}", limit)
    columns, settings, said = BOMBS[kind]
    path = write(tmp_path / "bomb.parquet", columns, compression="zstd", **settings)
    assert path.stat().st_size < 20_000
    refusal = only(path)
    assert said in refusal.sentence
    assert refusal.advice == "write it as .jsonl"


def test_a_long_footer_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_records, "MAX_PARQUET_FOOTER_BYTES", 400)
    assert "a footer of at most" in only(write(tmp_path / "a.parquet", {"text": [CANARY * 100]})).expected


def test_a_value_that_is_referred_to_again_and_again_takes_memory_once(tmp_path: Path) -> None:
    """A dictionary's 30 MB, in each of 64 rows, would be 2 GB: rows are unpacked a few at a time."""
    texts = pyarrow.DictionaryArray.from_arrays([0] * 64, ["x" * (30 * MIB)])
    settings = {"compression": "zstd", "write_statistics": False, "store_schema": False}
    write(tmp_path / "a.parquet", {"text": texts, "id": range(64)}, **settings)
    code = (
        "import re, sys; from pathlib import Path; from data.notes import read_notes\n"
        "from data.reading.records import Refusal\n"
        "from data.task import load_task\n"
        "found = list(read_notes(Path(sys.argv[1]), load_task(), original=False))\n"
        "assert all(isinstance(one, Refusal) for one in found), found\n"
        # Of this program alone: what getrusage tells begins with the size of whoever started it.
        "print(len(found), re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    line = [sys.executable, "-c", code, str(tmp_path / "a.parquet")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    n_refused, peak_kib = map(int, done.stdout.split())
    assert n_refused == 64
    assert peak_kib < 800 << 10


def test_rows_that_are_too_long_are_refused_alone(tmp_path: Path) -> None:
    texts = ["One.", CANARY + "x" * (5 * MIB), "Three."]
    for settings in ({}, {"use_dictionary": False}):
        notes, (refusal,) = read(write(tmp_path / "a.parquet", {"text": texts}, **settings))
        assert [note.text for note in notes] == ["One.", "Three."]
        assert (refusal.line, refusal.found) == (2, "more than 4,194,304 bytes")
    column = pyarrow.array(["One.", "Two."] * 3).dictionary_encode()
    assert len(read(write(tmp_path / "b.parquet", {"text": column}))[0]) == 6


def test_a_value_without_a_form_in_python_costs_only_itself(tmp_path: Path) -> None:
    bad = pyarrow.Array.from_buffers(
        pyarrow.string(),
        3,
        [None, pyarrow.py_buffer(b"\0\0\0\0\4\0\0\0\6\0\0\0\n\0\0\0"), pyarrow.py_buffer(b"One.t\xe9Two.")],
    )
    notes, (refusal,) = read(write(tmp_path / "a.parquet", {"text": bad}))
    assert [note.text for note in notes] == ["One.", "Two."]
    assert refusal.line == 2
    assert "expected text in UTF-8" in refusal.sentence
    late = pyarrow.array([0, 1 << 50], pyarrow.timestamp("s"))
    (first, second), _ = read(write(tmp_path / "b.parquet", {"text": ["One.", "Two."], "at": late}))
    assert first.metadata == {"at": "1970-01-01T00:00:00"}
    assert second.metadata == {}
    zone = pyarrow.array([0], pyarrow.timestamp("s", tz="Nowhere/Never"))
    assert len(read(write(tmp_path / "c.parquet", {"text": ["One."], "at": zone}))[0]) == 1


def test_values_that_json_does_not_have_become_text(tmp_path: Path) -> None:
    columns = {
        "text": pyarrow.array([b"One."], pyarrow.binary()),
        "id": pyarrow.array([Decimal("7.00")], pyarrow.decimal128(9, 2)),
        "inf": [float("-inf")],
        "nan": [float("nan")],
        "cost": pyarrow.array([Decimal("1.50")], pyarrow.decimal128(9, 2)),
        "at": pyarrow.array([time(8, 30)], pyarrow.time32("s")),
        "took": pyarrow.array([timedelta(hours=1)], pyarrow.duration("s")),
        "key": pyarrow.array([bytes(range(4))], pyarrow.binary(4)),
        "list": pyarrow.array([[b"x", None]], pyarrow.list_(pyarrow.binary())),
    }
    (note,), refusals = read(write(tmp_path / "a.parquet", columns))
    assert not refusals
    assert (note.text, note.external_id) == ("One.", "7")
    kept = {"inf": "-Infinity", "nan": None, "cost": "1.50", "at": "08:30:00", "took": "1:00:00", "key": "00010203"}
    assert note.metadata == kept | {"list": ["x", None]}


def test_ids_that_pandas_made_fractions_of_are_whole_again(tmp_path: Path) -> None:
    ids = pyarrow.array([1.0, 2.0, None, float("nan"), 1.5])
    notes, refusals = read(write(tmp_path / "a.parquet", {"text": [f"Note {n}." for n in range(5)], "id": ids}))
    assert not refusals
    assert [note.external_id for note in notes] == ["1", "2", None, None, "1.5"]


def test_a_header_that_lies_or_breaks_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"text": ["One, two, three."] * 100}, use_dictionary=False)
    start = parquet.read_metadata(path).row_group(0).column(0).data_page_offset
    raw = path.read_bytes()
    assert len(read(path)[0]) == 100
    for at in range(12):
        for byte in (0, 0x7F, 0x80, 0xFF):
            broken = raw[: start + at] + bytes([byte]) + raw[start + at + 1 :]
            read(file(tmp_path, broken, "broken.parquet"))  # whatever comes of it, nothing is raised
    footer = len(raw) - 8
    for length in (0, 1, 1 << 31, (1 << 32) - 1):
        assert only(file(tmp_path, raw[:footer] + length.to_bytes(4, "little") + raw[-4:], "cut.parquet"))


def test_which_columns_hold_items_of_lists(tmp_path: Path) -> None:
    row = {"a": 1, "b": [{"c": 1, "d": "x"}], "e": {"f": {"g": 1}, "h": [1]}, "i": b"four", "j": None}
    column = pyarrow.array([row], pyarrow.struct([("a", pyarrow.int8()),
        ("b", pyarrow.list_(pyarrow.struct([("c", pyarrow.int8()), ("d", pyarrow.string())]))),
        ("e", pyarrow.struct([("f", pyarrow.struct([("g", pyarrow.int8())])), ("h", pyarrow.list_(pyarrow.int8()))])),
        ("i", pyarrow.binary(4)), ("j", pyarrow.int8())]))  # fmt: skip
    path = write(tmp_path / "a.parquet", {"text": ["One."], "row": column, "id": [1]})
    metadata = parquet.read_metadata(path)
    (group,) = groups(path.read_bytes()[-8 - metadata.serialized_size : -8])
    columns = [metadata.schema.column(number) for number in range(metadata.num_columns)]
    assert [chunk.is_nested for chunk in group.chunks] == [column.max_repetition_level > 0 for column in columns]
    assert [chunk.width for chunk in group.chunks] == [0, 0, 0, 0, 0, 0, 4, 0, 0]
