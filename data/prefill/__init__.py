"""Prefill."""
