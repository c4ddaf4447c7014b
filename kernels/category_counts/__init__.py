"""Counts over given categories: the oracle of `CategoryCounts`, and its Triton form."""
