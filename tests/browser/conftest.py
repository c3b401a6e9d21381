"""The tests of this room share a browser, which has the desk's files in its cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.kit.desk.desk_browser import launched


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as opened:
        yield opened
