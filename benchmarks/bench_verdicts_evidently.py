"""Ten columns in cases whose answer is known: how many have drifted, by our verdict and by Evidently's statistics.

What each says is counted before anything is timed, and stands in the name of the measurement; `docs/from-evidently.md`
quotes it. Evidently needs pandas < 3, so it lives in a virtual environment of its own, which this script builds under
`.peers/` (network needed once).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from wide_table import plain_read

from mlops_runtime import _native
from mlops_runtime.monitoring import compare
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure, peer_environment

_REQUIREMENTS = ("evidently==0.7.23", "pandas==2.3.3", "pyarrow>=19")
_SCRIPT = Path(__file__).parent / "peers" / "evidently_verdicts.py"
_METHODS = {"its choice": None, "PSI": "psi", "Jensen-Shannon": "jensenshannon", "KS": "ks"}
_COLUMNS, _REFERENCE_ROWS = 10, 20_000

F64 = NDArray[np.float64]


def run(quick: bool) -> list[Measurement]:
    """Count the verdicts of every case, and time the last one."""
    python = peer_environment("evidently", _REQUIREMENTS, root=Path(__file__).parents[1] / ".peers")
    environment = {"DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryDirectory() as folder, PeerProcess(python, _SCRIPT, environment=environment) as peer:
        measurements = []
        for name, (rows, change) in (dict(list(_CASES.items())[:2]) if quick else _CASES).items():
            before, now = _table(_REFERENCE_ROWS, 1, lambda values: values), _table(rows, 2, change)
            measurements.append(_measured(name, before, now, peer, Path(folder)))
        return measurements


def _measured(name: str, before: pa.Table, now: pa.Table, peer: PeerProcess, folder: Path) -> Measurement:
    paths = {"reference": str(folder / "reference.parquet"), "current": str(folder / "current.parquet")}
    for path, content in zip(paths.values(), (before, now), strict=True):
        pq.write_table(content, path)
    peer.call("prepare", **paths)
    said = {label: peer.call("drifted", method=method) for label, method in _METHODS.items()}
    ours = len(compare(before, now).drifted)
    words = ", ".join(f"{label} {count}" for label, count in said.items())
    contenders = [
        Contender("mlops_runtime", lambda: compare(before, now), _native.thread_count(), "subject", calls=3),
        peer.contender("evidently", "drifted", method=None),
        Contender("a plain read", plain_read(now), role="floor", calls=20),
    ]
    return measure(f"{name}: {ours} of {_COLUMNS} drifted; evidently {words}", contenders, rounds=3, warmup=0)


def _outlier(values: F64) -> F64:
    values[0] = 1e6
    return values


def _missing(values: F64) -> F64:
    values[: len(values) // 2] = np.nan
    return values


_CASES: dict[str, tuple[int, Callable[[F64], F64]]] = {
    "nothing changed, 100 rows": (100, lambda values: values),
    "shifted by 1 sd, and one value of 1e6": (2_000, lambda values: _outlier(values + 1.0)),
    "nothing changed but one value of 1e6": (2_000, _outlier),
    "half is missing": (2_000, _missing),
    "shifted by 0.02 sd, 200,000 rows": (200_000, lambda values: values + 0.02),
}


def _table(rows: int, seed: int, change: Callable[[F64], F64]) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({f"n{place}": change(rng.standard_normal(rows)) for place in range(_COLUMNS)})


if __name__ == "__main__":
    benchmark_main("verdicts_evidently", run, packages=("pyarrow",))
