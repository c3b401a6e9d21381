"""A training run, top to bottom, and its directory."""
