"""JSON: one record a line, one array, one object around it, or the columns of a table."""
