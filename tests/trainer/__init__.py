"""Tests of training, pretraining and the trainer on its own."""
