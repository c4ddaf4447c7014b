"""Expressions and the dense matrix made of them: the oracle of `Expression` and `DensePlan`, and their GPU form."""
