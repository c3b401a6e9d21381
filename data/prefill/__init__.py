"""What of a suggestion goes into the form, and what asks to be looked at."""
