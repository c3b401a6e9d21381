"""Loading a base and an adapter, quantisation, LoRA."""
