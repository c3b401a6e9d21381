"""The learning part of a run: rows, memory, the loop, checkpoints, several processes."""
