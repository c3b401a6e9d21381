"""Documents: plain text and what word processors and browsers write; one note a file."""
