"""Adapters to and from other places: the Hugging Face Hub, object stores, shares."""
