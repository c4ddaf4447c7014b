"""What tests of the embedded store run in processes of their own: `python online_worker.py COMMAND FOLDER …`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlops_runtime.core.errors import MlrtError
from mlops_runtime.data import Column, Schema
from mlops_runtime.features.online import OnlineView
from mlops_runtime.features.online.embedded import EmbeddedStore

KEYS = 2000
MEMORY_BYTES = 1 << 16  # some segments a write
VIEW = OnlineView(
    "numbers",
    Schema((Column("id", "integer"),)),
    Schema((Column("a", "number"), Column("text", "string"), Column("b", "number"))),
)


def rows_of(version: int, keys: int = KEYS, first: int = 0) -> pa.Table:
    """Rows that say in each feature of which version they are."""
    ids = np.arange(first, first + keys)
    number = np.full(keys, float(version))
    return pa.table({"id": ids, "a": number, "text": [f"v{version}"] * keys, "b": number})


def write_version(store: EmbeddedStore, version: int, keys: int = KEYS) -> None:
    """Give every key the rows of a version, in several batches."""
    with store.writing() as writing:
        for first in range(0, keys, 500):
            times = np.full(min(500, keys - first), version)
            writing.add(rows_of(version, len(times), first), times, times)


def write_forever(folder: Path, version: int) -> None:
    """Write version after version, and say when each is done, until killed."""
    store = EmbeddedStore(folder, VIEW, memory_bytes=MEMORY_BYTES)
    print("ready", flush=True)
    while True:
        version += 1
        write_version(store, version)
        print(version, flush=True)


def write_once(folder: Path, version: int, keys: int) -> None:
    """Write one version; exit with 7, and the error on stdout, when that is refused."""
    try:
        write_version(EmbeddedStore(folder, VIEW), version, keys)
    except MlrtError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        sys.exit(7)


def write_limited(folder: Path, version: int, keys: int, limit: int) -> None:
    """The same while no file may be larger than `limit` bytes."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    write_once(folder, version, keys)


def hold(folder: Path) -> None:
    """Begin a write and do not end it before a line comes on stdin."""
    store = EmbeddedStore(folder, VIEW)
    with store.writing() as writing:
        print("holding", flush=True)
        sys.stdin.readline()
        writing.add(rows_of(5, 1), np.array([5]), np.array([5]))


if __name__ == "__main__":
    command, folder, *numbers = sys.argv[1:]
    globals()[command](Path(folder), *map(int, numbers))
