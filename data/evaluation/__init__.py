"""When a field is right, how sure a model may be, and how well people agree."""
