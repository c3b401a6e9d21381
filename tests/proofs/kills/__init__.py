"""Proofs with SIGKILL and power cuts."""
