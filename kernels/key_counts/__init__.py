"""Exact counts of keys: the oracle of `VocabularyCounter`."""
