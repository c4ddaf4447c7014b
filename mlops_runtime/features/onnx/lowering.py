"""A fitted program as one ONNX graph: raw columns in; `dense`, `sparse` and bags out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from mlops_runtime.features.onnx.encoders import bag_ids, counts, row_ids
from mlops_runtime.features.onnx.graph import FLOAT, INT64, Graph, Port
from mlops_runtime.features.onnx.sources import Sources
from mlops_runtime.features.onnx.tensor import Tensor, concat, where
from mlops_runtime.features.onnx.unsupported import check_exportable, output_names
from mlops_runtime.features.outputs import DenseCounts, DenseOutput
from mlops_runtime.features.program import FeatureProgram

__all__ = ["lower_program"]

_LARGEST = float(np.finfo(np.float32).max)


def lower_program(program: FeatureProgram) -> bytes:
    """Return the program's graph, serialised. Raises UnsupportedExport for what ONNX cannot say."""
    check_exportable(program)
    graph = Graph([*program.schema.names, *output_names(program)])
    sources = Sources(graph, program.schema)
    outputs: dict[Port, str] = {}
    if program.dense:
        names = ", ".join(program.dense_names)
        outputs[Port("dense", FLOAT, ("N", len(program.dense_names)), names)] = _dense(sources, program.dense).name
    if program.sparse:
        columns = [row_ids(sources, output.encoder) for output in program.sparse]
        port = Port("sparse", INT64, ("N", len(columns)), ", ".join(program.sparse_names))
        outputs[port] = concat(columns, axis=1).name
    for bag in program.bags:
        ids, offsets = bag_ids(sources, bag.bag)
        outputs[Port(f"{bag.name}.ids", INT64, (f"elements of {bag.name}",))] = ids.name
        outputs[Port(f"{bag.name}.offsets", INT64, ("N + 1",))] = offsets.name
    inputs = [Sources.port(column) for column in program.schema.columns]
    return graph.serialise(inputs, outputs, name="program", metadata={"mlops_runtime.program": program.digest})


def _dense(sources: Sources, outputs: Iterable[DenseOutput | DenseCounts]) -> Tensor:
    """Return all columns clamped to the range of float32, as it: rounded to nearest even, NaN as 0x7fc00000."""
    parts = [part for _, group in itertools.groupby(outputs, _shared) for part in _columns(sources, list(group))]
    x = concat(parts, axis=1)
    above = where(x < -_LARGEST, -_LARGEST, x)
    stored = where(above > _LARGEST, _LARGEST, above).cast(FLOAT)
    return where(stored.is_nan(), np.nan, stored)


def _shared(output: DenseOutput | DenseCounts) -> object:
    """Return the same for neighbours that compare one expression with numbers: together they cost one node."""
    if isinstance(output, DenseOutput) and output.expression.steps and output.expression.steps[-1].name == "equals":
        return output.expression.source, output.expression.steps[:-1]
    return output


def _columns(sources: Sources, group: list[DenseOutput | DenseCounts]) -> list[Tensor]:
    first = group[0]
    if isinstance(first, DenseCounts):
        return [counts(sources, first.bag, first_id=first.first_id, width=len(first.names), binary=first.binary)]
    if len(group) > 1:
        return [sources.equalities([output.expression for output in group if isinstance(output, DenseOutput)])]
    return [sources.expression(first.expression)]
