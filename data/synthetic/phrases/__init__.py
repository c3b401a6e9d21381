"""What a note says, as templates of the grammar, by subject."""
