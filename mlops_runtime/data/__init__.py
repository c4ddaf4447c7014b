"""Data sets: files in, clean Arrow tables out, with a schema and an identity."""

from mlops_runtime.data.conform import conform
from mlops_runtime.data.manifest import DataFile, Manifest
from mlops_runtime.data.schema import Column, ColumnKind, Schema
from mlops_runtime.data.source import Dataset, read_dataset

__all__ = ["Column", "ColumnKind", "DataFile", "Dataset", "Manifest", "Schema", "conform", "read_dataset"]
