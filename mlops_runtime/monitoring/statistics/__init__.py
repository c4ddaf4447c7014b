"""What the counts say: distances, tests with their own null distributions, and verdicts."""
