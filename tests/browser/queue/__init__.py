"""Browser tests of the queue: its list, what comes in, what is put right."""
