"""Point-in-time joins: for each entity row the values that were known of its key at its time."""

from mlops_runtime.features.join.plan import Naming
from mlops_runtime.features.join.report import JoinReport, TableReport
from mlops_runtime.features.join.run import Joined, join, join_to_file

__all__ = ["JoinReport", "Joined", "Naming", "TableReport", "join", "join_to_file"]
