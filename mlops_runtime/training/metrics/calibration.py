"""Calibration: do rows scored 0.7 come true seven times in ten?

Source: Guo et al., On Calibration of Modern Neural Networks (2017); ten bins of equal width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "calibration_error", "calibration_table", "confidence_bins"]

BINS = 10


def confidence_bins(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin 0..9 of each confidence in [0, 1]."""
    return np.minimum((confidence * BINS).astype(np.intp), BINS - 1)


def calibration_error(
    bins: NDArray[np.intp], confidence: NDArray[np.float64], correct: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """Return the expected calibration error: the mean over rows of |share true - mean confidence| of their bin."""
    gap = np.bincount(bins, weights * (correct - confidence), BINS)
    total = weights.sum()
    return float(np.abs(gap).sum() / total) if total else float("nan")


def calibration_table(confidence: NDArray[np.float64], correct: NDArray[np.float64]) -> list[dict[str, float | int]]:
    """Return one record for each bin that has rows: its bounds, n, mean confidence and the share that came true."""
    bins = confidence_bins(confidence)
    counts = np.bincount(bins, minlength=BINS)
    confidences, shares = np.bincount(bins, confidence, BINS), np.bincount(bins, correct, BINS)
    return [
        {
            "low": at / BINS,
            "high": (at + 1) / BINS,
            "n": int(counts[at]),
            "mean_confidence": float(confidences[at] / counts[at]),
            "share_true": float(shares[at] / counts[at]),
        }
        for at in np.flatnonzero(counts).tolist()
    ]
