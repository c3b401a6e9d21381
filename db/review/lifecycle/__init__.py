"""What happens to decisions when notes arrive decided, come in new versions and copies, or are deleted."""
