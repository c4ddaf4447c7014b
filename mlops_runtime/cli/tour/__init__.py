"""What `mlrt demo` plays: the life of a model, told by running the very commands it prints."""
