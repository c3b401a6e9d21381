"""The trainer's own options and commands."""
