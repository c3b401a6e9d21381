"""Browser tests of training, failures and the way through the queue."""
