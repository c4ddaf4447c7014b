"""Tokens of lists and texts: the oracle of `Bag` and `BagCounts`."""
