"""What the Triton variant of `dense` can run, in the order of its codes; importable where Triton is not."""

from __future__ import annotations

__all__ = ["OPERATIONS", "STEPS"]

OPERATIONS = ("column", "add", "subtract", "multiply", "divide")
STEPS = (
    "impute",
    "clip",
    "affine",
    "log1p",
    "signed_log1p",
    "sqrt",
    "yeo_johnson",
    "equals",
    "is_missing",
    "table",
    "bucket",
    "interpolate",
)
