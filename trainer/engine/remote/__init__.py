"""Engines on other machines: a client for servers of a model."""
