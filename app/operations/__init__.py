"""For whoever keeps a desk running: backup, health, status, the demonstration."""
