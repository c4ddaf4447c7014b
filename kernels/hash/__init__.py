"""XXH3-64 of keys: the oracle of `hash_values` and `HashIds`."""
