"""Kills."""
