"""Desks, browsers, stores and servers for tests."""
