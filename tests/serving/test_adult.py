"""The whole way on real data: `mlrt train`, `mlrt predict` and tritonclient against `mlrt serve` agree bit for bit."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import tritonclient.http as triton

ROWS = 300


def raw_rows(file: Path) -> tuple[list[str], list[list[str]]]:
    """The file's header and first rows exactly as they are written: leading spaces, question marks and all."""
    with file.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    return header, rows[:ROWS]


def test_adult_scores_are_the_same_bits_from_predict_and_from_the_server(
    shared_data: Path, tmp_path: Path, serve: Any
) -> None:
    mlrt = [sys.executable, "-m", "mlops_runtime.cli"]
    bundle, scores, sample = tmp_path / "adult", tmp_path / "scores.parquet", tmp_path / "sample.csv"
    train = ["train", str(shared_data / "adult" / "train.csv"), "--target", "income", "--model", "gbdt"]
    subprocess.run([*mlrt, *train, "-o", str(bundle), "--json"], check=True, stdout=subprocess.DEVNULL)
    header, rows = raw_rows(shared_data / "adult" / "test.csv")
    with sample.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    subprocess.run([*mlrt, "predict", str(bundle), str(sample), "-o", str(scores), "--json"], check=True)
    predicted = pq.read_table(scores)
    expected = np.stack([predicted.column(name).to_numpy() for name in predicted.column_names[1:]], axis=1)

    with triton.InferenceServerClient(serve(str(bundle)).address) as client:
        signature = client.get_model_metadata("adult")["inputs"]
        answered = []
        start = 0
        for size in [*[1] * 64, 2, 3, 5, 8, 13, 21, 34, 55, 64]:
            batch = rows[start : start + size]
            inputs = [tensor(entry, [row[header.index(entry["name"])] for row in batch]) for entry in signature]
            answered.append(client.infer("adult", inputs).as_numpy("probability"))
            start += len(batch)
    got = np.concatenate(answered)
    assert any("?" in cell for row in rows for cell in row)
    assert got.tobytes() == expected[: len(got)].tobytes()


def tensor(entry: dict[str, Any], cells: list[str]) -> triton.InferInput:
    is_text = entry["datatype"] == "BYTES"
    values = np.array(cells, np.object_) if is_text else np.array(cells, np.float64)
    return triton.InferInput(entry["name"], [len(cells)], entry["datatype"]).set_data_from_numpy(values)
