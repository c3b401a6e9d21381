"""Processes of the desk: starting them, watching them, ending them."""
