"""Ids of whole-number values: the oracle of `ExpressionIds`."""
