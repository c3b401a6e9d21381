"""Everything that touches torch: models, decoding, training, evaluation."""
