"""Files for other trainers: what they tokenise is exactly the prompt and the answer that caseloop trains on."""

from __future__ import annotations

import json

import datasets
import pytest
from jinja2 import Environment
from tokenizers import Tokenizer

from app.exporting.choice import Choice
from app.exporting.writing import features_path, write_export
from data.prompt import BEGIN_OF_TEXT, load_prompt
from data.storage.locations import EMBEDDED
from data.task import Extraction
from db.store.store import open_store
from tests.kit.desk.decided_records import TASK, exported, fill

# How Llama 3's own tokenizer writes a chat.
LLAMA_3 = """{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>

{{ m['content'] }}<|eot_id|>{% endfor %}"""
# How LLaMA-Factory and axolotl put an Alpaca record into their templates, with this one's turns.
ALPACA = "{instruction}\n\nText: {input}"


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("full") / "caseloop.db") as opened:
        fill(opened, 30)
        yield opened


def lines(store, form, **chosen):
    return [json.loads(line) for line in exported(store, form, **chosen).splitlines()]


def test_a_chat_template_gives_the_prompt_and_the_answer_of_our_own_training(full):
    prompt, render = load_prompt(TASK), Environment(autoescape=False).from_string(LLAMA_3).render
    tokenizer = Tokenizer.from_file(str(EMBEDDED / "base" / "tokenizer.json"))
    plain = lines(full, "jsonl", statuses=("submitted",))
    for chat, record in zip(lines(full, "messages"), plain, strict=True):
        text = render(messages=chat["messages"], bos_token=BEGIN_OF_TEXT)
        answer = prompt.answer(Extraction(TASK, record["output"]))
        target = prompt.render(record["input"]).removeprefix(BEGIN_OF_TEXT) + answer + prompt.end
        assert text == target
        tokens = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(tokens, skip_special_tokens=False) == target


def test_an_alpaca_record_is_three_texts(full):
    plain = lines(full, "jsonl", statuses=("submitted",))
    for one, record in zip(lines(full, "alpaca"), plain, strict=True):
        assert {type(one[key]) for key in ("instruction", "input", "output")} == {str}
        assert one["output"] == json.dumps(record["output"], ensure_ascii=False)
        assert ALPACA.format_map(one) == load_prompt(TASK).messages(record["input"])[1]["content"]


def test_datasets_loads_json_lines_in_which_a_field_is_empty_for_long(tmp_path):
    with open_store(tmp_path / "caseloop.db") as store:
        fill(store, 40)
        out = tmp_path / "reviewed.jsonl"
        write_export(store, TASK, out, Choice("jsonl", with_provenance=True))
    # As many empty ones in front as fill the block by which the types are guessed otherwise.
    records = [json.loads(line) for line in out.read_bytes().splitlines()]
    empty = {**records[0], "output": dict.fromkeys(TASK.keys), "spans": [], "input": "Report. " * 2000}
    empty["provenance"] = {**empty["provenance"], "adapter": None, "opinions": [], "shown": {"as": "prefilled"}}
    records[-1]["metadata"] = {"ward": "3 B", "n": [1, None]}
    rows = [*[empty] * 1100, *records]
    out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    types = datasets.Features.from_dict(json.loads(features_path(out).read_text(encoding="utf-8")))
    folder = str(tmp_path / "cache")
    loaded = datasets.load_dataset("json", data_files=str(out), features=types, split="train", cache_dir=folder)
    assert loaded[:]["output"] == [row["output"] for row in rows]
    assert loaded[-1]["spans"] == records[-1]["spans"]
    assert loaded[-1]["metadata"] == records[-1]["metadata"]
    assert loaded[-1]["provenance"]["adapter"] == records[-1]["provenance"]["adapter"]
