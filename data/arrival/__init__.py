"""What a record brings beside its text: labels, metadata, and what other models proposed."""
