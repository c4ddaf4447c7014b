"""Batches of rows for training: an order that is a function of a key, a place in it that is a few integers."""

from mlops_runtime.data.loader.batch import Batch
from mlops_runtime.data.loader.loader import Loader
from mlops_runtime.data.loader.samplers import Sampler, Sequential, Shuffled, Stratified, Weighted
from mlops_runtime.data.loader.shares import Last
from mlops_runtime.data.loader.state import LoaderState
from mlops_runtime.data.loader.stream import StreamLoader
from mlops_runtime.data.loader.stream_data import StreamData
from mlops_runtime.data.loader.stream_plan import StreamSampler, Windowed
from mlops_runtime.data.loader.stream_quality import ShuffleQuality, shuffle_quality

__all__ = [
    "Batch",
    "Last",
    "Loader",
    "LoaderState",
    "Sampler",
    "Sequential",
    "ShuffleQuality",
    "Shuffled",
    "Stratified",
    "StreamData",
    "StreamLoader",
    "StreamSampler",
    "Weighted",
    "Windowed",
    "shuffle_quality",
]
