"""Live counts of all columns of a table in one call: the oracle of `TableCounts`."""
