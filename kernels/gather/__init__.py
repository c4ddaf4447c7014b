"""Rows by index into one array a field: the oracle of `gather`, and its Triton form."""
