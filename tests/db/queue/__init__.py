"""The queue in the store: what is searched, filtered and sorted."""
