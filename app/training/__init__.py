"""Training runs as the desk sees them: requested, performed, concluded, decided."""
