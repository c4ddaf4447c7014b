"""Loaders that are killed with -9 in the midst of an epoch: what was checkpointed and what comes after is the epoch."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from loader_cases import order_of, table_of

from mlops_runtime.data.loader import Shuffled

_ROWS = 3001
_KILLS = 12
_WORKER = Path(__file__).with_name("loader_worker.py")


def test_processes_killed_at_random_lose_and_double_nothing(tmp_path: Path, soak_factor: int) -> None:
    """Each process consumes a random part in another geometry, and records what its durable checkpoint vouches for."""
    rng = random.Random(11)
    checkpoint = tmp_path / "checkpoint.json"
    kills, epochs = 0, 2 * soak_factor
    while not checkpoint.is_file() or json.loads(checkpoint.read_text())["epoch"] < epochs:
        options = {
            "shards": rng.choice([1, 2, 3, 7]),
            "batch_rows": rng.randint(1, 40),
            "prefetch": rng.randint(1, 5),
            "epochs": epochs,
        }
        environment = os.environ | {"MLRT_THREADS": str(rng.randint(1, 3))}
        worker = subprocess.Popen(
            [sys.executable, _WORKER, str(_ROWS), str(checkpoint), json.dumps(options)],
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert worker.stdout is not None
        worker.stdout.readline()  # it has begun
        if kills < _KILLS:
            time.sleep(rng.uniform(0.0, 0.05))
            worker.send_signal(signal.SIGKILL)
            kills += 1
        worker.stdout.close()
        worker.wait(timeout=60)
    assert kills == _KILLS
    record = json.loads(checkpoint.read_text())
    table = table_of(_ROWS)
    for epoch in range(epochs):
        options = {"sampler": Shuffled(), "seed": 6}
        expected = order_of(table, **options) if epoch == 0 else None
        rows = np.array(record["rows"][str(epoch)])
        assert sorted(rows.tolist()) == list(range(_ROWS))
        if expected is not None:
            np.testing.assert_array_equal(rows, expected)
