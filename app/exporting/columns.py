"""The formats that are columns: Parquet, and the directory that `datasets.load_from_disk` opens.

Both are written through pyarrow, in portions, into something that only takes bytes: no more than one portion is held,
and `datasets`, which takes long to import, is needed by those who read them only.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from app.exporting.choice import Choice
from app.exporting.metadata import Column
from app.exporting.records import Record
from data.task import Task

N_ROWS = 500
"""Of a row group: with notes of a few thousand characters, a few megabytes."""
ARROW = "data-00000-of-00001.arrow"
FOLDER = "reviewed"
"""Name of the directory inside the archive."""


def schema_of(task: Task, choice: Choice, metadata: Sequence[Column] = ()) -> Any:
    """The columns of an export; as in the JSON formats, but the time of a decision is one.

    Args:
        metadata: the columns of what came with the notes.
    """
    import pyarrow as pa

    keys, text = choice.keys(task), pa.string()

    def per_field(kind: Any) -> Any:
        return pa.struct([(key, kind) for key in keys])

    columns = [("instruction", text), *([("input", text)] if choice.with_text else [])]
    columns += [("output", per_field(text)), ("id", text)]
    if choice.is_marked:
        columns += [("status", text), ("set_aside", per_field(text))]
    if choice.with_provenance:
        shown = [("as", text), ("seeded_field", text), ("seeded_value", text), ("is_seeded_kept", pa.bool_())]
        opinion = [("reviewer", text), ("status", text), ("given_at", pa.timestamp("us", tz="UTC"))]
        opinion += [("values", per_field(text))]
        told = [
            ("reviewer", text),
            ("submitted_at", pa.timestamp("us", tz="UTC")),
            ("revision", pa.int64()),
            ("adapter", text),
            ("prompt_version", pa.int64()),
            ("suggestion", per_field(text)),
            ("confidence", per_field(pa.float64())),
            ("grounding", per_field(text)),
            ("rules", per_field(text)),
            ("corrections", per_field(text)),
            ("states", per_field(text)),
            ("shown", pa.struct(shown)),
            ("lead_time_ms", pa.int64()),
            ("comment", text),
            ("content_hash", text),
            ("opinions", pa.list_(pa.struct(opinion))),
        ]
        columns.append(("provenance", pa.struct(told)))
    kinds = {"integer": pa.int64(), "real": pa.float64(), "boolean": pa.bool_()}
    return pa.schema([*columns, *((column.typed, kinds.get(column.kind, text)) for column in metadata)])


def parquet(task: Task, choice: Choice, records: Iterable[Record], metadata: Sequence[Column] = ()) -> Iterator[bytes]:
    """A Parquet file in row groups, each given away as soon as it is written."""
    from pyarrow import parquet as pq

    sink, schema = _Sink(), schema_of(task, choice, metadata)
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for table in _tables(schema, records, metadata):
            writer.write_table(table, row_group_size=N_ROWS)
            yield sink.taken()
    yield sink.taken()


def dataset_archive(
    task: Task, choice: Choice, records: Iterable[Record], metadata: Sequence[Column] = ()
) -> Iterator[bytes]:
    """The directory as one archive, given away as it grows."""
    schema, sink = schema_of(task, choice, metadata), _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _descriptions(task, choice, schema).items():
            archive.writestr(f"{FOLDER}/{name}", content)
        with archive.open(f"{FOLDER}/{ARROW}", "w", force_zip64=True) as file:
            for _ in _arrow(schema, records, file, metadata):
                yield sink.taken()
    yield sink.taken()


def dataset_folder(
    task: Task, choice: Choice, records: Iterable[Record], folder: Path, metadata: Sequence[Column] = ()
) -> None:
    """The directory itself; it must be there and empty."""
    schema = schema_of(task, choice, metadata)
    for name, content in _descriptions(task, choice, schema).items():
        (folder / name).write_text(content, encoding="utf-8")
    with (folder / ARROW).open("wb") as file:
        for _ in _arrow(schema, records, file, metadata):
            pass


def _arrow(schema: Any, records: Iterable[Record], file: IO[bytes], metadata: Sequence[Column]) -> Iterator[int]:
    """Write the rows as an Arrow stream; the number of rows after each portion."""
    import pyarrow as pa

    n_rows = 0
    with pa.ipc.new_stream(file, schema) as writer:
        for table in _tables(schema, records, metadata):
            writer.write_table(table)
            n_rows += table.num_rows
            yield n_rows
    yield n_rows


def _tables(schema: Any, records: Iterable[Record], metadata: Sequence[Column]) -> Iterator[Any]:
    import pyarrow as pa

    rows = iter(records)
    while portion := [_as_row(record, metadata) for record in islice(rows, N_ROWS)]:
        yield pa.Table.from_pylist(portion, schema=schema)


def _as_row(record: Record, metadata: Sequence[Column]) -> Record:
    row = _with_time(record)
    return {**row, **{column.typed: column.typed_cell(record) for column in metadata}} if metadata else row


def _with_time(record: Record) -> Record:
    if "provenance" not in record:
        return record
    provenance = record["provenance"]
    opinions = [{**one, "given_at": datetime.fromisoformat(one["given_at"])} for one in provenance["opinions"]]
    timed = {"submitted_at": datetime.fromisoformat(provenance["submitted_at"]), "opinions": opinions}
    return {**record, "provenance": {**provenance, **timed}}


def _descriptions(task: Task, choice: Choice, schema: Any) -> dict[str, str]:
    """The two files that tell `datasets` what the rows are: names as in its own `save_to_disk`."""
    info = {
        "citation": "",
        "description": f"{task.title}, as reviewers decided them.",
        "features": {field.name: _feature(field.type) for field in schema},
        "homepage": "",
        "license": "",
    }
    # Names the content of the transforms made from it in the cache of `datasets`; other exports must have another.
    fingerprint = hashlib.sha256(f"{choice} {datetime.now().isoformat()}".encode()).hexdigest()[:16]
    state: dict[str, Any] = {
        "_data_files": [{"filename": ARROW}],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": None,
    }
    return {"dataset_info.json": json.dumps(info, indent=2), "state.json": json.dumps(state, indent=2)}


def _feature(kind: Any) -> dict[str, Any]:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return {kind.field(position).name: _feature(kind.field(position).type) for position in range(kind.num_fields)}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    names = {"double": "float64"}  # the only one that `datasets` calls otherwise than pyarrow
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}


class _Sink(io.RawIOBase):
    """Takes what writers write and hands it on; nobody can go back in it."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._n_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        self._n_bytes += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._n_bytes

    def taken(self) -> bytes:
        """What was written since the last time."""
        piece = b"".join(self._pieces)
        self._pieces.clear()
        return piece
