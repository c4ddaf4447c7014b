"""Two tables compared from scratch: all our statistics and verdicts, against Evidently's report of PSI alone.

Both start from decoded tables and prepare the reference inside the timed call. Evidently needs pandas < 3, so it lives
in a virtual environment of its own, which this script builds under `.peers/` (network needed once).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench_drift import table

from mlops_runtime import _native
from mlops_runtime.monitoring import compare
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure, peer_environment

REQUIREMENTS = ("evidently==0.7.23", "pandas==2.3.3", "pyarrow>=19")
_SCRIPT = Path(__file__).parent / "peers" / "evidently_drift.py"


def run(quick: bool) -> list[Measurement]:
    """Measure one comparison of 100,000 rows with 100,000."""
    rows = 5_000 if quick else 100_000
    reference, current = table(rows, shift=0.0, seed=1), table(rows, shift=0.1, seed=2)
    python = peer_environment("evidently", REQUIREMENTS, root=Path(__file__).parents[1] / ".peers")
    with (
        tempfile.TemporaryDirectory() as folder,
        PeerProcess(python, _SCRIPT, environment={"DO_NOT_TRACK": "1"}) as peer,
    ):
        paths = _write(Path(folder), reference=reference, current=current)
        peer.call("prepare", **paths)
        contenders = [
            Contender("mlops_runtime", lambda: compare(reference, current), _native.thread_count(), "subject", calls=5),
            peer.contender("evidently", "report", method="psi"),
            _floor(current),
        ]
        shape = f"2 x {rows:,} x {current.num_columns}"
        return [measure(f"drift from scratch, {shape}", contenders, rounds=3 if quick else 7, warmup=1)]


def _write(folder: Path, **tables: pa.Table) -> dict[str, str]:
    paths = {name: str(folder / f"{name}.parquet") for name in tables}
    for name, content in tables.items():
        pq.write_table(content, paths[name])
    return paths


def _floor(content: pa.Table) -> Contender:
    """Reading the numbers of both sides once."""
    numbers = [
        c.combine_chunks().to_numpy(zero_copy_only=False) for c in content.columns if pa.types.is_floating(c.type)
    ]
    whole = np.concatenate([*numbers, *numbers])
    return Contender("read once, numbers only", whole.sum, role="floor", calls=20)


if __name__ == "__main__":
    benchmark_main("drift_evidently", run)
