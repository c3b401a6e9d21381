"""Putting right from the queue: the imports, undoing one, deleting notes."""
