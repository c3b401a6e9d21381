"""The measurement of pre-fill: every way writes the same tokens, and the figures hang together."""

from __future__ import annotations

import pytest
import torch

from data.task import DEFAULT_TASK, load_task
from tests.bench.model.accuracy import compare_weights
from tests.bench.model.curve import draft_curve
from tests.bench.model.geometry import GEOMETRIES, random_model
from tests.bench.model.prefill import Settings, bench_prefill, lengthened
from tests.bench.model.run import BenchError, Options, run_prefill
from tests.kit.tiny import shared_tiny, tiny_rows
from trainer.engine.local import Engine
from trainer.model.loading import load_for_serving, load_model

TASK = load_task(DEFAULT_TASK)


def load():
    return load_model(shared_tiny().base, None, device="cpu", dense=False)


def load_dense():
    return load_model(shared_tiny().base, None, device="cpu", dense=True)


@pytest.mark.parametrize("replay", [False, True])
def test_all_ways_write_the_same_tokens(replay):
    said = []
    settings = Settings(n_single=1, n_bulk=6, batches=(3,), engines={"engine fp32": {}}, lengths={500: 4})
    rows, known = tiny_rows(9, start=200), tiny_rows(40)
    result = bench_prefill(load, TASK, rows, known, settings, replay=replay, load_dense=load_dense, say=said.append)
    ways = result["ways"]
    generates = ["generate nf4, one note", "generate nf4, batch 3", "generate fp32, one note", "generate fp32, batch 3"]
    longer = ["engine fp32, 500 characters, one note", "engine fp32, 500 characters, bulk"]
    engines = ["engine fp32, one note", "engine fp32, bulk", *longer]
    assert [name for name in ways if "characters, batch" not in name] == [*generates, *engines]
    if replay:  # left to itself, the tiny model need not write a record
        same = [way["same_tokens"] for way in ways.values() if "same_tokens" in way]
        assert all(one.split(" of ")[0] == one.split(" of ")[1] != "0" for one in same)
    assert ways["engine fp32, bulk"]["passes_per_note"] < ways["generate nf4, one note"]["passes_per_note"]
    assert all(way["notes_per_s"] > 0 and 0 <= way["share_of_floor"] < 1 for way in ways.values())
    assert ways[longer[1]]["characters"] == 500
    assert ways["engine fp32, bulk"]["characters"] < 100
    assert len(said) == 1 + len(ways)
    for like, batch in (("one note", "one note"), ("bulk", "batch 3")):
        rivals = {f"generate {kind}, {batch}": ways[f"generate {kind}, {batch}"] for kind in ("nf4", "fp32")}
        fastest = rivals[result["fastest"][like]]
        assert fastest["cpu_ms_per_note"] == min(way["cpu_ms_per_note"] for way in rivals.values())
        engine = ways[f"engine fp32, {like}"]
        for kind, key in (("times_generate", "ms_per_note"), ("times_generate_cpu", "cpu_ms_per_note")):
            assert engine[kind] == pytest.approx(fastest[key] / engine[key], abs=0.06)


def test_notes_are_lengthened_and_keep_their_labels():
    rows = tiny_rows(5)
    longer = lengthened(rows, 400)
    assert all(395 <= len(row.text) <= 400 for row in longer)
    assert [row.extraction for row in longer] == [row.extraction for row in rows]
    assert all(one.text.startswith(row.text) for one, row in zip(longer, rows, strict=True))
    assert lengthened(rows, None) == rows
    assert lengthened(rows, 3) == rows, "a note is never cut"


def test_known_records_save_passes():
    rows = tiny_rows(6, start=60)
    engine = Engine(load_for_serving(shared_tiny().base, None, device="cpu"), TASK, alternatives=None)
    points = draft_curve(engine, rows, tiny_rows(60))
    assert [point["n_known"] for point in points] == [0, 10, 30]
    assert points[-1]["passes_per_note"] <= points[0]["passes_per_note"]


def test_kinds_of_weights_are_compared_on_the_same_notes():
    def loaded():
        return load_for_serving(shared_tiny().base, shared_tiny().adapter, device="cpu")

    result = compare_weights(loaded, TASK, tiny_rows(6), tiny_rows(10))
    assert result["n_notes"] == 6
    assert result["nf4"]["n_other_than_nf4"] == 0
    assert result["fp32"]["n_other_than_nf4"] == 0
    assert set(result) == {"n_notes", "nf4", "fp32", "bf16"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(geometry="llama-3.1-8b", device="cpu"), "Expected a GPU"),
        (Options(geometry="llama-900b"), "Expected one of llama-3.1-8b"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, said):
    with pytest.raises(BenchError, match=said):
        run_prefill(options)


def test_a_random_model_of_a_geometry_computes(monkeypatch):
    small = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    small |= {"num_key_value_heads": 1, "vocab_size": 32}
    monkeypatch.setitem(GEOMETRIES, "small", {**GEOMETRIES["llama-3.1-8b"], **small})
    loaded = random_model("small", None, torch.device("cpu"))
    with torch.inference_mode():
        assert loaded.model(input_ids=torch.arange(8)[None]).logits.isfinite().all()
