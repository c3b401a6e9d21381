"""Tests of scoring, calibration, agreement and the gate."""
