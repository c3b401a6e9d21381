"""The gate's error rates in short; `python -m tests.proofs.gate` has the whole table."""

from __future__ import annotations

import pytest

from tests.proofs.gate import outcomes

N_SIMULATIONS, N_RESAMPLES = 40, 400


@pytest.mark.parametrize("kind", ["even", "whole"])
def test_an_adapter_that_is_no_better_hardly_ever_passes(kind):
    assert outcomes((kind, 500, 0.0), N_SIMULATIONS, N_RESAMPLES)["better"] <= 2  # 5 %


def test_three_points_on_five_hundred_notes_pass():
    assert outcomes(("even", 500, 0.03), N_SIMULATIONS, N_RESAMPLES)["better"] >= 36  # 90 %


def test_a_gain_that_costs_a_field_does_not_pass():
    found = outcomes(("costly", 500, 0.03), N_SIMULATIONS, N_RESAMPLES)
    assert found["better"] <= 4
    assert found["blocked"] >= 36
