"""Short made-up abstracts of cases."""
