"""A model's signature: which tensors it takes and gives, and how a request becomes a table of its columns.

A request tensor must carry its input's datatype, or one that widens to it without loss:

    FP64    FP16, FP32, BOOL (0 and 1), INT8 … UINT32; INT64 and UINT64 when every |v| <= 2^53
    INT64   INT8 … INT64, UINT8 … UINT32; UINT64 below 2^63
    BYTES   nothing else

Missing is NaN, JSON null or the empty BYTES string, and an input that is left out; all only where it is nullable.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.core.errors import DataError, SchemaError
from mlops_runtime.serving.request import InferRequest, OutputRequest, Tensor

__all__ = ["Signature", "TensorSpec"]

_ARROW = {"FP64": pa.float64(), "INT64": pa.int64(), "BYTES": pa.string()}
_WIDENS = {
    "FP64": {"FP64", "FP32", "FP16", "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"},
    "INT64": {"INT64", "INT8", "INT16", "INT32", "UINT8", "UINT16", "UINT32", "UINT64"},
    "BYTES": {"BYTES"},
}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a signature; -1 in `shape` stands for the batch."""

    name: str
    datatype: str
    shape: tuple[int, ...] = (-1,)
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs a model reads, in column order, and the outputs it gives."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def table(self, request: InferRequest) -> pa.Table:
        """Return the request's columns in signature order, one Arrow type per input whatever the wire datatype was.

        Raises SchemaError for an unknown input, a required one left out or a wrong datatype, DataError for a value
        that does not widen without loss.
        """
        known = {spec.name: spec for spec in self.inputs}
        given = {tensor.name: tensor for tensor in request.tensors}
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None:
            raise SchemaError(f"inputs: expected {_names(known)}, got `{unknown[:80]}` — see the model's metadata")
        columns = [_column(spec, given.get(spec.name), request.rows) for spec in self.inputs]
        return pa.table(columns, names=[spec.name for spec in self.inputs])

    def wanted(self, request: InferRequest) -> tuple[OutputRequest, ...]:
        """Return the outputs to send, in the order asked for. Raises SchemaError for an unknown one."""
        known = [spec.name for spec in self.outputs]
        unknown = next((output.name for output in request.outputs if output.name not in known), None)
        if unknown is not None:
            raise SchemaError(f"outputs: expected {_names(known)}, got `{unknown[:80]}` — see the model's metadata")
        return request.outputs or tuple(OutputRequest(name, request.binary_default) for name in known)

    def refuse_missing(self, table: pa.Table) -> None:
        """Raise DataError when a cleaned table misses a value where the input is not nullable, naming the row."""
        for spec in self.inputs:
            if spec.nullable:
                continue
            missing = pc.is_null(table.column(spec.name), nan_is_null=True)
            row = pc.index(missing, True).as_py()
            if row >= 0:
                raise DataError(
                    f"input `{spec.name}`: expected a value in every row (not nullable), got none at row {row}"
                )


def _column(spec: TensorSpec, tensor: Tensor | None, rows: int) -> pa.Array:
    if tensor is None:
        if not spec.nullable:
            raise SchemaError(f"inputs: expected `{spec.name}` ({spec.datatype}, not nullable), got nothing for it")
        return pa.nulls(rows, _ARROW[spec.datatype])
    if tensor.datatype not in _WIDENS[spec.datatype]:
        raise SchemaError(f"input `{spec.name}`: expected datatype {spec.datatype}, got {tensor.datatype}")
    try:
        return tensor.values.cast(_ARROW[spec.datatype])
    except pa.ArrowInvalid as error:
        raise DataError(f"input `{spec.name}`: expected values that fit {spec.datatype}, got {error}") from error


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
