"""Import, export, import: the same bytes, whatever notes and labels hold. `tests.proofs.round_trips` tries more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.kit.desk.round_trips import FORMS, RECORDS, come_back, store_of_tests


@pytest.fixture(scope="module")
def store():
    with store_of_tests() as store:
        yield store


@pytest.mark.parametrize("form", FORMS)
def test_a_file_comes_back_byte_for_byte(store, form) -> None:
    @settings(max_examples=100)
    @given(RECORDS)
    def cases(records) -> None:
        come_back(store, form, records)

    cases()
