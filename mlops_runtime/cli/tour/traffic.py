"""Real requests against a real server: a table is sent in small batches, and the answering versions are counted."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.errors import MlrtError
from mlops_runtime.serving.client import Client

__all__ = ["Traffic", "send", "wait_for_version"]

_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What came back: rows and requests sent, requests answered by each version, scores in row order."""

    rows: int
    requests: int
    versions: dict[str, int]
    labels: NDArray[np.object_]
    seconds: float

    def describe(self) -> str:
        """Return one line for the terminal."""
        shares = ", ".join(f"version {name}: {count}" for name, count in sorted(self.versions.items()))
        return f"{self.requests} requests, {self.rows} rows in {self.seconds:.2f} s; answered by {shares}"


def send(client: Client, model: str, table: pa.Table) -> Traffic:
    """Send every row once, in requests of 1, 2, 4 … 64 rows in turn."""
    versions: Counter[str] = Counter()
    labels = []
    started_s = time.monotonic()
    start = 0
    while start < table.num_rows:
        size = _BATCH_SIZES[versions.total() % len(_BATCH_SIZES)]
        answer = client.infer(model, table.slice(start, size))
        versions[answer.version] += 1
        labels.append(np.asarray(answer.outputs["label"], dtype=object))
        start += size
    return Traffic(
        table.num_rows, versions.total(), dict(versions), np.concatenate(labels), time.monotonic() - started_s
    )


def wait_for_version(client: Client, model: str, table: pa.Table, version: str, *, alone: bool) -> None:
    """Send single rows until `version` answers (alone: until only it does). Raises MlrtError after ten seconds."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        seen = {client.infer(model, table.slice(0, 1)).version for _ in range(8)}
        if version in seen and (not alone or len(seen) == 1):
            return
        time.sleep(0.1)
    raise MlrtError(
        f"demo: version {version} did not answer within {_PATIENCE_S:.0f} s — read server.log in the folder"
    )
