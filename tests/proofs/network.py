"""Two minutes without the desk cost nothing: notes decided meanwhile are saved once and in order, what is typed stays.

Two tabs at the same time, each on a server of its own: one loses its network, the other's server stops answering
without closing a connection. `python -m tests.proofs.network` waits two real minutes;
`tests/promises/test_peer_failures.py` moves the page's clock on instead.
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.kit import chromium
from tests.kit.desk.desk_browser import THREE, Desk, Tab, serving, tab

STAGES = ("IIIA", "II")
DRAFTED, SAID = "nivolumab, then ipilimumab", "asked the ward"
LOSSES = ("network", "server")


def lose(loss: str, here: Tab, desk: Desk) -> Callable[[], None]:
    """Cut the tab off from its desk; what is given back mends it."""
    if loss == "network":
        here.page.context.set_offline(True)
        return lambda: here.page.context.set_offline(False)
    desk.send(signal.SIGSTOP)
    return lambda: desk.send(signal.SIGCONT)


def decide_while_away(here: Tab, desk: Desk) -> None:
    """Decide two notes and begin the third, all in the tab alone."""
    for number, stage in enumerate(STAGES, 1):
        here.shows(desk.case(number))
        here.type_into("stage", stage)
        here.page.keyboard.press("Control+Enter")
    here.shows(desk.case(3))
    here.type_into("treatment", DRAFTED)
    here.page.get_by_label("Comment").fill(SAID)
    here.page.evaluate("window.isTheSamePage = true")


def expect_nothing_lost(here: Tab, desk: Desk) -> None:
    """All of it is in the store, once and in order, and the page is where it was."""
    expect(here.page.locator("#banner")).to_be_hidden()
    here.page.wait_for_function("!Object.keys(sessionStorage).some((key) => key.startsWith('caseloop:typed:'))")
    here.page.wait_for_function("(sessionStorage.getItem('caseloop:outbox:local') ?? '[]') === '[]'")
    expect(here.said()).to_have_attribute("data-state", "saved")
    expect(here.page.locator("#notice")).to_be_hidden()  # nothing was refused
    expect(here.page.locator("#conflict")).to_be_hidden()
    here.shows(desk.case(3))
    expect(here.box("treatment")).to_have_value(DRAFTED)
    expect(here.page.get_by_label("Comment")).to_have_value(SAID)
    assert here.page.evaluate("window.isTheSamePage") is True
    kept = [desk.decisions(number) for number in (1, 2)]
    assert [[row.extraction["stage"] for row in rows] for rows in kept] == [[stage] for stage in STAGES]
    assert kept[0][0].id < kept[1][0].id
    assert desk.decisions(3) == []
    draft = desk.review(3).draft
    assert draft is not None
    assert (draft.extraction["treatment"], draft.comment) == (DRAFTED, SAID)


@contextmanager
def _cut_off(browser: Browser, home: Path, loss: str) -> Iterator[tuple[Tab, Desk]]:
    """A tab on a desk of its own that is away until the block has run."""
    with serving(home, THREE) as desk, tab(browser, desk, desk.path(1), quiet=False) as here:
        here.shows(desk.case(1))
        here.loaded_ahead()
        mend = lose(loss, here, desk)
        try:
            decide_while_away(here, desk)
            yield here, desk
        finally:
            mend()
        expect_nothing_lost(here, desk)


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description="Review through two minutes without the desk.")
    parser.add_argument("--seconds", type=float, default=120.0)
    chosen = parser.parse_args()
    path = chromium.find()
    if path is None:
        print("no Chromium; run `python -m tests.kit.chromium --install`")
        return 1
    with ExitStack() as everything:
        folder = Path(everything.enter_context(tempfile.TemporaryDirectory()))
        playwright = everything.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        everything.callback(browser.close)
        for loss in LOSSES:
            (folder / loss).mkdir()
        began = time.monotonic()
        with ExitStack() as away:
            for loss in LOSSES:
                here, _ = away.enter_context(_cut_off(browser, folder / loss, loss))
            here.page.wait_for_timeout(1000 * chosen.seconds)
        figures = {"n_losses": len(LOSSES), "lasted_s": chosen.seconds, "took_s": round(time.monotonic() - began, 1)}
    print(json.dumps({**figures, "n_saved": len(STAGES) * len(LOSSES), "n_lost": 0, "n_repeated": 0}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
