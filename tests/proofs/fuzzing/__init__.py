"""Changed files of every format, and what an import makes of them."""
