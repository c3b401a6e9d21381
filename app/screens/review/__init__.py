"""The Review screen: one note with its fields, keys, the tour and what comes next."""
