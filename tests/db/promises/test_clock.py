"""A clock that is set back by hours between saves: the order of revisions and the audit trail stay right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from db.people import audit
from db.review.decisions import open_review
from db.review.reviewed import history
from db.store.store import open_store
from tests.kit.desk.stores import FIRST, add
from tests.kit.homes import ROOT, Home
from tests.kit.shims import shims

HOUR = 3600
STEPS = (0, -5 * HOUR, +9 * HOUR, -30 * HOUR)
SAVE = """
import sys
from pathlib import Path
from db.people.acting import acting
from db.review.decisions import open_review; from db.review.drafts import save_draft
from db.store.store import open_store
from tests.kit.desk.stores import decide, extraction
path, clock = Path(sys.argv[1]), Path(sys.argv[2])
with open_store(path) as store:  # one process, whose clock is set while it runs
    for number, seconds in enumerate(sys.argv[3:]):
        clock.write_text(seconds)
        with acting(store, "ada", "review") as act:
            seen = open_review(act.session, 1, "ada").revision
            save_draft(act, note_id=1, extraction=extraction(first="draft"), seen_revision=seen)
            decide(act.session, 1, seen, values=extraction(first=f"value {number}"))
        with acting(store, "ada", "review") as act:
            seen = open_review(act.session, 2, "ada").revision
            save_draft(act, note_id=2, extraction=extraction(first=f"typed {number}"), seen_revision=seen)
"""
needs_compiler = pytest.mark.skipif(bool(shims.why_not()), reason=shims.why_not())


@needs_compiler
def test_a_clock_set_back_between_saves_changes_no_order(tmp_path: Path) -> None:
    home, clock = Home(tmp_path / "home"), tmp_path / "clock"
    path = home.path / "caseloop.db"
    with open_store(path) as store, store.transaction() as session:
        add(session, 2)
    environ = {**os.environ, "LD_PRELOAD": str(shims.build("set_clock", tmp_path)), "CLOCK_OFF_BY": str(clock)}
    line = [sys.executable, "-c", SAVE, str(path), str(clock), *map(str, STEPS)]
    subprocess.run(line, cwd=ROOT, env=environ, check=True)
    with open_store(path) as store, store.reading() as session:
        rows = history(session, 1)[::-1]
        assert [row.revision for row in rows] == [1, 2, 3, 4]
        assert [row.extraction[FIRST] for row in rows] == [f"value {number}" for number in range(4)]
        at = [row.submitted_at for row in rows]
        assert at != sorted(at), "the clock was not set back"
        assert (at[1] - at[0]).total_seconds() < -4 * HOUR
        standing = open_review(session, 1, "ada").annotation
        assert standing is not None
        assert (standing.revision, standing.extraction[FIRST]) == (4, "value 3")
        typed = open_review(session, 2, "ada").draft
        assert typed is not None
        assert (typed.version, typed.extraction[FIRST]) == (4, "typed 3")
        trail = audit.verify(session)
        assert trail.is_sound
        said = [entry.detail["revision"] for entry in audit.entries(session, subject="note 1")]
        assert said == [4, 3, 2, 1], "newest first, by the order of saving"
    home.ok("export", str(tmp_path / "out.jsonl"))
    [exported] = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert exported["output"][FIRST] == "value 3"
