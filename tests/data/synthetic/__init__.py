"""Tests of generated notes."""
