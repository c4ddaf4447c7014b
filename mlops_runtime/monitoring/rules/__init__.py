"""Rules over points, written as YAML: what to watch, how long, how serious, whom to tell."""
