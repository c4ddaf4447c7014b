"""Impute and standardise: the oracle of `DensePlan`."""
