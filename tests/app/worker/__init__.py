"""Tests of the worker and of the processes that are watched."""
