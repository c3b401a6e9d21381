"""Notes in: from files into the store, with a preview first."""
