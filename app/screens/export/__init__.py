"""The Export screen and the downloads."""
