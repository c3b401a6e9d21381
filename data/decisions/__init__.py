"""Decisions in a file: what people decided at another desk, as its export tells it."""
