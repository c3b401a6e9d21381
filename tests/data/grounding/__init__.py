"""Tests of evidence, negation, rules and words; pairs of notes and values."""
