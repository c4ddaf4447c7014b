"""Orders of an epoch: the oracle of `WeightedDraws`, `StratifiedOrder` and `Subset`."""
