"""The kernels off the C++ path: one folder per operation, each with its NumPy oracle in `reference.py`."""
