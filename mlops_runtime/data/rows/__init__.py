"""Row-major tables of one fixed layout: in memory, or as a cache on disk that is mapped."""

from mlops_runtime.data.rows.cache import RowCache
from mlops_runtime.data.rows.eviction import Collected, Entry
from mlops_runtime.data.rows.layout import Field, RowLayout
from mlops_runtime.data.rows.manifest import rows_digest
from mlops_runtime.data.rows.table import RowTable

__all__ = ["Collected", "Entry", "Field", "RowCache", "RowLayout", "RowTable", "rows_digest"]
