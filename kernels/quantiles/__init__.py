"""Bottom-k samples: the oracle of `QuantileSample`."""
