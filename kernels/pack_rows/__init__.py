"""Fields, each a matrix of its own, as the records of a row store."""
