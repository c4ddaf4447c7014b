"""The oracle: a feature program executed by NumPy, Arrow and Python alone, one plain line per rule.

It shares no code with the native kernels; on the same table both must give the same bits.
"""

from mlops_runtime.features.oracle.program import transform_reference

__all__ = ["transform_reference"]
