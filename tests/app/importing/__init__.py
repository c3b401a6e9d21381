"""Tests of notes in and out, and of adapters shared with others."""
