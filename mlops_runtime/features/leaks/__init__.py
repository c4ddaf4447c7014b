"""Leak checks: which rows of a training set hold values that nobody could know at their time."""

from mlops_runtime.features.leaks.check import find_leaks
from mlops_runtime.features.leaks.report import KINDS, Leak, LeakKind, LeakReport, TableLeaks

__all__ = ["KINDS", "Leak", "LeakKind", "LeakReport", "TableLeaks", "find_leaks"]
