"""Scoring an adapter, fitting its confidence, the baseline it has to beat."""
