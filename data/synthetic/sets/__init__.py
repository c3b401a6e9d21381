"""Ready-made sets of made-up notes: the samples that ship, the demonstration, house styles."""
