"""Batch scoring: rows of any number of files in, labels and probabilities out, in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mlops_runtime.core.durable import durable_stream
from mlops_runtime.core.errors import ConfigError, EmptyInputError, problem
from mlops_runtime.data import DataPath, open_source
from mlops_runtime.registry import Model, Scores

__all__ = ["Prediction", "predict"]

_BLOCK_ROWS = 1 << 16

_WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], Any]] = {
    ".csv": pyarrow.csv.CSVWriter,
    ".parquet": pyarrow.parquet.ParquetWriter,
}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was written where. labels: rows of each class; empty in regression."""

    path: Path
    rows: int
    columns: tuple[str, ...]
    labels: dict[str, int]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "output": str(self.path),
            "rows": self.rows,
            "columns": list(self.columns),
            "labels": self.labels,
            "notes": list(self.notes),
        }


def predict(
    model: Model,
    data: DataPath,
    output: Path,
    *,
    ids: Sequence[str] = (),
    block_rows: int = _BLOCK_ROWS,
    progress: Callable[[str, float], None] | None = None,
) -> Prediction:
    """Score a data set and write one row for each of its rows, in order: ids, `label`, a probability for each class.

    data: as for `open_source`; it is streamed. output: `.csv` or `.parquet`, replaced as a whole or not at all. ids:
    columns of the data to carry over. block_rows: rows scored and written at a time; the scores do not depend on it.
    Raises ConfigError for another extension, SchemaError for missing columns, EmptyInputError without rows.
    """
    writer_of = _WRITERS.get(output.suffix.lower())
    if writer_of is None:
        raise ConfigError(
            f"{output}: expected a name ending in .csv or .parquet, got `{output.name}` — rename the output"
        )
    report = progress or (lambda stage, fraction: None)
    report("read", 0.0)
    wanted = list(dict.fromkeys([*model.schema.names, *ids]))
    source = open_source(data, schema=model.schema, columns=wanted)
    batches = source.batches(block_rows)
    first = next(batches, None)
    if first is None:
        raise EmptyInputError(
            problem(expected="rows to score", got="none", where=str(data), next_step="check that the export finished")
        )
    labels, rows = dict.fromkeys(model.classes, 0), 0
    schema = _output_schema(model, first.table.schema, ids)
    with durable_stream(output) as stream, writer_of(stream, schema) as writer:
        for batch in itertools.chain([first], batches):
            report("score", rows / source.known_rows if source.known_rows else 0.0)
            scores = model.score(batch.table)
            for label in scores.label if model.classes else ():
                labels[label] += 1
            writer.write_table(_output_block(model, batch.table, ids, scores, schema))
            rows += batch.table.num_rows
    return Prediction(output, rows, tuple(schema.names), labels, source.notes)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _output_schema(model: Model, inputs: pa.Schema, ids: Sequence[str]) -> pa.Schema:
    fields = [pa.field(name, _plain_type(inputs.field(name).type)) for name in ids]
    fields.append(pa.field("label", pa.string() if model.classes else pa.float64()))
    fields += [pa.field(f"probability:{name}", pa.float32()) for name in model.classes]
    return pa.schema(fields)


def _output_block(model: Model, block: pa.Table, ids: Sequence[str], scores: Scores, schema: pa.Schema) -> pa.Table:
    columns: list[Any] = [block.column(name).cast(schema.field(at).type) for at, name in enumerate(ids)]
    columns.append(pa.array(scores.label, schema.field(len(ids)).type))
    columns += [pa.array(scores.probability[:, at]) for at in range(len(model.classes))]
    return pa.Table.from_arrays(columns, schema=schema)
