"""A join in a process of its own: how much memory it takes, and what is left of it when it is killed."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

WORKER = Path(__file__).with_name("join_worker.py")
FILES, FILE_ROWS, VALUES = 8, 250_000, 20
TABLE_BYTES = FILES * FILE_ROWS * 8 * (VALUES + 2)
ALLOWED_BYTES = TABLE_BYTES // 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feature table of 352 MB in memory, and 40,000 rows that ask for it."""
    root = tmp_path_factory.mktemp("join")
    (root / "past").mkdir()
    rng = np.random.default_rng(0)
    for number in range(FILES):
        at = pa.array(rng.integers(0, 10**12, FILE_ROWS)).cast(pa.timestamp("us"))
        values = {f"v{i}": rng.standard_normal(FILE_ROWS) for i in range(VALUES)}
        past = pa.table({"k": rng.integers(0, 20_000, FILE_ROWS), "at": at, **values})
        pq.write_table(past, root / "past" / f"{number}.parquet", row_group_size=25_000, use_dictionary=False)
    at = pa.array(rng.integers(0, 10**12, 40_000)).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"k": rng.integers(0, 20_000, 40_000), "t": at}), root / "entities.parquet")
    return root


def _start(folder: Path, block_rows: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKER), str(folder), str(block_rows)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_memory_is_of_the_entity_rows_not_of_the_feature_table(folder: Path) -> None:
    with _start(folder, 20_000) as process:
        answer, errors = process.communicate(timeout=150)
    assert process.returncode == 0, errors
    found = json.loads(answer)
    assert found["rows"] == 40_000
    assert found["matched"] > 39_000
    assert found["peak_bytes"] - found["before_bytes"] < ALLOWED_BYTES
    assert pq.read_metadata(folder / "joined.parquet").num_rows == 40_000


def test_a_killed_join_leaves_the_former_file_as_it_was(folder: Path) -> None:
    out = folder / "joined.parquet"
    out.write_bytes(b"former")
    with _start(folder, 10_000) as process:
        assert process.stderr is not None
        list(itertools.islice(process.stderr, 200))  # two passes over 80 row groups a block: the second of four blocks
        process.kill()
    assert process.returncode < 0
    assert out.read_bytes() == b"former"
