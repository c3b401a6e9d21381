"""Where a value stands in its note, and whether it is meant there: evidence, negation, context."""
