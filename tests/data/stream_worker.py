"""A process of the stream's tests: `measure FOLDER` prints how much its memory grew, `leave FOLDER` exits in a loop."""

from __future__ import annotations

import sys
from pathlib import Path

from stream_cases import stream

from mlops_runtime.data import open_source
from mlops_runtime.data.loader import Windowed


def _anonymous_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))


def _measure(folder: Path) -> None:
    """Stream the files twice: what the first batches took is known then, what grew afterwards shows."""
    loader = stream(open_source(folder), batch_rows=1024, sampler=Windowed(2))
    rows, before = 0, _anonymous_bytes()
    most = 0
    for _ in range(2):
        for batch in loader:
            rows += len(batch.rows)
            most = max(most, _anonymous_bytes())
    print(rows, most - before, loader.memory_bytes)


def _leave(folder: Path) -> None:
    loader = stream(open_source(folder), batch_rows=8, prefetch=4)
    print(len(next(iter(loader)).rows), flush=True)


if __name__ == "__main__":
    {"measure": _measure, "leave": _leave}[sys.argv[1]](Path(sys.argv[2]))
