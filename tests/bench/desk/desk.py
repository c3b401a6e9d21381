"""How fast the desk is for a reviewer: key press to the next note, first load, search, and whether anything grows."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench.desk.stage import STOPWATCH, browsing, fill, machine, serving

WORDS = ("adenocarcinoma", "trastuzumab", "progression", "stage iv melanoma", "brca2", "liver metastases")
READY = "body[data-desk=ready]"
ASKED = "document.querySelector('#saved').dataset.state === 'hint'"
MIB = 1 << 20


def run_desk(n_notes: int, n_saves: int, *, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Measure the desk on notes of the synthetic corpus.

    Args:
        n_notes: in the store.
        n_saves: notes that are saved one after the other, by the key, as they stand.
        say: told what is being done.

    Returns:
        Milliseconds and MiB by name, and the machine in words.

    Raises:
        DeskError: there is no browser, or the desk does not start.
    """
    result: dict[str, Any] = {"machine": f"{machine()}, headless Chromium", "n_notes": n_notes, "n_saves": n_saves}
    with tempfile.TemporaryDirectory() as place, browsing() as browser:
        home = Path(place)
        say(f"filling a store with {n_notes:,} notes")
        fill(home, n_notes)
        with serving(home) as (address, pid):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(STOPWATCH)
            result["first_load_ms"] = _load(page, address)
            result["second_load_ms"] = _load(page, address)
            say(f"saving {n_saves} notes")
            result |= _save(page, pid, n_saves, say)
            say("searching")
            result["search_ms"] = _search(page)
    return result


def _load(page: Any, address: str) -> float:
    page.goto(f"{address}/app/")
    page.wait_for_selector(READY)
    return round(float(page.evaluate("window.times.painted")), 1)


def _save(page: Any, pid: int, n_saves: int, say: Callable[[str], None]) -> dict[str, Any]:
    import psutil

    session = page.context.new_cdp_session(page)
    server = psutil.Process(pid)

    def memory() -> tuple[float, float]:
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")["usedSize"]
        return round(used / MIB, 2), round(server.memory_info().rss / MIB, 1)

    seen, n_presses = [], 0
    for number in range(n_saves):
        if number % max(1, n_saves // 5) == 0:
            seen.append(memory())
        while page.evaluate("window.times.saves.length") <= number:  # each press confirms one field that asks
            page.keyboard.press("Control+Enter")
            page.wait_for_function(f"window.times.saves.length > {number} || {ASKED}")
            n_presses += 1
        page.wait_for_selector(READY)
        if number % 100 == 99:
            say(f"{number + 1} saved")
    seen.append(memory())
    times = [float(one) for one in page.evaluate("window.times.saves")]
    fifth = max(1, n_saves // 5)
    return {
        "presses_a_note": round(n_presses / n_saves, 2),
        "next_note_ms": spread(times),
        "first_fifth_ms": spread(times[:fifth]),
        "last_fifth_ms": spread(times[-fifth:]),
        "page_heap_mib": [heap for heap, _ in seen],
        "server_mib": [size for _, size in seen],
    }


def _search(page: Any) -> dict[str, float]:
    page.get_by_role("tab", name="Queue").click()
    page.wait_for_selector("#queue-table tbody tr")
    box = page.locator("#queue-search")
    for number, words in enumerate(WORDS):
        box.fill(words)
        page.wait_for_function(f"window.times.searches.length > {number}")
    return spread([float(one) for one in page.evaluate("window.times.searches")])


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and largest; one decimal."""
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"median": round(statistics.median(ordered), 1), "p95": round(p95, 1), "max": round(ordered[-1], 1)}
