"""Measurements of the desk, in a real browser on a real server."""
