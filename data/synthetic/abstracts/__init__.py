"""Abstracts."""
