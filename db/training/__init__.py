"""Runs, adapters and preferences in the store."""
