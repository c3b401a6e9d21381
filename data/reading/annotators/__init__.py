"""Annotation tools' formats: their texts, and what people and models said about them there."""
