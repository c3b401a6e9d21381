"""Decisions, drafts, opinions and what is counted of them."""
