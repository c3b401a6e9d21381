"""Whether a new adapter may take over: comparison, judges, verdict, what a number of judges can show."""
