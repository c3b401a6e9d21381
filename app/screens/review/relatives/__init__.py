"""Notes that belong together: versions of one and what changed between them, and copies of one text."""
