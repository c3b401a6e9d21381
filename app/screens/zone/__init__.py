"""The time zone of the reader, in the browser and on the server."""
