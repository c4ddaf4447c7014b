"""Sketches: a data set in a few kilobytes a column, mergeable while it is made."""

from mlops_runtime.data.sketch.model import ColumnSketch, KeySketch, NumberSketch, time_text
from mlops_runtime.data.sketch.table import TableSketch

__all__ = ["ColumnSketch", "KeySketch", "NumberSketch", "TableSketch", "time_text"]
