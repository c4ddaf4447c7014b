"""NannyML's CBPE; `bench_estimate_nannyml.py` runs it in an environment of its own."""

import warnings

import nannyml
import pandas as pd

_METRICS = ["roc_auc", "accuracy", "precision", "recall"]
_state: dict[str, object] = {}


def prepare(reference: str, current: str, threshold: float) -> int:
    """Fit on the reference, untimed; return the number of current rows."""
    warnings.simplefilter("ignore")
    before, now = (pd.read_parquet(path) for path in (reference, current))
    for frame in (before, now):
        frame["called"] = (frame["score"] >= threshold).astype(int)
    estimator = nannyml.CBPE(
        y_pred_proba="score",
        y_pred="called",
        y_true="outcome",
        problem_type="classification_binary",
        metrics=_METRICS,
        chunk_size=len(now),
    )
    _state["estimator"], _state["now"] = estimator.fit(before), now
    return len(now)


def estimate() -> dict[str, float]:
    """One chunk: the four metrics."""
    found = _state["estimator"].estimate(_state["now"]).filter(period="analysis").to_df()
    return {metric: float(found[(metric, "value")].iloc[0]) for metric in _METRICS}
