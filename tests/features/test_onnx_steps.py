"""Every step, source and date part gives in ONNX Runtime what the native kernels give: no ulp between them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime  # noqa: TID251 — the point is to run without this package
import pyarrow as pa
import pytest

from mlops_runtime.data import Column, Schema
from mlops_runtime.features import FeatureProgram
from mlops_runtime.features.expression import (
    DATE_PARTS,
    OPERATIONS,
    Arithmetic,
    ColumnValue,
    Expression,
    Source,
    Step,
)
from mlops_runtime.features.onnx import export_program, onnx_inputs
from mlops_runtime.features.outputs import DenseOutput
from mlops_runtime.registry.portable import PortableCheck, check_program, onnx_backend

RANDOM = np.random.default_rng(7)
HARD = np.concatenate(
    [
        [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -5e-324, 2.0**-1022, -(2.0**-1022), 1.0, -1.0, 2.0**53 + 1],
        [-1.0 + 2.0**-53, np.nextafter(-1.0, -2.0), 709.78, 709.79, -64.0, np.finfo(np.float64).max, 3.4028236e38],
        np.ldexp(0.75, np.arange(-52, 60)) - 1.0,
        np.ldexp(0.75, np.arange(60, 1024)),
        np.arange(-3.0, 12.0),
        np.arange(-3.0, 12.0) + 0.5,
        RANDOM.integers(0, 2**64, 2000, np.uint64).view(np.float64),
        RANDOM.normal(size=1000) * 10,
    ]
)
KNOTS = np.sort(RANDOM.normal(size=37) * 20)
RANKS = np.sort(RANDOM.normal(size=37))
LONDON = [-1e15, 0.0, 1e15, 1.6e15, 3600e6, 0.0, 3600e6, 0.0]

STEPS = [
    ("impute", [2.5]),
    ("clip", [-1.5, 3.0]),
    ("clip", [0.0, 0.0]),
    ("log1p", []),
    ("signed_log1p", []),
    ("sqrt", []),
    *(("yeo_johnson", [power]) for power in (0.0, 2.0, 1.0, 0.37, -1.8, 3.1)),
    ("affine", [0.1, -3.7]),
    ("affine", [1e300, 1e300]),
    ("interpolate", [1.0, 5.0]),
    ("interpolate", [-1.0, 4.0, 0.3, -0.7]),
    ("interpolate", [*KNOTS, *RANKS]),
    ("bucket", [0.5]),
    ("bucket", [-1.0, 0.0, 1.0, 2.0]),
    ("bucket", KNOTS),
    ("table", [0.25]),
    ("table", [0.1, np.nan, -2.0, 3.0, 1e-300]),
    ("equals", [3.0]),
    ("equals", [0.0]),
    ("is_missing", []),
    ("local_time", LONDON),
    *((f"date_{part}", []) for part in DATE_PARTS),
]


def program_of(source: Source, *steps: tuple[str, list[float]], kind: str = "number") -> FeatureProgram:
    """A program of one dense column."""
    expression = Expression(source, tuple(Step(name, parameters) for name, parameters in steps))
    names = [reading.column for reading in source.reads]
    schema = Schema(tuple(Column(name, kind) for name in names))
    return FeatureProgram(schema, (DenseOutput("y", expression, 0),), (), (), 1)


def check(program: FeatureProgram, table: pa.Table) -> None:
    assert check_program(program, export_program(program), table) == PortableCheck(len(table), 0.0, 0)


@pytest.mark.parametrize(("name", "parameters"), STEPS)
def test_a_step_gives_the_kernels_bits(name: str, parameters: list[float]) -> None:
    program, table = program_of(ColumnValue("x"), (name, parameters)), pa.table({"x": HARD})
    graph, native = onnx_backend(program).run(table).dense, program.transform(table).dense
    assert graph.tobytes() == native.tobytes()


def test_every_step_of_the_kernels_is_tried(repository: Path) -> None:
    rules = (repository / "csrc" / "kernels" / "step.hpp").read_text(encoding="utf-8")
    assert {name for name, _ in STEPS} == set(re.findall(r'\{"(\w+)", is_\w+,', rules))


def test_steps_follow_each_other() -> None:
    steps = ("clip", [-5.0, 1e9]), ("impute", [1.0]), ("yeo_johnson", [0.4]), ("affine", [0.7, 1.3])
    check(program_of(ColumnValue("x"), *steps), pa.table({"x": HARD}))
    check(program_of(ColumnValue("x"), ("is_missing", []), ("affine", [0.5, 2.0])), pa.table({"x": HARD}))


@pytest.mark.parametrize("level", ["DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_of_any_settings_gives_the_same_bits(level: str, threads: int) -> None:
    steps = ("local_time", LONDON), ("signed_log1p", []), ("yeo_johnson", [0.4]), ("interpolate", [*KNOTS, *RANKS])
    program, table = program_of(ColumnValue("x"), *steps, ("affine", [0.1, -3.7])), pa.table({"x": HARD})
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}")
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(export_program(program), options)
    (dense,) = session.run(None, onnx_inputs(program.schema, table))
    assert dense.tobytes() == program.transform(table).dense.tobytes()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_arithmetic_between_columns(operation: str) -> None:
    table = pa.table({"a": np.repeat(HARD[:60], 60), "b": np.tile(HARD[:60], 60)})
    check(program_of(Arithmetic(operation, "a", "b")), table)
    check(program_of(Arithmetic(operation, "a", "b"), ("impute", [0.0])), table)


def test_whole_numbers_round_to_the_nearest_float() -> None:
    values = [2**53 + 1, -(2**53) - 1, 2**62 + 12345, None, 0, 2**63 - 1]
    check(program_of(ColumnValue("x"), ("affine", [0.0, 2.0**-53]), kind="integer"), pa.table({"x": values}))


@pytest.mark.parametrize(
    "data_type", [pa.bool_(), pa.int8(), pa.uint32(), pa.float32(), pa.float16(), pa.int64()], ids=str
)
def test_numbers_of_every_type_are_doubles_in_the_graph(data_type: pa.DataType) -> None:
    column = pa.array([1, 0, None, 1], pa.int8()).cast(data_type)
    check(program_of(ColumnValue("x"), ("impute", [7.0])), pa.table({"x": column}))


@pytest.mark.parametrize("part", DATE_PARTS)
def test_times_are_exact_for_the_years_1_to_9999(part: str) -> None:
    first, last = -62_135_596_800_000_000, 253_402_300_799_999_999
    days = np.arange("1896-02-20", "1904-03-10", dtype="M8[D]").astype("M8[us]").astype(np.int64)
    turns = np.arange("0001", "9999", 97, dtype="M8[Y]").astype("M8[us]").astype(np.int64)
    edges = [first, first - 1, last, last + 1, 0, -1, 1, 2**62, -(2**62)]
    stamps = np.concatenate([edges, days, turns, turns - 1, RANDOM.integers(first, last, 2000)])
    column = pa.array([None, *stamps.tolist()], pa.int64()).cast(pa.timestamp("us", "UTC"))
    program = program_of(ColumnValue("x"), ("local_time", LONDON), (f"date_{part}", []), kind="timestamp")
    check(program, pa.table({"x": column}))


def test_a_missing_number_has_one_bit_pattern_and_zeros_keep_their_signs() -> None:
    table = pa.table({"a": [np.inf, np.nan, -0.0, 0.0], "b": [np.inf, 1.0, 0.0, 0.0]})
    dense = onnx_backend(program_of(Arithmetic("subtract", "a", "b"))).run(table).dense
    assert dense.view(np.uint32).ravel().tolist() == [0x7FC00000, 0x7FC00000, 0x80000000, 0]
