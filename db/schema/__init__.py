"""Tables, errors and what the two databases say differently."""
