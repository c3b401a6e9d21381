"""Notes and their suggestions in the store."""
