"""Point-in-time joins: for each entity row the values that were known of its key at its time."""

from mlops_runtime.features.join.report import JoinReport, TableReport

__all__ = ["JoinReport", "TableReport"]
