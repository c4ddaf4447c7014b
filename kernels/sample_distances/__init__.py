"""Exact distances of two samples: the oracle of `SortedSample`."""
