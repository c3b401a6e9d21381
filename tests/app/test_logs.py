"""Logs: a stranger cannot push what happened before out of them."""

from __future__ import annotations

import logging

from app.core.logs import _Sparing


def test_the_same_thing_is_written_only_so_often_a_minute() -> None:
    now = [0.0]
    sparing = _Sparing(n=3, window_s=60.0, clock=lambda: now[0])

    def said(words: str) -> str | None:
        record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, words, None, None)
        return str(record.msg) if sparing.filter(record) else None

    first = [said("Invalid HTTP request received.") for _ in range(5)]
    assert first[:2] == ["Invalid HTTP request received."] * 2
    assert "no more of these for a minute" in (first[2] or "")
    assert first[3:] == [None, None]
    assert said("Something else.") == "Something else."
    now[0] = 60.0
    assert said("Invalid HTTP request received.") == "Invalid HTTP request received."
