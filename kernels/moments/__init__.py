"""Exact moments: the summary of a native state, and the oracle."""

from mlops_runtime.kernels.moments.summary import Summary, summarise

__all__ = ["Summary", "summarise"]
