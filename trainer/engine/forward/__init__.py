"""Passes of a Llama: on a CPU, on a GPU, through modules."""
