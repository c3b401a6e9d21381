"""What several groups of commands use: options, progress on a terminal, tables."""
