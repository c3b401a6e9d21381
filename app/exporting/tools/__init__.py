"""Annotation tools: Label Studio, brat and spaCy."""
