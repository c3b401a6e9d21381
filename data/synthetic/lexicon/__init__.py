"""Cancers, drugs and organs: what a note can be about."""
