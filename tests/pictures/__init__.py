"""Pictures of the desk and the programs that take them."""
