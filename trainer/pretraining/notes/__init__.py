"""What pretraining learns from: generated, real and padded notes as tokens."""
