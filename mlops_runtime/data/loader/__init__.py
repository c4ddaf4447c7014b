"""Batches of rows for training: an order that is a function of a key, a place in it that is a few integers."""

from mlops_runtime.data.loader.batch import Batch
from mlops_runtime.data.loader.loader import Loader
from mlops_runtime.data.loader.samplers import Sampler, Sequential, Shuffled, Stratified, Weighted
from mlops_runtime.data.loader.shares import Last
from mlops_runtime.data.loader.state import LoaderState

__all__ = ["Batch", "Last", "Loader", "LoaderState", "Sampler", "Sequential", "Shuffled", "Stratified", "Weighted"]
