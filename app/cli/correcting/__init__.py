"""Putting right what was imported: the list of imports, undoing one, deleting notes."""
