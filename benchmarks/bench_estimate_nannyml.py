"""A model's performance before labels arrive: our confidence-based estimate against NannyML's CBPE.

Both estimators are fitted first, untimed, on the same overconfident scores; then the same window, whose inputs drifted,
is estimated. The values have to agree (isotonic calibration on both sides) before anything is timed. Ours also gives
log loss and Brier, and intervals that hold the uncertainty of the calibration. NannyML lives in an environment of its
own, which this script builds under `.peers/` (network needed once).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mlops_runtime.monitoring.performance.estimate import ConfidenceEstimator
from mlops_runtime.sizing import Contender, Measurement, PeerProcess, benchmark_main, measure, peer_environment

_REQUIREMENTS = ("nannyml==0.13.1", "statsmodels==0.15.0")  # which it imports without asking for it
_SCRIPT = Path(__file__).parent / "peers" / "nannyml_estimate.py"
_NAMES = {"auc": "roc_auc", "accuracy": "accuracy", "precision": "precision", "recall": "recall"}
_AGREEMENT = 1e-3


def run(quick: bool) -> list[Measurement]:
    """Measure one estimate of a window."""
    rows, window = (5_000, 2_000) if quick else (100_000, 50_000)
    generator = np.random.default_rng(0)
    score, outcome = _scores(rows, 0.0, generator)
    now, truth = _scores(window, 0.5, generator)
    python = peer_environment("nannyml", _REQUIREMENTS, root=Path(__file__).parents[1] / ".peers")
    with (
        tempfile.TemporaryDirectory() as folder,
        PeerProcess(python, _SCRIPT, environment={"NML_DISABLE_USAGE_LOGGING": "1"}) as peer,
    ):
        paths = {
            "reference": _write(Path(folder) / "reference.parquet", score, outcome),
            "current": _write(Path(folder) / "current.parquet", now, truth),
        }
        peer.call("prepare", **paths, threshold=0.5)
        estimator = ConfidenceEstimator.fit(score, outcome, method="isotonic")
        _agree(estimator, now, peer.call("estimate"))
        contenders = [
            Contender("mlops_runtime", lambda: estimator.estimate(now), 1, "subject", calls=1),
            peer.contender("nannyml CBPE", "estimate"),
            Contender("sort once", lambda: np.argsort(now, kind="stable"), role="floor", calls=20),
        ]
        name = f"performance estimated, {window:,} rows on {rows:,}"
        return [measure(name, contenders, rounds=3 if quick else 5, warmup=1)]


def _scores(rows: int, shift: float, generator: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores twice as sure as they should be, and what came true."""
    logit = generator.normal(-0.5 + shift, 1.0, rows)
    outcome = generator.random(rows) < 1 / (1 + np.exp(-logit))
    return 1 / (1 + np.exp(-2 * logit)), outcome.astype(np.float64)


def _write(path: Path, score: NDArray[np.float64], outcome: NDArray[np.float64]) -> str:
    pq.write_table(pa.table({"score": score, "outcome": outcome.astype(np.int64)}), path)
    return str(path)


def _agree(estimator: ConfidenceEstimator, now: NDArray[np.float64], theirs: dict[str, float]) -> None:
    ours = {_NAMES[each.metric]: each.value for each in estimator.estimate(now) if each.metric in _NAMES}
    apart = {name: (value, theirs[name]) for name, value in ours.items() if abs(value - theirs[name]) > _AGREEMENT}
    assert not apart, f"the estimates differ: {apart}"


if __name__ == "__main__":
    benchmark_main("estimate_nannyml", run)
