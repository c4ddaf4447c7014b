"""The full report of (50 numbers + 20 strings) against a fitted reference, beside NannyML's univariate drift.

NannyML computes KS, Jensen-Shannon and Wasserstein of numbers, chi-square and Jensen-Shannon of categories; ours all of
its statistics, tests and verdicts. Both start from tables in memory and a fitted reference. NannyML lives in a virtual
environment of its own, which this script builds under `.peers/` (network needed once).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from report_table import read_once, table, written

from mlops_runtime import _native
from mlops_runtime.monitoring import Baseline, Monitor
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure, peer_environment

_REQUIREMENTS = ("nannyml==0.13.1", "statsmodels==0.15.0")  # which it imports without asking for it
_SCRIPT = Path(__file__).parent / "peers" / "nannyml_drift.py"
_QUIET = {"NML_DISABLE_USAGE_LOGGING": "1", "PYTHONWARNINGS": "ignore"}
_NUMBERS, _STRINGS = 50, 20


def run(quick: bool) -> list[Measurement]:
    """Measure one report of 200,000 rows: NannyML takes some seconds for each."""
    rows = 5_000 if quick else 200_000
    reference, current = (
        table(rows, _NUMBERS, _STRINGS, shift=shift, seed=seed) for shift, seed in ((0.0, 1), (0.1, 2))
    )
    baseline = Baseline.fit(reference)
    python = peer_environment("nannyml", _REQUIREMENTS, root=Path(__file__).parents[1] / ".peers")
    with tempfile.TemporaryDirectory() as folder, PeerProcess(python, _SCRIPT, environment=_QUIET) as peer:
        assert peer.call("prepare", **written(Path(folder), reference=reference, current=current)) == rows
        contenders = [
            Contender(
                "mlops_runtime",
                lambda: Monitor(baseline).update(current).report(),
                _native.thread_count(),
                "subject",
                calls=5,
            ),
            peer.contender("nannyml", "report"),
            Contender("read once, numbers only", lambda: read_once(current), role="floor", calls=5),
        ]
        title = f"drift report beside NannyML, {rows:,} x ({_NUMBERS} numbers + {_STRINGS} strings)"
        return [measure(title, contenders, rounds=3, warmup=1)]


if __name__ == "__main__":
    benchmark_main("drift_report_nannyml", run, packages=("pyarrow",))
