"""An adapter's directory and which base it belongs to."""
