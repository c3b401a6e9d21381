"""Tests of decisions in files."""
