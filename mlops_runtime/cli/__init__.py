"""The `mlrt` command: one file per noun; each parses, calls one function below, prints."""
