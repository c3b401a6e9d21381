"""Several people at one desk, each in a browser of their own."""
