"""The demo's data: a training file and a live file in which a shift was planted on purpose."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from mlops_runtime.core.durable import durable_write
from mlops_runtime.data import read_dataset
from mlops_runtime.data.synthetic import claims, planted_shift

__all__ = ["Material", "own_material", "synthetic_material"]

_TRAINING_ROWS = 20_000
_LIVE_ROWS = 2_000
_SHIFTED_COLUMNS = 2


@dataclass(frozen=True, slots=True)
class Material:
    """What the tour works on; `usual` and `shifted` are live traffic before and after the planted shift."""

    name: str
    file: Path
    target: str
    train_options: tuple[str, ...]
    usual: pa.Table
    shifted: pa.Table
    shifted_file: Path
    usual_file: Path
    planted: str


def synthetic_material(folder: Path, *, seed: int) -> Material:
    """Write the seeded insurance-claims data set of `data.synthetic` into `folder`."""
    history = claims(_TRAINING_ROWS + _LIVE_ROWS, seed=seed)
    usual = history.slice(_TRAINING_ROWS)
    same_weeks = claims(_LIVE_ROWS, seed=seed + 1, start=usual["submitted"][0].as_py())
    shifted = planted_shift(same_weeks, seed=seed)
    return Material(
        name="claims",
        file=_write_csv(history.slice(0, _TRAINING_ROWS), folder / "claims.csv"),
        target="fraud",
        train_options=("--time", "submitted", "--sensitive", "sex"),
        usual=usual,
        shifted=shifted,
        usual_file=_write_csv(usual, folder / "live_usual.csv"),
        shifted_file=_write_csv(shifted, folder / "live_shifted.csv"),
        planted="amounts inflate, one channel doubles, a new category appears, more values are missing",
    )


def own_material(folder: Path, data: Path, target: str) -> Material:
    """Take somebody's own file: its last rows are the live traffic, with two columns of numbers shifted."""
    dataset = read_dataset(data)
    live_rows = min(_LIVE_ROWS, dataset.table.num_rows // 5)
    history = dataset.table.slice(0, dataset.table.num_rows - live_rows)
    usual = dataset.table.slice(history.num_rows)
    numbers = [c.name for c in dataset.schema.columns if c.kind == "number" and c.name != target]
    spread = sorted(numbers, key=lambda name: -pc.count_distinct(history[name]).as_py())[:_SHIFTED_COLUMNS]
    shifted = usual
    for name in spread:
        shifted = _shift_column(shifted, name, float(np.nanstd(_floats(history, name))))
    return Material(
        name=_model_name(data),
        file=_write_csv(history, folder / "training.csv"),
        target=target,
        train_options=(),
        usual=usual,
        shifted=shifted,
        usual_file=_write_csv(usual, folder / "live_usual.csv"),
        shifted_file=_write_csv(shifted, folder / "live_shifted.csv"),
        planted=f"one standard deviation is added to {' and '.join(spread)}"
        if spread
        else "nothing: no numeric column",
    )


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = table[name].cast(pa.float64()).to_numpy()
    return values


def _shift_column(table: pa.Table, name: str, amount: float) -> pa.Table:
    moved = pc.add(table[name].cast(pa.float64()), amount)
    return table.set_column(table.schema.get_field_index(name), name, moved)


def _model_name(data: Path) -> str:
    kept = "".join(letter if letter.isalnum() else "-" for letter in data.stem.lower()).strip("-")
    return kept or "model"


def _write_csv(table: pa.Table, path: Path) -> Path:
    buffer = io.BytesIO()
    plain = [column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in table.columns]
    pyarrow.csv.write_csv(pa.table(plain, names=table.column_names), buffer)
    durable_write(path, buffer.getvalue())
    return path
