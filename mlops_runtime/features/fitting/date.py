"""Fitting a time: the rules of its zone, and mean and deviation of the parts that stay numbers."""

from __future__ import annotations

import math

from mlops_runtime.data import Schema
from mlops_runtime.features.expression import ColumnValue, DatePart, Expression, Step
from mlops_runtime.features.fitting.collector import Collectors
from mlops_runtime.features.fitting.exact import Sums
from mlops_runtime.features.fitting.values import ValueMoments
from mlops_runtime.features.fitting.zone import zone_transitions
from mlops_runtime.features.outputs import DenseOutput
from mlops_runtime.features.spec import DateFeature

__all__ = ["DateFitter"]

_FIRST_AND_COUNT: dict[DatePart, tuple[int, int]] = {  # of the parts that come round again
    "quarter": (1, 4),
    "month": (1, 12),
    "day": (1, 31),
    "day_of_week": (0, 7),
    "day_of_year": (1, 366),
    "week": (1, 53),
    "hour": (0, 24),
    "minute": (0, 60),
    "second": (0, 60),
    "minute_of_day": (0, 1440),
}


class DateFitter:
    """Each part as a number, its mean where missing; or as a sine and a cosine, both 0 where missing.

    Means and deviations are exact.
    """

    def __init__(self, feature: DateFeature, schema: Schema, collectors: Collectors) -> None:
        self._feature = feature
        self._source = Expression(ColumnValue(feature.column))
        self._present = collectors.share(ValueMoments(self._source))
        numbers = [part for part in feature.parts if not self._is_cyclic(part)]
        self._moments = {part: collectors.share(ValueMoments(self._part(part))) for part in numbers}

    def freeze(self) -> tuple[DenseOutput, ...]:
        """Return the outputs of all parts and, when asked for or needed, the indicator that the time is missing."""
        feature, missing = self._feature, self._present.moments.missing
        outputs = []
        for part in feature.parts:
            name = f"{feature.output_name}:{part}"
            chosen = self._circle(part) if self._is_cyclic(part) else {"": self._number(part)}
            outputs += [DenseOutput(name + ending, expression, missing) for ending, expression in chosen.items()]
        if feature.indicator is True or (feature.indicator == "auto" and missing > 0):
            indicator = self._source.then(Step("is_missing"))
            outputs.append(DenseOutput(f"{feature.output_name}:missing", indicator, missing))
        return tuple(outputs)

    def _is_cyclic(self, part: DatePart) -> bool:
        return self._feature.cyclic and part in _FIRST_AND_COUNT

    def _part(self, part: DatePart) -> Expression:
        zone = self._feature.zone
        local = () if zone == "UTC" else (Step("local_time", zone_transitions(zone)),)
        return self._source.then(*local, Step(f"date_{part}"))

    def _circle(self, part: DatePart) -> dict[str, Expression]:
        first, count = _FIRST_AND_COUNT[part]
        angles = [2 * math.pi * place / count for place in range(count)]
        before = [math.nan] * first
        return {
            ending: self._part(part).then(Step("table", [*before, *map(function, angles)]), Step("impute", [0.0]))
            for ending, function in ((":sin", math.sin), (":cos", math.cos))
        }

    def _number(self, part: DatePart) -> Expression:
        moments = self._moments[part].moments
        sums = Sums.of(moments)
        fill = sums.mean
        steps = [Step("impute", [fill])]
        if self._feature.scale == "standard":
            steps.append(Step("affine", sums.with_copies(fill, moments.missing).standardisation))
        return self._part(part).then(*steps)
