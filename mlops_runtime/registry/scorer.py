"""The one scoring function: evaluation, gates, baseline, predict and serve all run `model.onnx` through here.

Bits do not depend on how rows are batched. Measured on ONNX Runtime 1.32 with MLPs of width 64 to 512, linear models
with gathered embeddings, and LightGBM tree ensembles, batches of 1 to 200: with one intra-op thread a row's bits are
the same at every batch size of two or more, while a batch of exactly one may differ (ReduceSum picks another kernel for
one row). So the rule is: one intra-op thread, and a single row is scored as two equal ones. Parallelism comes from
scoring blocks of rows on several threads; ONNX Runtime releases the GIL. `tests/registry/test_scorer.py` repeats the
measurement.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import DataError, ShapeError
from mlops_runtime.core.settings import settings

__all__ = ["GraphPort", "GraphRunner", "Scorer"]

_BLOCK_ROWS = 2048
_NOWHERE = (
    "/dev/null"  # no folder: weights that a model file places outside itself are unverified, so they must not load
)
_DTYPES = {"tensor(float)": np.dtype(np.float32), "tensor(int64)": np.dtype(np.int64)}
_INPUTS = {"dense": "tensor(float)", "sparse": "tensor(int64)"}


def _open_session(onnx: bytes) -> Any:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import: afterwards a device id is already on disk
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NOWHERE)
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class below Exception
        raise DataError(f"model.onnx: expected a model ONNX Runtime accepts, got {error} — export it again") from error


class Scorer:
    """An ONNX model with inputs `dense` float32[N, d] and `sparse` int64[N, s] and one output `score` float32[N, K].

    An input of width 0 is absent from the model. Thread-safe.
    Raises DataError when the bytes are no such model.
    """

    def __init__(self, onnx: bytes) -> None:
        self._session = _open_session(onnx)
        self._widths: dict[str, int] = {}
        for node in self._session.get_inputs():
            if _INPUTS.get(node.name) != node.type or len(node.shape) != 2 or not isinstance(node.shape[1], int):
                raise DataError(
                    f"model.onnx: expected inputs `dense` float32[N, d] and `sparse` int64[N, s], "
                    f"got `{node.name}` {node.type}{node.shape} — export it again"
                )
            self._widths[node.name] = node.shape[1]
        outputs = [node.name for node in self._session.get_outputs()]
        if outputs != ["score"] or not self._widths:
            raise DataError(
                f"model.onnx: expected inputs and one output `score`, got outputs {outputs} — export it again"
            )

    def run(self, dense: NDArray[np.float32], sparse: NDArray[np.int64]) -> NDArray[np.float32]:
        """Score rows. dense: float32[N, d]. sparse: int64[N, s]. Returns float32[N, K].

        K is the number of classes (probabilities), or 1 in regression (the value).
        Raises ShapeError when a width or the row counts do not fit the model.
        """
        feed = self._feed(dense, sparse)
        rows = len(next(iter(feed.values())))
        starts = range(0, max(rows, 1), _BLOCK_ROWS)
        blocks = [{name: matrix[at : at + _BLOCK_ROWS] for name, matrix in feed.items()} for at in starts]
        if len(blocks) == 1:
            return self._run_block(blocks[0])
        with ThreadPoolExecutor(min(settings().thread_count, len(blocks))) as pool:
            return np.concatenate(list(pool.map(self._run_block, blocks)))

    def _feed(self, dense: NDArray[np.float32], sparse: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        given: dict[str, NDArray[Any]] = {"dense": dense, "sparse": sparse}
        for name, matrix in given.items():
            expected = self._widths.get(name, 0)
            dtype = _DTYPES[_INPUTS[name]]
            if matrix.ndim != 2 or matrix.shape[1] != expected or matrix.dtype != dtype or len(matrix) != len(dense):
                raise ShapeError(
                    f"model.onnx: expected `{name}` {dtype}[{len(dense)}, {expected}], "
                    f"got {matrix.dtype}{list(matrix.shape)} — use the program of the same bundle"
                )
        return {name: np.ascontiguousarray(given[name]) for name in self._widths}

    def _run_block(self, feed: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        rows = len(next(iter(feed.values())))
        if rows == 1:
            feed = {name: np.repeat(matrix, 2, axis=0) for name, matrix in feed.items()}
        score: NDArray[np.float32] = self._session.run(["score"], feed)[0]
        return score[:rows]


@dataclass(frozen=True, slots=True)
class GraphPort:
    """An input or output of a graph: its name, ONNX Runtime's word for its type, its shape (a text is a free size)."""

    name: str
    type: str
    shape: tuple[int | str, ...]


class GraphRunner:
    """Any ONNX graph, run as it is on the CPU with one thread: what an export is checked with. Thread-safe.

    Raises DataError when the bytes are no model that ONNX Runtime accepts.
    """

    def __init__(self, onnx: bytes) -> None:
        self._session = _open_session(onnx)
        self.inputs, self.outputs = (
            tuple(GraphPort(node.name, node.type, tuple(node.shape)) for node in nodes)
            for nodes in (self._session.get_inputs(), self._session.get_outputs())
        )

    def run(self, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return every output by name. feed: one array for each input; names that are no input are left out."""
        names = [port.name for port in self.outputs]
        given = {port.name: feed[port.name] for port in self.inputs}
        return dict(zip(names, self._session.run(names, given), strict=True))
