"""Heavy forms of the tests: `make proof`."""
