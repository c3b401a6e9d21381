"""Valid files of every format, with a canary in every note, from which changed ones are made."""

from __future__ import annotations

import gzip
import io
import json
import random
from typing import Any

import pyarrow
from pyarrow import ipc, parquet

from data.task import load_task
from tests.kit.documents import HTML, RTF, letter, pdf, workbook, zipped
from tests.proofs.fuzzing.clinical_seeds import CANARY, hl7, json_files, xml

TASK = load_task()
GOLD = dict.fromkeys(TASK.keys, "IV")
RECORDS: list[dict[str, Any]] = [
    {"id": 7, "text": f"{CANARY}. Größe 3 cm.", "ward": "B", "n": [1, 2.5, None, {"a": True}]},
    {"input": f"{CANARY}, again.\r\nNext.", "output": GOLD, "instruction": "x", "external_id": "a-1"},
    {"text": f"🧬 {CANARY} \u2028", **dict.fromkeys(TASK.keys), "at": "2026-01-31"},
]
TEXTS = {"jsonl": 34, "csv": 26, "json": 20, "txt": 8, "html": 4, "gz": 4, "zip": 4, "hl7": 8, "xml": 8}
"""Formats of text, and archives of them, with how often each is taken."""
DOCUMENTS = ("xlsx", "docx", "pdf", "rtf", "parquet", "arrow")


def seeds(rng: random.Random, form: str) -> list[bytes]:
    """Valid files of a format."""
    if form in TEXTS:
        return _texts(form)
    canary = CANARY.encode()
    rows = [["id", "text", "ward"], *([n, f"{CANARY} {n}", 1.5] for n in range(3))]
    pages = (f"{CANARY}. ER 90 %.\nLine.", f"{CANARY}, again.")
    made = {
        "xlsx": lambda: [workbook(*rows), workbook(["Title"], [], *rows)],
        "docx": lambda: [letter(f"{CANARY}\nSecond line."), letter(CANARY)],
        "rtf": lambda: [RTF.replace(b"Tumour", canary), rb"{\rtf1{\*\a x}{\pict\pngblip 8950}" + canary + rb"\par}"],
        "pdf": lambda: [pdf(*pages), pdf(*pages, packed=False), pdf(pages[0], "", picture=True)],
        "parquet": lambda: [_parquet(rng) for _ in range(24)],
        "arrow": lambda: [_arrow(rng) for _ in range(6)],
    }
    return made[form]()


def _texts(form: str) -> list[bytes]:
    somes = [RECORDS[:number] for number in range(1, 4)]
    lines = ["".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in some).encode() for some in somes]
    lines[1] = lines[1].decode().encode("utf-16")
    tables = _tables()
    made = {
        "jsonl": lines,
        "json": [
            *(json.dumps(some, indent=len(some)).encode() for some in somes),
            json.dumps(RECORDS[0]).encode(),
            json.dumps({"version": 1, "documents": RECORDS, "more": {"a": [1]}}).encode(),
            json.dumps({"id": {"0": 1.0, "1": None}, "text": {"0": CANARY, "1": "x"}}).encode(),
            json.dumps({"columns": ["id", "text"], "index": [0], "data": [[1, CANARY]]}).encode(),
            json.dumps({"0": {"text": CANARY}, "1": {"text": "x"}}).encode(),
            *json_files(TASK.keys),
        ],
        "txt": ["\r\n".join(str(record.get("text")) for record in some).encode() for some in somes],
        "csv": tables,
        "hl7": hl7(),
        "xml": xml(),
        "html": [HTML.replace(b"Report", CANARY.encode()), b"<html><pre>" + CANARY.encode() + b"<![CDATA[x]]></pre>"],
        "gz": [gzip.compress(raw, 1) for raw in (lines[0], tables[0])],
        "zip": [zipped({"a/notes.jsonl": lines[0], "b.txt": CANARY, "c.csv": tables[1]}), zipped({"x.txt": CANARY})],
    }
    return made[form]


def _tables() -> list[bytes]:
    cell = json.dumps(GOLD).replace('"', '""')
    semicolons = f'sep=;\nid;text;Größe\n1;"{CANARY}; µ – „so“";2\n2;{CANARY};ß\n'
    return [
        f'id,text,ward\r\n1,"{CANARY}, ""one"".\r\nNext.",B\r\n2,{CANARY},\r\n'.encode(),
        f'input,output,id\n{CANARY},"{cell}",\'=1\n'.encode(),
        f"\ufefftext,{','.join(TASK.keys)}\n{CANARY}{',IV' * len(TASK.keys)}\n".encode(),
        semicolons.encode("cp1252"),
        semicolons.replace(";", "\t").encode("utf-16"),
    ]


def _columns(n_rows: int) -> dict[str, Any]:
    return {
        "id": pyarrow.array(range(n_rows)),
        "text": pyarrow.array([f"{CANARY} {n}" for n in range(n_rows)]),
        "x": pyarrow.array([[1.5, None]] * n_rows),
        "output": pyarrow.array([GOLD] * n_rows),
        "at": pyarrow.array([n_rows] * n_rows, pyarrow.timestamp("us", tz="UTC")),
    }


def _parquet(rng: random.Random) -> bytes:
    out = io.BytesIO()
    parquet.write_table(
        pyarrow.table(_columns(rng.choice([1, 3, 30]))),
        out,
        compression=rng.choice(["none", "none", "none", "snappy", "zstd", "gzip"]),
        use_dictionary=rng.choice([True, False]),
        data_page_version=rng.choice(["1.0", "2.0"]),
        store_schema=rng.choice([True, False]),
    )
    return out.getvalue()


def _arrow(rng: random.Random) -> bytes:
    out, table = io.BytesIO(), pyarrow.table(_columns(rng.choice([1, 3])))
    with rng.choice([ipc.new_stream, ipc.new_file])(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()
