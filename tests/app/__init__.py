"""Tests of the desk below the browser."""
