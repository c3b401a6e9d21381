"""What the whole product promises, and what others got wrong."""
