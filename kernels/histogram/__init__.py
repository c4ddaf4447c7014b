"""Histogram counts: the oracle of `Histogram`."""
