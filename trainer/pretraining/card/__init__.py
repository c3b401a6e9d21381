"""The card of the finished model, and the licence of the weights that it began from."""
