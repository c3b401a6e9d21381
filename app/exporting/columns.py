"""The formats that are columns: Parquet, and the directory that `datasets.load_from_disk` opens.

Both are written through pyarrow, in portions, into something that only takes bytes: no more than one portion is held,
and `datasets`, which takes long to import, is needed by those who read them only.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from app.exporting.choice import Choice
from app.exporting.folders import FOLDER, Sink
from app.exporting.records import Record
from data.metadata import OBJECT_KEY
from data.task import Task

N_ROWS = 500
"""Of a row group: with notes of a few thousand characters, a few megabytes."""
ARROW = "data-00000-of-00001.arrow"


def schema_of(task: Task, choice: Choice) -> Any:
    """The columns of an export; as in the JSON formats, but the time of a decision is one."""
    import pyarrow as pa

    keys, text = choice.keys(task), pa.string()

    def per_field(kind: Any) -> Any:
        return pa.struct([(key, kind) for key in keys])

    columns = [("instruction", text), *([("input", text)] if choice.with_text else [])]
    columns += [("output", per_field(text)), ("id", text)]
    if choice.is_marked:
        columns += [("status", text), ("set_aside", per_field(text))]
    if choice.has_spans:
        stand = [("field", text), ("start", pa.int64()), ("end", pa.int64()), ("text", text), ("value", text)]
        columns.append(("spans", pa.list_(pa.struct(stand))))
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
            ("source", text),
            ("opinions", pa.list_(pa.struct(opinion))),
        ]
        columns.append(("provenance", pa.struct(told)))
    kinds = {"integer": pa.int64(), "real": pa.float64(), "boolean": pa.bool_()}
    return pa.schema([*columns, *((column.typed, kinds.get(column.kind, text)) for column in choice.columns)])


def parquet(task: Task, choice: Choice, records: Iterable[Record]) -> Iterator[bytes]:
    """A Parquet file in row groups, each given away as soon as it is written."""
    from pyarrow import parquet as pq

    sink, schema = Sink(), schema_of(task, choice)
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for table in _tables(schema, choice, records):
            writer.write_table(table, row_group_size=N_ROWS)
            yield sink.take()
    yield sink.take()


def dataset_archive(task: Task, choice: Choice, records: Iterable[Record]) -> Iterator[bytes]:
    """The directory as one archive, given away as it grows."""
    schema, sink = schema_of(task, choice), Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _descriptions(task, choice, schema).items():
            archive.writestr(f"{FOLDER}/{name}", content)
        with archive.open(f"{FOLDER}/{ARROW}", "w", force_zip64=True) as file:
            for _ in _arrow(schema, choice, records, file):
                yield sink.take()
    yield sink.take()


def dataset_folder(task: Task, choice: Choice, records: Iterable[Record], folder: Path) -> None:
    """The directory itself; it must be there and empty."""
    schema = schema_of(task, choice)
    for name, content in _descriptions(task, choice, schema).items():
        (folder / name).write_text(content, encoding="utf-8")
    with (folder / ARROW).open("wb") as file:
        for _ in _arrow(schema, choice, records, file):
            pass


def _arrow(schema: Any, choice: Choice, records: Iterable[Record], file: IO[bytes]) -> Iterator[int]:
    """Write the rows as an Arrow stream; the number of rows after each portion."""
    import pyarrow as pa

    n_rows = 0
    with pa.ipc.new_stream(file, schema) as writer:
        for table in _tables(schema, choice, records):
            writer.write_table(table)
            n_rows += table.num_rows
            yield n_rows
    yield n_rows


def _tables(schema: Any, choice: Choice, records: Iterable[Record]) -> Iterator[Any]:
    import pyarrow as pa

    rows = iter(records)
    while portion := [_as_row(record, choice) for record in islice(rows, N_ROWS)]:
        yield pa.Table.from_pylist(portion, schema=schema)


def _as_row(record: Record, choice: Choice) -> Record:
    row = _with_time(record)
    return row | {column.typed: column.typed_cell(record) for column in choice.columns}


def _with_time(record: Record) -> Record:
    if "provenance" not in record:
        return record
    provenance = record["provenance"]
    opinions = [{**one, "given_at": datetime.fromisoformat(one["given_at"])} for one in provenance["opinions"]]
    timed = {"submitted_at": datetime.fromisoformat(provenance["submitted_at"]), "opinions": opinions}
    return {**record, "provenance": {**provenance, **timed}}


def features(task: Task, choice: Choice) -> dict[str, Any]:
    """The types of the records as JSON has them, as `datasets.Features.from_dict` takes them.

    Without these `datasets` goes by a file's first records, in which a field may have no value.
    """
    of_metadata = {OBJECT_KEY: {"_type": "Json"}} if choice.with_metadata else {}  # notes came with different things
    return {field.name: _feature(field.type, is_json=True) for field in schema_of(task, choice)} | of_metadata


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


def _feature(kind: Any, *, is_json: bool = False) -> dict[str, Any]:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        parts = [kind.field(position) for position in range(kind.num_fields)]
        return {part.name: _feature(part.type, is_json=is_json) for part in parts}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type, is_json=is_json), "_type": "List"}
    if is_json and pa.types.is_timestamp(kind):
        kind = pa.string()
    names = {"double": "float64"}  # the only one that `datasets` calls otherwise than pyarrow
    return {"dtype": names.get(str(kind), str(kind)), "_type": "Value"}
