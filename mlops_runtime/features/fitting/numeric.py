"""Fitting a number: what fills a gap, where the tails end, which power and which scale."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.data import Schema
from mlops_runtime.features.expression import Arithmetic, ColumnValue, Expression, Step
from mlops_runtime.features.fitting.collector import Collectors
from mlops_runtime.features.fitting.evaluate import apply_steps, moments_of
from mlops_runtime.features.fitting.exact import Sums, reciprocal
from mlops_runtime.features.fitting.power import yeo_johnson_lambda
from mlops_runtime.features.fitting.sample import gauss_knots, mode, quantiles
from mlops_runtime.features.fitting.values import ValueMoments, ValueSample
from mlops_runtime.features.outputs import DenseOutput
from mlops_runtime.features.spec import NumericFeature

__all__ = ["NumericFitter"]

F64 = NDArray[np.float64]

_SAMPLED_IMPUTES = ("median", "mode")
_SAMPLED_SCALES = ("robust", "rank_gauss")


class NumericFitter:
    """Chooses the parameters of clip, impute, winsorise, transform and scale, each by what the steps before it give.

    Counts, means, deviations, least and greatest values are exact and take in imputed rows. Medians, modes, the
    limits of winsorising, lambda, and the knots of rank_gauss describe the values that are present, and are those of a
    sample beyond 65,536 of them (see `ValueSample`); so are the mean and deviation of what was winsorised or raised to
    a fitted power.
    """

    def __init__(self, feature: NumericFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._source = Expression(_source(feature))
        self._clipped = self._source.then(*_clip(feature))
        self._present = collectors.share(ValueMoments(self._clipped))
        self._sample = collectors.share(ValueSample(self._clipped)) if _needs_sample(feature) else None
        self._transformed = (
            collectors.share(ValueMoments(self._clipped.then(*_transform(feature))))
            if feature.scale == "standard" and self._is_exact
            else None
        )

    def freeze(self) -> tuple[DenseOutput, ...]:
        """Return the value and, when asked for or needed, the indicator that it is missing."""
        feature, missing = self._feature, self._present.moments.missing
        steps = self._impute()
        steps += self._winsorise()
        steps += self._power(steps)
        steps += self._scale(steps)
        outputs = [DenseOutput(feature.output_name, self._clipped.then(*steps), missing)]
        if feature.indicator is True or (feature.indicator == "auto" and missing > 0):
            indicator = self._source.then(Step("is_missing"))
            outputs.append(DenseOutput(f"{feature.output_name}:missing", indicator, missing))
        return tuple(outputs)

    @property
    def _is_exact(self) -> bool:
        """Whether no step before the scale has a fitted parameter other than the fill."""
        return self._feature.winsorise is None and self._feature.transform != "yeo_johnson"

    @property
    def _values(self) -> F64:
        """The sampled values after clipping, smallest first."""
        return self._sample.ascending if self._sample is not None else np.empty(0)

    def _impute(self) -> tuple[Step, ...]:
        how, moments = self._feature.impute, self._present.moments
        if how == "none":
            return ()
        if how == "constant":
            return (Step("impute", [self._feature.constant]),)
        if moments.count == 0:
            return (Step("impute", [0.0]),)
        if how == "mean":
            return (Step("impute", [Sums.of(moments).mean]),)
        fill = mode(self._values) if how == "mode" else quantiles(self._values, np.array([0.5]))[0]
        return (Step("impute", [fill]),)

    def _winsorise(self) -> tuple[Step, ...]:
        levels = self._feature.winsorise
        if levels is None or not len(self._values):
            return ()
        return (Step("clip", quantiles(self._values, np.array(levels))),)

    def _power(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if self._feature.transform != "yeo_johnson":
            return _transform(self._feature)
        return (Step("yeo_johnson", [yeo_johnson_lambda(apply_steps(steps, self._values))]),)

    def _scale(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        how = self._feature.scale
        if how == "none":
            return ()
        if how == "standard":
            return (Step("affine", self._sums(steps).standardisation),)
        if how == "min_max":
            low, high = self._extremes(steps)
            return (Step("affine", [low, reciprocal(low, high)]),)
        results = apply_steps(steps, self._values)
        values = np.sort(results[np.isfinite(results)])
        if not len(values):
            return ()
        if how == "rank_gauss":
            return (Step("interpolate", gauss_knots(values)),)
        low, middle, high = quantiles(values, np.array([0.25, 0.5, 0.75]))
        return (Step("affine", [middle, reciprocal(low, high)]),)

    @property
    def _imputed(self) -> int:
        """How many rows the fill stands in for."""
        moments = self._present.moments
        if self._feature.impute == "none":
            return 0
        return moments.missing + moments.positive_infinite + moments.negative_infinite

    def _sums(self, steps: tuple[Step, ...]) -> Sums:
        """The sums of what the steps make of all rows, or their multiple: each value of a sample stands for many."""
        present = self._present.moments
        if self._transformed is not None:
            sums, weight = Sums.of(self._transformed.moments), 1
            if self._feature.impute != "none":
                sums = self._without_infinite(sums)
        else:
            sums, weight = Sums.of(moments_of(steps, self._values)), max(1, len(self._values))
            sums = sums.repeated(max(1, present.count))
        fill = float(apply_steps(steps, [math.nan])[0])
        return sums.with_copies(fill, weight * self._imputed) if math.isfinite(fill) else sums

    def _without_infinite(self, sums: Sums) -> Sums:
        """Take out what a transform that is finite at infinity made of infinite values: they are imputed before it."""
        present = self._present.moments
        at_infinity = apply_steps(_transform(self._feature), [-math.inf, math.inf])
        for value, times in zip(at_infinity, (present.negative_infinite, present.positive_infinite), strict=True):
            if times and math.isfinite(value):
                sums = sums.with_copies(float(value), -times)
        return sums

    def _extremes(self, steps: tuple[Step, ...]) -> tuple[float, float]:
        """The least and the greatest result: no step falls, so those of the least and the greatest value."""
        moments = self._present.moments
        results = apply_steps(steps, [moments.minimum, moments.maximum, *([math.nan] if self._imputed else [])])
        finite = results[np.isfinite(results)]
        return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)


def _source(feature: NumericFeature) -> ColumnValue | Arithmetic:
    if feature.combine is not None:
        return Arithmetic(feature.combine.operation, feature.combine.left, feature.combine.right)
    return ColumnValue(feature.reads[0].column)


def _clip(feature: NumericFeature) -> tuple[Step, ...]:
    return (Step("clip", feature.clip),) if feature.clip is not None else ()


def _transform(feature: NumericFeature) -> tuple[Step, ...]:
    return () if feature.transform in ("none", "yeo_johnson") else (Step(feature.transform),)


def _needs_sample(feature: NumericFeature) -> bool:
    return (
        feature.impute in _SAMPLED_IMPUTES
        or feature.scale in _SAMPLED_SCALES
        or feature.winsorise is not None
        or feature.transform == "yeo_johnson"
    )
