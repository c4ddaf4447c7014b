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
from typing import Any

from loader_cases import digest_of, table_of

from mlops_runtime.data.loader import Loader, Shuffled

_ROWS = 3001
_KILLS = 12
_ENDLESS = 1 << 40
_WORKER = Path(__file__).with_name("loader_worker.py")


def test_processes_killed_at_random_lose_and_double_nothing(tmp_path: Path, soak_factor: int) -> None:
    """Each process consumes a random part in another geometry, and records what its durable checkpoint vouches for."""
    rng = random.Random(11)
    checkpoint = tmp_path / "checkpoint.json"
    for _ in range(_KILLS * soak_factor):
        worker = _begin(rng, checkpoint, epochs=_ENDLESS)
        time.sleep(rng.uniform(0.0, 0.05))
        worker.kill()
        assert worker.wait(timeout=60) == -signal.SIGKILL
    epochs = len(_read(checkpoint)["digests"]) + 1
    assert _begin(rng, checkpoint, epochs=epochs).wait(timeout=60) == 0
    record = _read(checkpoint)
    loader = Loader(table_of(_ROWS), batch_rows=17, sampler=Shuffled(), seed=6)
    expected = [digest_of(row for batch in loader for row in batch.rows) for _ in range(epochs)]
    assert (record["digests"], record["rows"]) == (expected, [])


def _begin(rng: random.Random, checkpoint: Path, *, epochs: int) -> subprocess.Popen[bytes]:
    """Start a process that goes on from the checkpoint until `epochs` are over; return once it consumes."""
    options = {
        "shards": rng.choice([1, 2, 3, 7]),
        "batch_rows": rng.randint(1, 40),
        "prefetch": rng.randint(1, 5),
        "epochs": epochs,
    }
    worker = subprocess.Popen(
        [sys.executable, _WORKER, str(_ROWS), str(checkpoint), json.dumps(options)],
        stdout=subprocess.PIPE,
        env=os.environ | {"MLRT_THREADS": str(rng.randint(1, 3))},
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"begun\n"
    worker.stdout.close()
    return worker


def _read(checkpoint: Path) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads(checkpoint.read_text())
    return saved
