"""A process of the tests of cached rows: it builds, holds or is killed, and says in JSON lines what it saw."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from row_cases import ROWS, arrays_of, batches_of, digest_of, parts_of

from mlops_runtime._native import hash_bytes
from mlops_runtime.core.errors import MlrtError, RegistryError
from mlops_runtime.data.rows import RowCache, RowLayout, RowTable
from mlops_runtime.data.rows.row_file import write_row_file

ARRAYS = arrays_of(ROWS)
LAYOUT, DIGEST = RowLayout.of(ARRAYS), digest_of(ARRAYS)


def _say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def _content(table: RowTable) -> list[str]:
    return [f"{hash_bytes(block):x}" for block in table.native.blocks]


def build(root: Path) -> None:
    """Build the rows, slowly; say whether the batches were drawn from here."""
    drawn = []

    def batches() -> Iterator[dict[str, Any]]:
        drawn.append(True)
        for batch in batches_of(ARRAYS, 2000):
            time.sleep(0.02)
            yield batch

    _say(ready=True)
    sys.stdin.readline()
    table = RowCache(root).build(LAYOUT, parts_of(), batches())
    _say(drawn=bool(drawn), content=_content(table))


def build_until_full(root: Path) -> None:
    """Build the rows where there is no room for them; say which error there was."""
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
    try:
        RowCache(root).build(LAYOUT, parts_of(), batches_of(ARRAYS, 2000))
        _say(error=None)
    except MlrtError as error:
        _say(error=type(error).__name__, message=str(error))


def build_without_memory(root: Path) -> None:
    """Build rows that are there already, with too little room in the address space to map them."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + LAYOUT.row_bytes * ROWS // 2
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    try:
        RowCache(root).build(LAYOUT, parts_of(), iter([]))
        _say(error=None)
    except MlrtError as error:
        _say(error=type(error).__name__, message=str(error))


def churn(root: Path) -> None:
    """Build, open, evict and list a few small rows at random for so many seconds; say how often each was done."""
    chosen, end = random.Random(int(sys.argv[3])), time.monotonic() + float(sys.argv[4])
    arrays = {name: arrays_of(500, seed=ord(name)) for name in "abc"}
    done = dict.fromkeys(("built", "opened", "evicted"), 0)
    while time.monotonic() < end:
        name = chosen.choice("abc")
        drawn: list[bool] = []
        batches = (drawn.append(True) or batch for batch in [arrays[name]])  # type: ignore[func-returns-value]
        table = RowCache(root, limit_bytes=1 << 20).build(LAYOUT, parts_of(name), batches)
        assert all((table.arrays()[field].ravel() == array.ravel()).all() for field, array in arrays[name].items())
        done["built" if drawn else "opened"] += 1
        if chosen.random() < 0.5:
            del table
        done["evicted"] += len(RowCache(root, limit_bytes=0).collect().evicted)
        RowCache(root).entries()
    _say(**done)


def hold(root: Path) -> None:
    """Open the rows; read them once more when told to."""
    table = RowCache(root).open(DIGEST)
    _say(content=_content(table))
    sys.stdin.readline()
    _say(content=_content(table))


def killed(root: Path) -> None:
    """Kill builders at random points; say what each left, and what is there in the end."""
    chosen, attempts = random.Random(int(sys.argv[3])), int(sys.argv[4])
    left = []
    for _ in range(attempts):
        child = os.fork()
        if child == 0:
            RowCache(root).build(LAYOUT, parts_of(), batches_of(ARRAYS, 500))
            os._exit(0)
        time.sleep(chosen.uniform(0.0, 0.08))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        try:
            left.append(RowCache(root).open(DIGEST).rows)
            RowCache(root, limit_bytes=0).collect()  # so that the next has something to build
        except RegistryError:
            left.append(0)
    names = sorted(path.name for path in root.iterdir())
    table = RowCache(root).build(LAYOUT, parts_of(), batches_of(ARRAYS, 500))
    RowCache(root).collect()
    _say(left=left, names=names, content=_content(table), finally_there=[path.name for path in root.iterdir()])


def write(root: Path) -> None:
    """Write a file of so many times the rows; say by how many bytes the most memory held grew, and the file's size."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    again = (batch for _ in range(int(sys.argv[3])) for batch in batches_of(ARRAYS, 2000))
    manifest = write_row_file(root / "rows.arrow", LAYOUT, {}, again, most_bytes=1 << 40)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _say(grown=(after - before) * 1024, bytes=manifest.file_bytes)


if __name__ == "__main__":
    commands = (build, build_until_full, build_without_memory, churn, hold, killed, write)
    {command.__name__: command for command in commands}[sys.argv[1]](Path(sys.argv[2]))
