"""The keyed permutation: the oracle of `Permutation`."""
