"""Data sets: files in, clean Arrow tables out, with a schema and an identity."""

from mlops_runtime.data.batch import BadRow, Batch
from mlops_runtime.data.conform import conform
from mlops_runtime.data.frame import Frame, from_frame
from mlops_runtime.data.locate import DataPath, short_name
from mlops_runtime.data.manifest import DataFile, Manifest
from mlops_runtime.data.opening import open_source, read_dataset
from mlops_runtime.data.schema import Column, ColumnKind, Schema
from mlops_runtime.data.source import Dataset, Source

__all__ = [
    "BadRow",
    "Batch",
    "Column",
    "ColumnKind",
    "DataFile",
    "DataPath",
    "Dataset",
    "Frame",
    "Manifest",
    "Schema",
    "Source",
    "conform",
    "from_frame",
    "open_source",
    "read_dataset",
    "short_name",
]
