"""Shims."""
