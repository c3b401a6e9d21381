"""Export: what people decided, for training, spreadsheets, annotation tools and registries; see `formats`."""
