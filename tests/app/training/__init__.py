"""Tests of runs as the desk performs them."""
