"""Point-in-time join of 1M rows with a feature table of 5M rows, 100,000 keys and 10 numbers.

Every library has a process of its own, on as many processors as it has threads, and is given its own kind of frame
(ours pandas'), or the Parquet file to read. Rows come in no order, or in the order of time, where pandas and polars
need not sort them; ours and duckdb are not told. All results are in the order of the rows that ask, but duckdb's, which
has none. That all found the same is checked first. Memory is the peak of the first join, also above what was before it.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from processors import processors

from mlops_runtime.sizing import Measurement, PeerProcess, benchmark_main, measure

_PEER = Path(__file__).parent / "peers" / "join_tables.py"
_LIBRARIES = ("mlops_runtime", "duckdb", "polars", "pandas")
_VALUES = 10
_YEAR_US = 365 * 86_400 * 10**6


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    keys: str = "integers"
    is_sorted: bool = False
    from_file: bool = False
    threads: tuple[int, ...] = (2,)


_CASES = (
    _Case("in memory, in no order", threads=(1, 2)),
    _Case("in memory, in order of time", is_sorted=True),
    _Case("in memory, in no order, keys of text", keys="texts"),
    _Case("from Parquet, in no order", from_file=True, threads=(1, 2)),
)


def run(quick: bool) -> list[Measurement]:
    """Measure each case, those in no order of numbers at one thread too."""
    entities, past = (20_000, 100_000) if quick else (1_000_000, 5_000_000)
    with tempfile.TemporaryDirectory() as folder:
        measured = []
        for number, case in enumerate(_CASES):
            paths = [str(Path(folder) / f"{side}{number}.parquet") for side in ("entities", "features")]
            for path, rows, values, seed in zip(paths, (entities, past), (0, _VALUES), (1, 2), strict=True):
                pq.write_table(_table(rows, entities // 10, values, case, seed), path)
            measured += [_measure(case, paths, threads, f"{entities:,} x {past:,}") for threads in case.threads]
        return measured


def _table(rows: int, keys: int, values: int, case: _Case, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    key, times = rng.integers(0, keys, rows), rng.integers(0, _YEAR_US, rows)
    if case.is_sorted:
        times.sort()
    texts = pa.array([f"customer-{number:08x}" for number in range(keys)])
    columns = {"k": pa.array(key) if case.keys == "integers" else texts.take(pa.array(key))}
    columns |= {"t": pa.array(times).cast(pa.timestamp("us"))}
    return pa.table(columns | {f"f{i}": pa.array(rng.standard_normal(rows)) for i in range(values)})


def _measure(case: _Case, paths: list[str], threads: int, shape: str) -> Measurement:
    environment = {"POLARS_MAX_THREADS": str(threads), "MLRT_THREADS": str(threads)}
    with processors(threads), contextlib.ExitStack() as stack:
        peers = {
            name: stack.enter_context(PeerProcess(sys.executable, _PEER, environment=environment))
            for name in _LIBRARIES
        }
        for name, peer in peers.items():
            told = {"from_file": case.from_file, "is_sorted": case.is_sorted}
            peer.call("prepare", library=name, threads=threads, entities=paths[0], features=paths[1], **told)
        peaks = {name: peer.call("peak") for name, peer in peers.items()}
        memory = ", ".join(f"{name} {above} ({peak})" for name, (above, peak) in peaks.items())
        found = {name: peer.call("join") for name, peer in peers.items()}
        for rows, matched, total in found.values():
            assert (rows, matched) == tuple(found["mlops_runtime"][:2])
            np.testing.assert_allclose(total, found["mlops_runtime"][2], rtol=1e-6)
        contenders = [peer.contender(name, "join", threads=threads) for name, peer in peers.items()]
        contenders[0] = replace(contenders[0], role="subject")
        title = f"join of {shape} rows {case.name}, {threads} thread(s); peak MiB above the inputs (in all): {memory}"
        return measure(title, contenders, rounds=3, warmup=1, patience=1)


if __name__ == "__main__":
    benchmark_main("join", run, packages=("duckdb", "pandas", "polars"))
