"""Tests of the engine: exact answers on every forward pass."""
