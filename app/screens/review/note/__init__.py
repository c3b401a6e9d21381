"""What the Review screen shows of a note: text, marks, fields, cautions, history."""
