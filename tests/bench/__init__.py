"""Short runs of the benches."""
