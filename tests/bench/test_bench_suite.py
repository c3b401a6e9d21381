"""What the tests cost is summed by room and file."""

from __future__ import annotations

from pathlib import Path

from tests.bench.suite import count_seconds
from tests.bench.tables import print_suite

REPORT = """<testsuites><testsuite>
<testcase classname="tests.app.test_cli" name="test_one" time="0.5" />
<testcase classname="tests.app.test_cli" name="test_two" time="0.25"><failure>no</failure></testcase>
<testcase classname="tests.app.access.test_bodies" name="test_three[tests.x]" time="2.0" />
<testcase classname="tests.app.access.test_guard.TestWalk" name="runTest" time="1.5" />
</testsuite></testsuites>"""


def test_seconds_of_rooms_and_files_are_summed(tmp_path: Path, capsys) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    counted = count_seconds(report, 2)
    assert list(counted["rooms"].items()) == [
        ("tests/app/access", {"n_tests": 2, "seconds": 3.5}),
        ("tests/app", {"n_tests": 2, "seconds": 0.8}),
    ]
    assert list(counted["files"]) == ["tests/app/access/test_bodies.py", "tests/app/access/test_guard.py"]
    print_suite(counted)
    assert capsys.readouterr().out.splitlines()[-1] == "4 tests, 4 seconds"
