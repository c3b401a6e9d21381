"""The command line: help, figures, exit codes, one sentence when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app.core.settings import SettingsError, environment_for, is_hub_id, load_settings
from data.storage.locations import embedded_directory
from data.suggestion import Grounding
from data.synthetic.sets.shipped import LABELLED
from data.text.values import normalise
from tests import SHIPPED, STAND_IN, TINY_MODEL
from tests.kit.homes import TASK, Home, one_sentence, run_many, write_notes
from tests.kit.tiny import tiny_rows

COMMANDS = (
    ("serve",),
    ("status",),
    ("import",),
    ("prefill",),
    ("extract",),
    ("export",),
    ("train",),
    ("evaluate",),
    ("evidence",),
    ("adapters", "list"),
    ("adapters", "show"),
    ("adapters", "activate"),
    ("adapters", "reject"),
    ("adapters", "rollback"),
)


def test_the_version_is_told(tiny_home) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert tiny_home.ok("--version") == f"caseloop {project['version']}\n"


REFUSED = {
    ("nonsense",): "nonsense",
    ("import",): "FILE",
    ("import", "/nowhere.jsonl"): "/nowhere.jsonl",
    ("train", "--epochs", "many"): "epochs",
    ("train", "--epochs", "0"): "epochs above 0",
    ("train", "--mode", "half"): "full or warm",
    ("train", "--resume", "x"): "run-0003",
    ("train", "--resume", "9"): "9",
    ("train",): "labelled notes to train on",
    ("export", "/nowhere/out.jsonl"): "no such folder",
    ("export", "out.jsonl", "--format", "xml"): "jsonl, json, parquet",
    ("export", "out.json", "--format", "fhir", "--mapping", "/nowhere.toml"): "/nowhere.toml",
    ("import", "/nowhere.jsonl", "--decisions", "--original"): "--original",
    ("evaluate", "--data", "/nowhere.jsonl"): "/nowhere.jsonl",
    ("extract", "/nowhere.txt"): "/nowhere.txt",
    ("adapters", "show", "nobody"): "nobody",
    ("adapters", "activate", "nobody"): "nobody",
    ("adapters", "reject", "nobody", "--reason", "x"): "nobody",
    ("adapters", "rollback"): "active before",
    ("serve", "--host", "0.0.0.0"): "ssh -L",
    ("serve", "--port", "99999"): "65535",
}


def test_every_command_has_help_with_an_example(home):
    answers = run_many(home, [(*command, "--help") for command in COMMANDS])
    assert len(answers) == len(COMMANDS)
    for (*command, _), (code, text, errors) in answers.items():
        assert (code, errors) == (0, "")
        assert f"caseloop {' '.join(command)}" in text.split("Example:")[1], command
    assert not home.path.exists()


def test_what_cannot_be_done_is_one_sentence_and_exit_code_two(home):
    for command, (code, out, errors) in run_many(home.begin(), list(REFUSED)).items():
        assert (code, out) == (2, ""), (command, errors)
        (sentence,) = errors.strip().splitlines()
        assert REFUSED[command] in sentence, command
        assert "Traceback" not in sentence


def test_help_names_every_command_and_loads_nothing_heavy(home):
    program = "import sys; from app.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], env=home.environ, capture_output=True, text=True, check=True)
    for command in COMMANDS:
        assert command[0] in done.stdout
    loaded = set(done.stderr.split())
    assert not loaded & {"torch", "transformers", "gradio", "sqlalchemy", "fastapi", "pydantic", "numpy", "pandas"}


def test_figures_come_as_json(tiny_home, tmp_path):
    home = tiny_home
    notes = write_notes(tmp_path / "notes.jsonl", [row.text for row in tiny_rows(5)])
    assert home.json("import", str(notes)) == {
        "n_added": 5,
        "n_known": 0,
        "n_originals": 0,
        "n_labelled": 0,
        "n_updated": 0,
        "updated": {},
        "n_superseded": 0,
        "import": 1,
        "n_copies": 0,
        "n_namesakes": 0,
        "copies": [],
        "namesakes": [],
        "n_refused": 0,
        "n_files_refused": 0,
        "kept": True,
        "refusals": [],
        "remarks": [],
        "n_placeholders": 0,
        "missing_fields": {},
    }
    assert home.json("prefill", "--limit", "3") == {"n_done": 3, "n_failed": 0, "adapter": "tiny-adapter"}
    status = home.json("status")
    assert status["counts"]["n_todo"] == 5
    assert status["counts"]["n_prefilled"] == 3
    assert status["n_waiting"] == 2
    assert status["adapter"] == "tiny-adapter"
    assert status["worker"]["state"] == "stopped"
    assert status["last_run"] is None
    assert status["sqlite"]["wal_safe"] in (True, False)
    (adapter,) = home.json("adapters", "list")
    assert (adapter["name"], adapter["active"], adapter["prompt_version"]) == ("tiny-adapter", True, 1)
    assert home.json("export", str(tmp_path / "out.csv"))["n_records"] == 0
    chosen = ("--format", "dataset", "--status", "submitted,flagged", "--since", "2026-01-01", "--without-text")
    assert home.json("export", str(tmp_path / "set"), *chosen)["format"] == "dataset"
    assert (tmp_path / "set" / "state.json").is_file()
    text = home.ok("status")
    assert "5 incoming" in text
    assert "tiny-adapter" in text


def test_extract_prints_one_object_with_the_fields_in_order(tiny_home, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text(tiny_rows(1)[0].text + "\n", encoding="utf-8")
    plain = tiny_home.ok("extract", str(file))
    assert tuple(json.loads(plain)) == TASK.keys
    assert len(plain.splitlines()) == 1
    assert not tiny_home.path.exists()
    done = tiny_home.run("extract", "--json", given=file.read_text(encoding="utf-8"))
    more = json.loads(done.stdout)
    assert more["extraction"] == json.loads(plain)
    assert more["calibrated"] is False  # the tiny adapter has no curves
    assert "Confidence is not calibrated" in done.stderr
    assert more["adapter"] == "tiny-adapter"
    assert set(more["confidence"]) == set(TASK.keys)
    assert set(more) >= {"evidence", "alternatives", "latency_ms", "prompt_version"}
    assert set(more["grounding"]) == {key for key, value in more["extraction"].items() if normalise(value)}
    assert set(more["grounding"].values()) <= set(Grounding)


def test_strict_refusal_is_exit_code_one_and_keeps_nothing(home, tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "Good."}\n{"text": \n', encoding="utf-8")
    done = home.run("import", str(file), "--strict", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["kept"] is False
    assert home.json("status")["counts"]["n_notes"] == 0
    kept = home.run("import", str(file))
    assert kept.returncode == 0
    assert kept.stdout == "1 added, 0 already known, 1 refused.\n"
    assert "line 2" in kept.stderr


def test_a_file_that_is_not_read_to_its_end_is_exit_code_one(home, tmp_path):
    good = tmp_path / "good.json"  # JSON lines, as many programs name them
    good.write_text('{"text": "One."}\n{"text": "Two."}\n', encoding="utf-8")
    assert home.ok("import", str(good)) == "2 added, 0 already known, 0 refused.\n"
    table = tmp_path / "table.csv"
    table.write_bytes("id;text\n1;Größe.\n".encode("cp1252"))
    done = home.run("import", str(table))
    assert (done.returncode, done.stdout) == (0, "1 added, 0 already known, 0 refused.\n")
    assert done.stderr == "table.csv: read as Windows-1252.\ntable.csv: read with semicolons between the columns.\n"
    for name, content in {
        "a.json": '[{"text": "Three."},\n{"text": "Fo',
        "a.jsonl": '{"text": "Three."}\n{"text": "Fo',
        "a.csv": 'id,text\n1,Three.\n2,"Four.\n3,Five.\n',
        "a.xlsx": "PK",
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        done = home.run("import", str(good), str(tmp_path / name))
        assert done.returncode == 1, name
        assert "1 refused." in done.stdout


def test_a_table_is_imported_by_the_columns_that_are_named(home, tmp_path):
    table = tmp_path / "registry.csv"
    table.write_text("case_no,report\nA-1,A first report.\nA-2,A second report.\n", encoding="utf-8")
    done = home.begin().run("import", str(table), "--text-column", "raport", "--id-column", "case_no")
    assert done.returncode == 2
    assert "found the columns case_no, report. Name one of these." in one_sentence(done.stderr)
    assert home.json("status")["counts"]["n_notes"] == 0
    assert home.json("import", str(table), "--text-column", "report", "--id-column", "case_no")["n_added"] == 2


def test_a_traceback_comes_only_when_it_is_asked_for(home):
    home.variables["CASELOOP_DEBUG"] = "1"
    done = home.run("export", "/nowhere/out.jsonl")
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_a_home_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    done = Home(tmp_path / "file" / "home").run("import", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "CASELOOP_HOME" in one_sentence(done.stderr)


def test_the_home_is_its_owners_only(home, tmp_path):
    home.ok("import", str(write_notes(tmp_path / "a.jsonl", ["One."])))
    places = [home.path, *home.path.rglob("*")]
    assert len(places) > 4
    assert [str(place) for place in places if place.stat().st_mode & 0o077] == []


def test_a_reader_that_leaves_early_is_no_fault(home, tmp_path):
    process = home.begin().start("export", "-")
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_the_hub_is_asked_only_for_what_a_person_named(tmp_path):
    quiet = environment_for(environ={"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"})
    assert quiet["HF_HUB_OFFLINE"] == quiet["TRANSFORMERS_OFFLINE"] == "1"
    assert quiet["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in quiet
    named = environment_for("owner/model", environ=quiet)
    assert "HF_HUB_OFFLINE" not in named
    assert named["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert environment_for("owner/model", environ={"HF_HUB_OFFLINE": "1"})["HF_HUB_OFFLINE"] == "1"
    assert environment_for(str(tmp_path), environ=named)["HF_HUB_OFFLINE"] == "1"
    assert is_hub_id("owner/model")
    assert not is_hub_id("/owner/model")
    assert not is_hub_id("owner/model/more")


def test_base_and_adapter_are_chosen_together(home):
    home.variables["CASELOOP_BASE"] = "/somewhere"
    assert "CASELOOP_ADAPTER" in one_sentence(home.run("status").stderr)
    settings = load_settings({"CASELOOP_HOME": "/h", "CASELOOP_BASE": "a/b", "CASELOOP_ADAPTER": "c/d"})
    assert (settings.base, settings.adapter) == ("a/b", "c/d")


def test_a_home_may_be_in_somebodys_own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert load_settings({"CASELOOP_HOME": "~/a desk"}).home == tmp_path / "a desk"
    # Nobody is called so.
    assert load_settings({"CASELOOP_HOME": "~nobody-at-all/desk"}).home == tmp_path / "~nobody-at-all" / "desk"
    assert environment_for(environ={"CASELOOP_HOME": "~nobody-at-all"})["GRADIO_TEMP_DIR"].startswith(str(tmp_path))


def test_another_directory_stands_in_for_what_comes_with_caseloop(tmp_path, monkeypatch):
    assert embedded_directory({}) == embedded_directory({STAND_IN: ""}) == SHIPPED
    assert embedded_directory({STAND_IN: str(tmp_path)}) == tmp_path
    monkeypatch.chdir(tmp_path)
    assert embedded_directory({STAND_IN: "mine"}) == tmp_path / "mine"
    settings = load_settings()
    assert settings.is_embedded
    assert (settings.base, settings.adapter) == (str(TINY_MODEL / "base"), str(TINY_MODEL / "adapter"))
    assert LABELLED.is_relative_to(TINY_MODEL)
    (tmp_path / "base").mkdir()
    monkeypatch.setattr("app.core.settings.EMBEDDED", tmp_path)
    with pytest.raises(SettingsError, match="CASELOOP_EMBEDDED names; found no adapter and no samples"):
        load_settings()
    assert load_settings({}).base  # refused only where a person named it
