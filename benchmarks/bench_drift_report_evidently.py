"""The full report against a prepared reference, beside Evidently's reports that hold the same four statistics.

Evidently's drift preset takes one statistic for numbers and one for categories a report, so PSI, KS (chi-square),
Jensen-Shannon and Wasserstein (Hellinger) are four of them. It takes minutes for 1,000,000 x 70 values; both are
measured on a table that it finishes, and no figure is scaled up. Evidently needs pandas < 3, so it lives in a virtual
environment of its own, which this script builds under `.peers/` (network needed once).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from report_table import read_once, table, written

from mlops_runtime import _native
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure, peer_environment

_REQUIREMENTS = ("evidently==0.7.23", "pandas==2.3.3", "pyarrow>=19")
_SCRIPT = Path(__file__).parent / "peers" / "evidently_drift.py"
_NUMBERS, _STRINGS = 5, 2


def run(quick: bool) -> list[Measurement]:
    """Measure one report of 100,000 rows."""
    rows = 2_000 if quick else 100_000
    reference, current = (
        table(rows, _NUMBERS, _STRINGS, shift=shift, seed=seed) for shift, seed in ((0.0, 1), (0.1, 2))
    )
    baseline = Baseline.fit(reference)
    python = peer_environment("evidently", _REQUIREMENTS, root=Path(__file__).parents[1] / ".peers")
    environment = {"DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryDirectory() as folder, PeerProcess(python, _SCRIPT, environment=environment) as peer:
        peer.call("prepare", **written(Path(folder), reference=reference, current=current))
        contenders = [
            Contender(
                "mlops_runtime",
                lambda: Monitor(baseline).update(current).report(),
                _native.thread_count(),
                "subject",
                calls=20,
            ),
            peer.contender("evidently, four statistics", "four_reports"),
            Contender("read once, numbers only", lambda: read_once(current), role="floor", calls=20),
        ]
        title = f"drift report beside Evidently, {rows:,} x ({_NUMBERS} numbers + {_STRINGS} strings)"
        return [measure(title, contenders, rounds=3, patience=1, warmup=1)]


if __name__ == "__main__":
    benchmark_main("drift_report_evidently", run, packages=("pyarrow",))
