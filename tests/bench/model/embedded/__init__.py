"""What the embedded model, or another one, is worth on labelled notes and beyond them."""
