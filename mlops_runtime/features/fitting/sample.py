"""Statistics of a sample in ascending order: quantiles, the mode, and the knots of a rank-Gauss curve."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["gauss_knots", "mode", "quantiles"]

F64 = NDArray[np.float64]

_KNOTS = 1000
_LARGEST_Z = 5.2  # one in ten million: what a rank says beyond that is noise
_SMALLEST_GAP, _LARGEST_X = 1e-300, 2.0**1022  # so that slopes and distances between knots are finite


def quantiles(ascending: F64, levels: F64) -> F64:
    """Quantiles of a sample by linear interpolation of its order statistics, without overflow.

    ascending: float64[n], finite, n >= 1. levels: float64[k] in 0..1. Source: Hyndman and Fan (1996), type 7.

    >>> quantiles(np.array([1.0, 2.0, 4.0]), np.array([0.0, 0.5, 0.75])).tolist()
    [1.0, 2.0, 3.0]
    """
    rank = levels * (len(ascending) - 1)
    lower = np.floor(rank).astype(np.int64)
    below, above = ascending[lower], ascending[np.minimum(lower + 1, len(ascending) - 1)]
    share = rank - lower
    between = below * (1.0 - share) + above * share
    return np.clip(between, below, above)


def mode(ascending: F64) -> float:
    """The most frequent value of a sample, the smallest of equally frequent ones.

    >>> mode(np.array([1.0, 2.0, 2.0, 3.0, 3.0]))
    2.0
    """
    values, counts = np.unique(ascending, return_counts=True)
    return float(values[np.argmax(counts)])


def gauss_knots(ascending: F64) -> F64:
    """Return the parameters of step `interpolate` that turns ranks into a normal distribution: k <= 1,000 x, then k z.

    The x are the sample's quantiles at the levels of z, in equal steps from -5.2 to 5.2; where many z share one x
    (a tie), its level is the middle of theirs. Source: quantile normalisation, as in scikit-learn's
    `QuantileTransformer(output_distribution="normal")`.
    """
    normal = NormalDist()
    levels = np.array([normal.cdf(z) for z in np.linspace(-_LARGEST_Z, _LARGEST_Z, _KNOTS)])
    ranked = np.clip(quantiles(ascending, levels), -_LARGEST_X, _LARGEST_X)
    x, first, repeats = np.unique(ranked, return_index=True, return_counts=True)
    middle = (levels[first] + levels[first + repeats - 1]) / 2
    z = np.clip([normal.inv_cdf(level) for level in middle], -_LARGEST_Z, _LARGEST_Z)
    kept = _apart(x)
    return np.concatenate([x[kept], z[kept]])


def _apart(x: F64) -> list[int]:
    kept = [0]
    for position in range(1, len(x)):
        if x[position] - x[kept[-1]] >= _SMALLEST_GAP:
            kept.append(position)
    return kept
