"""Small C libraries that stand between a process and the system."""
