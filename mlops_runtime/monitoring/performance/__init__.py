"""How good a model's predictions are: measured when labels arrive, estimated before, and how that changes."""
