"""Proof: each foreign format is opened by its own reader. These are in a folder of their own, being heavy and pinned
otherwise than we are:

pip install --no-deps --target FOLDER trl fhirclient fhir.resources fhir-core isodate requests
pip install --target FOLDER spacy
python -m tests.proofs.readers --packages FOLDER [--notes 1000]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from app.exporting.choice import Choice
from app.exporting.writing import features_path, write_export
from data.prompt import BEGIN_OF_TEXT, END_OF_TURN, load_prompt
from data.storage.locations import EMBEDDED
from data.task import Extraction
from db.store.store import Store, open_store
from tests.app.exporting.test_trainers_formats import LLAMA_3
from tests.kit.desk.decided_records import STATUSES, TASK, exported, fill


def records_of(store: Store) -> list[dict[str, Any]]:
    """What was submitted, as our own JSON lines have it."""
    return [json.loads(line) for line in exported(store, "jsonl", statuses=("submitted",)).splitlines()]


def read_fhir(store: Store, folder: Path) -> dict[str, int]:
    """By fhirclient, which is R4, and by fhir.resources."""
    from fhir.resources.R4B.bundle import Bundle as Resources
    from fhirclient.models.bundle import Bundle as Client

    raw = exported(store, "fhir")
    client, resources = Client(json.loads(raw)), Resources.model_validate_json(raw)
    assert len(client.entry) == len(resources.entry)
    documents = [one.resource for one in client.entry if one.resource.resource_type == "DocumentReference"]
    assert len(documents) == len(records_of(store))
    return {"fhir_entries": len(client.entry)}


def read_spacy(store: Store, folder: Path) -> dict[str, int]:
    """By `DocBin`, and by `spacy debug data`."""
    import spacy
    from spacy.tokens import DocBin

    raw, n_spans = exported(store, "spacy"), 0
    for doc, record in zip(
        DocBin(store_user_data=True).from_bytes(raw).get_docs(spacy.blank("xx").vocab), records_of(store), strict=True
    ):
        assert doc.text == record["input"]
        assert doc.user_data["id"] == record["id"]
        for span, told in zip(doc.spans["sc"], record["spans"], strict=True):
            assert span.label_ == told["field"]
            assert told["text"].strip() in span.text  # whole words, which no white space is part of
            n_spans += 1
    (folder / "all.spacy").write_bytes(raw)
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    files = ["--paths.train", "all.spacy", "--paths.dev", "all.spacy"]
    for words in (
        ["init", "config", "config.cfg", "--lang", "xx", "--pipeline", "spancat"],
        ["debug", "data", "config.cfg", *files],
    ):
        called = [sys.executable, "-m", "spacy", *words]
        done = subprocess.run(called, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert "Corpus is loadable" in done.stdout, done.stdout + done.stderr
    return {"spacy_spans": n_spans}


def read_trl(store: Store, folder: Path) -> dict[str, int]:
    """By TRL's own preparation of a chat, with Llama 3's template: the tokens are those of our own training."""
    from datasets import load_dataset
    from transformers import PreTrainedTokenizerFast
    from trl.data_utils import apply_chat_template

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(EMBEDDED / "base" / "tokenizer.json"))
    tokenizer.chat_template, tokenizer.bos_token = LLAMA_3, BEGIN_OF_TEXT
    (folder / "chat.jsonl").write_bytes(exported(store, "messages", with_provenance=False))
    chats = load_dataset("json", data_files=str(folder / "chat.jsonl"), split="train", cache_dir=str(folder / "cache"))
    prompt = load_prompt(TASK)
    for chat, record in zip(chats, records_of(store), strict=True):
        text = apply_chat_template({"messages": chat["messages"]}, tokenizer)["text"]
        answer = prompt.answer(Extraction(TASK, record["output"])) + END_OF_TURN
        target = prompt.render(record["input"]).removeprefix(BEGIN_OF_TEXT) + answer
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokens == tokenizer(target, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(tokens) == target
    return {"trl_chats": len(chats)}


def read_datasets(store: Store, folder: Path) -> dict[str, int]:
    """By `load_dataset` with the types beside the file, and by `load_from_disk`."""
    from datasets import Features, load_dataset, load_from_disk

    choice = Choice("jsonl", with_provenance=True, statuses=STATUSES)
    write_export(store, TASK, folder / "all.jsonl", choice)
    types = Features.from_dict(json.loads(features_path(folder / "all.jsonl").read_text(encoding="utf-8")))
    lines = load_dataset(
        "json", data_files=str(folder / "all.jsonl"), features=types, split="train", cache_dir=str(folder / "cache")
    )
    write_export(store, TASK, folder / "set", Choice("dataset", with_provenance=True, statuses=STATUSES))
    opened = load_from_disk(str(folder / "set"))
    assert opened["output"][:] == lines["output"][:]
    assert opened["spans"][:] == lines["spans"][:]
    return {"datasets_rows": len(lines)}


def read_sheet(store: Store, folder: Path) -> dict[str, int]:
    """By openpyxl as any program would: texts stay texts, and no cell is a formula."""
    from openpyxl import load_workbook

    page = load_workbook(io.BytesIO(exported(store, "xlsx")), read_only=True).active
    assert page is not None
    kinds = [cell.data_type for row in page.iter_rows() for cell in row if cell.value is not None]
    assert set(kinds) <= {"s", "n", "inlineStr", "b"}
    return {"sheet_cells": len(kinds)}


def read_brat(store: Store, folder: Path) -> dict[str, int]:
    """As the standoff format says: every annotation cuts its words out of the text."""
    n_spans = 0
    with zipfile.ZipFile(io.BytesIO(exported(store, "brat"))) as archive:
        for name in archive.namelist():
            if name.endswith(".ann"):
                text = archive.read(f"{name[:-4]}.txt").decode()
                for line in archive.read(name).decode().split("\n"):
                    if line.startswith("T"):
                        _, place, words = line.split("\t", 2)
                        ends = [[int(end) for end in part.split(" ")] for part in place.split(" ", 1)[1].split(";")]
                        assert " ".join(text[start:end] for start, end in ends) == words
                        n_spans += 1
    return {"brat_spans": n_spans}


READERS = (read_fhir, read_spacy, read_trl, read_datasets, read_sheet, read_brat)


def main() -> int:
    """Open every format; one that cannot be read fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.readers", description=__doc__)
    parser.add_argument("--packages", type=Path, help="where the readers were installed, if not beside caseloop")
    parser.add_argument("--notes", type=int, default=1000)
    chosen = parser.parse_args()
    if chosen.packages is not None:
        sys.path.append(str(chosen.packages.resolve()))
    started, figures = time.monotonic(), {}
    with tempfile.TemporaryDirectory() as name, open_store(Path(name, "caseloop.db")) as store:
        fill(store, chosen.notes)
        for read in READERS:
            place = Path(name, read.__name__)
            place.mkdir()
            figures |= read(store, place)
            print(read.__name__, figures, flush=True, file=sys.stderr)
    print(json.dumps({"n_notes": chosen.notes, **figures, "seconds": round(time.monotonic() - started, 1)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
