"""Measurements of two or more ways to do the same, side by side in one run."""
