"""Our own client: whatever a column's Arrow type, the scores are those of `Model.score`."""

from __future__ import annotations

import decimal
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlops_runtime.data import read_dataset
from mlops_runtime.registry import Bundle, Model
from mlops_runtime.serving.client import Client


def _odd_columns(rows: int) -> pa.Table:
    rng = np.random.default_rng(3)
    signal = rng.normal(size=rows)
    numbers = np.where(rng.random(rows) < 0.05, np.inf, signal)
    return pa.table(
        {
            "number": pa.array(numbers, mask=rng.random(rows) < 0.1),
            "whole": pa.array(rng.integers(0, 9, rows), mask=rng.random(rows) < 0.1),
            "truth": pa.array((signal > 0.2).tolist(), mask=rng.random(rows) < 0.1),
            "price": pa.array([decimal.Decimal(f"{value:.3f}") for value in signal]),
            "city": pa.array(rng.choice(["Dubai", " Ajman", "?"], rows).tolist()).dictionary_encode(),
            "seen": pa.array(rng.integers(10**18, 10**18 + 10**16, rows), pa.timestamp("ns", "Asia/Dubai")),
            "local": pa.array(rng.integers(10**18, 10**18 + 10**16, rows), pa.timestamp("ns")),
            "day": pa.array(rng.integers(15_000, 16_000, rows).astype(np.int32), pa.date32()),
            "value": signal + rng.normal(size=rows) * 0.2,
        }
    )


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_every_type_of_column_is_sent_and_scored_as_from_the_file(task: str, tmp_path: Path, serve: Any) -> None:
    table = _odd_columns(300)
    if task == "multiclass":
        names = np.array(["low", "middle", "high"])[np.digitize(table["value"].to_numpy(), [-0.4, 0.4])]
        table = table.drop_columns("value").append_column("value", pa.array(names.tolist()))
    file, bundle = tmp_path / "odd.parquet", tmp_path / "bundle"
    parquet.write_table(table, file)
    options = ["--target", "value", "--model", "linear", "--name", "odd", "-o", str(bundle), "--json"]
    trained = subprocess.run(
        [sys.executable, "-m", "mlops_runtime.cli", "train", str(file), *options], check=True, capture_output=True
    )
    assert json.loads(trained.stdout)["task"] == task
    model = Model.load(Bundle.open(bundle))
    expected = model.score(read_dataset(file, schema=model.schema).table)
    with Client(serve(str(bundle)).url) as client:
        answer = client.infer("odd", table).outputs
    if task == "multiclass":
        assert answer["probability"].tobytes() == expected.probability.tobytes()
    assert list(answer["label"]) == list(expected.label)
