"""The inference server: Open Inference Protocol over HTTP, drift on every request, versions swapped while it runs."""
