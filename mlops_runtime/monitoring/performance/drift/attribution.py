"""Attribution drift: the model relies on other features than it did, whatever its scores and errors do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.core.errors import ShapeError, problem
from mlops_runtime.monitoring.performance.measured import Measured
from mlops_runtime.monitoring.points import Point, Span

__all__ = ["AttributionDrift", "FeatureShare", "attribution_drift"]

F64 = NDArray[np.float64]

_BLOCKS = 100
_RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """A feature's share of all attribution, and its rank (1 is the most), on the reference and now."""

    name: str
    reference: float
    current: float
    reference_rank: int
    current_rank: int


@dataclass(frozen=True, slots=True)
class AttributionDrift:
    """How well the current ranking of features keeps what mattered on the reference: 1 when nothing changed places.

    ndcg: below 0.9 is conventionally a drift. features: those whose share changed most first.
    """

    ndcg: Measured
    features: tuple[FeatureShare, ...]

    def points(self, span: Span, labels: Mapping[str, str] | None = None) -> list[Point]:
        """Return `attribution_ndcg`, and `attribution_share` of each feature under the label `column`."""
        named, n = dict(labels or {}), self.ndcg.n
        shares = [
            Point("attribution_share", each.current, span, n, labels={**named, "column": each.name})
            for each in self.features
        ]
        return [self.ndcg.point(span, named), *shares]


def attribution_drift(reference: F64, current: F64, names: Sequence[str]) -> AttributionDrift:
    """Compare contributions of features to scores, such as SHAP values: float64[n, d] and float64[m, d].

    A feature's attribution is the mean of |contribution|; rows with a value that is not finite are left out. The
    ranking's worth is the normalised discounted cumulative gain, its gains the reference's attributions. Its interval
    is a bootstrap of the current rows in up to 100 blocks, seeded.
    Raises ShapeError when the columns are not those of `names`.
    Source: Järvelin & Kekäläinen, ACM Trans. Inf. Systems 20 (2002); for attributions: Nigenda et al., Amazon SageMaker
    Model Monitor, KDD (2022).
    """
    if reference.ndim != 2 or current.ndim != 2 or {reference.shape[1], current.shape[1]} != {len(names)}:
        got = f"float64{list(reference.shape)} and float64{list(current.shape)}"
        raise ShapeError(
            problem(
                expected=f"two arrays of {len(names)} columns",
                got=got,
                where="attribution_drift",
                next_step="name every column once",
            )
        )
    before, blocks, rows = _mean_blocks(reference)[0].mean(axis=0), *_mean_blocks(current)
    now = blocks.mean(axis=0)
    value = float(_ndcg(before, now[None])[0])
    if np.isnan(value):
        return AttributionDrift(Measured("attribution_ndcg", value, rows), _shares(before, now, names))
    picks = np.random.default_rng(0).multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), _RESAMPLES)
    drawn = _ndcg(before, picks @ blocks / len(blocks))
    low, high = np.quantile(drawn, [0.025, 0.975])
    ndcg = Measured("attribution_ndcg", value, rows, float(min(low, value)), float(max(high, value)))
    return AttributionDrift(ndcg, _shares(before, now, names))


def _mean_blocks(contributions: F64) -> tuple[F64, int]:
    """Return the means of |contribution| over up to 100 blocks of equally many rows, taken in turn, and the rows."""
    sizes = np.abs(contributions[np.isfinite(contributions).all(axis=1)])
    blocks = min(_BLOCKS, len(sizes))
    if blocks == 0:
        return np.full((1, contributions.shape[1]), np.nan), 0
    even = sizes[: len(sizes) - len(sizes) % blocks]
    means: F64 = even.reshape(-1, blocks, sizes.shape[1]).mean(axis=0)
    return means, len(sizes)


def _ndcg(gains: F64, rankings: F64) -> F64:
    """Return the gain of each ranking (one a row of `rankings`) over that of the best."""
    discounts = 1 / np.log2(np.arange(len(gains)) + 2)
    best = float(np.sort(gains)[::-1] @ discounts)
    found: F64 = gains[np.argsort(-rankings, axis=1, kind="stable")] @ discounts
    return np.where(np.isnan(rankings).any(axis=1), np.nan, found / best) if best > 0 else np.full(len(found), np.nan)


def _shares(before: F64, now: F64, names: Sequence[str]) -> tuple[FeatureShare, ...]:
    shares = [each / each.sum() if each.sum() > 0 else np.full(len(names), np.nan) for each in (before, now)]
    ranks = [np.argsort(np.argsort(-each, kind="stable"), kind="stable") + 1 for each in (before, now)]
    features = [
        FeatureShare(name, float(shares[0][at]), float(shares[1][at]), int(ranks[0][at]), int(ranks[1][at]))
        for at, name in enumerate(names)
    ]
    return tuple(sorted(features, key=lambda each: (-abs(each.current - each.reference), each.name)))
