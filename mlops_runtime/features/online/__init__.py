"""Online stores: the newest row of each key of a feature table, read in microseconds."""

from mlops_runtime.features.online.rows import OnlineRows
from mlops_runtime.features.online.store import FileState, OnlineStore, WriteReport, Writing
from mlops_runtime.features.online.view import OnlineView

__all__ = ["FileState", "OnlineRows", "OnlineStore", "OnlineView", "WriteReport", "Writing"]
