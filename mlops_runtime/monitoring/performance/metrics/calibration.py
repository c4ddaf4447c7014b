"""Calibration: do rows scored 0.7 come true seven times in ten?

Source: Guo et al., On Calibration of Modern Neural Networks (2017); ten bins of equal width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "Calibration", "calibration_table"]

BINS = 10


def _confidence_bins(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin 0..9 of each confidence in [0, 1]."""
    return np.minimum((confidence * BINS).astype(np.intp), BINS - 1)


class Calibration:
    """The expected calibration error: the mean over rows of |share true - mean confidence| of their bin.

    confidence: float64[N] in [0, 1]. correct: float64[N], 1 where the row came true.
    """

    def __init__(self, confidence: NDArray[np.float64], correct: NDArray[np.float64]) -> None:
        self._bins = _confidence_bins(confidence)
        self._surplus = correct - confidence
        self._expected_squares = confidence * (1.0 - confidence)
        self._unweighted = self._gaps(np.ones(len(confidence)))

    def error(self, weights: NDArray[np.float64]) -> float:
        """Return the error under the weights; NaN without rows."""
        return float(np.abs(self._gaps(weights)).sum())

    def noise(self, weights: NDArray[np.float64]) -> float:
        """Return the sum over bins of how far the gap under the weights is from the unweighted one."""
        return float(np.abs(self._gaps(weights) - self._unweighted).sum())

    def gap_errors(self) -> NDArray[np.float64]:
        """Return the standard error of each bin's unweighted gap: as observed, or as calibrated scores would have it.

        The larger of the two, since the few rows of a bin may all have had the same outcome.
        """
        rows = max(1, len(self._bins))
        observed = np.bincount(self._bins, self._surplus**2, BINS) / rows - self._unweighted**2
        expected = np.bincount(self._bins, self._expected_squares, BINS) / rows
        errors: NDArray[np.float64] = np.sqrt(np.maximum(observed, expected) / rows)
        return errors

    def _gaps(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each bin's part of the mean surplus of truth over confidence."""
        total = float(weights.sum())
        gaps = np.bincount(self._bins, weights * self._surplus, BINS)
        return gaps / total if total else np.full(BINS, np.nan)


def calibration_table(confidence: NDArray[np.float64], correct: NDArray[np.float64]) -> list[dict[str, float | int]]:
    """Return one record for each bin that has rows: its bounds, n, mean confidence and the share that came true."""
    bins = _confidence_bins(confidence)
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
