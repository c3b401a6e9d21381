"""What comes next: the order of notes, filters, search, claims."""
