"""The last row of a key's past that was known at a time: the oracle of `AsofWinners`."""
