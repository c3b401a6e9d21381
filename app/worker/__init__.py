"""The worker: which notes wait, the engine that answers them, confidence refitted meanwhile."""
