"""Row-major tables of one fixed layout: in memory, or as a cache on disk that is mapped."""

from mlops_runtime.data.rows.layout import Field, RowLayout
from mlops_runtime.data.rows.table import RowTable

__all__ = ["Field", "RowLayout", "RowTable"]
