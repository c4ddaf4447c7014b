"""Proposing a contract from good data: loose enough for the next delivery, and for people to edit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.data.contract.model import ColumnContract, Contract
from mlops_runtime.data.schema import Column, Schema
from mlops_runtime.data.sketch import ColumnSketch, KeySketch, NumberSketch

__all__ = ["infer_contract"]

_MARGIN = 0.1
_MISSING_MARGIN = 0.05
_MOST_ALLOWED = 64
_ROWS_PER_KEY = 10
_FEWEST_ROWS_FOR_UNIQUE = 100
_EXACT_LIMIT = 2.0**53


def infer_contract(schema: Schema, sketches: Sequence[ColumnSketch]) -> Contract:
    """Propose a contract from what was seen.

    Per column: its kind; no missing values when there was none, else at most their share and 5 points more; numbers
    are finite when all were, in the range seen and a tenth of it more on either side, never across zero; texts are of
    those seen when these were at most 64, on 10 rows each on average; unique when each of 100 texts or more (or of
    whole numbers beyond 2**53) was proved to be. Of the whole: at least half as many rows.
    Raises SchemaError when there is no column to promise anything of.
    """
    if not schema.columns:
        raise SchemaError(
            problem(
                expected="columns of numbers, texts, times or lists",
                got="none",
                where="data set",
                next_step="look at it with `mlrt data inspect`",
            )
        )
    columns = zip(schema.columns, sketches, strict=True)
    return Contract(
        columns=tuple(_propose(column, sketch) for column, sketch in columns),
        minimum_rows=(sketches[0].rows + 1) // 2 if sketches else 0,
        trim=schema.trim,
        null_tokens=schema.null_tokens,
    )


def _propose(column: Column, sketch: ColumnSketch) -> ColumnContract:
    rules: dict[str, Any] = {"nullable": sketch.missing > 0}
    if sketch.missing:
        rules["maximum_missing_share"] = min(1.0, round(sketch.missing_share + _MISSING_MARGIN, 4))
    if column.kind == "number" and sketch.numbers is not None:
        rules |= _range(sketch.numbers)
    keys = sketch.keys
    if column.kind == "string" and keys is not None and keys.complete and _are_categories(keys):
        rules["allowed"] = tuple(sorted(key for key, _ in keys.top))
    if column.kind in ("string", "integer") and keys is not None and keys.present >= _FEWEST_ROWS_FOR_UNIQUE:
        rules["unique"] = not sketch.distinct_error and sketch.distinct == keys.present
    return ColumnContract(name=column.name, kind=column.kind, **rules)


def _are_categories(keys: KeySketch) -> bool:
    return 0 < len(keys.top) <= _MOST_ALLOWED and len(keys.top) * _ROWS_PER_KEY <= keys.present


def _range(numbers: NumberSketch) -> dict[str, Any]:
    """The range seen and a margin, outward to a short number."""
    rules: dict[str, Any] = {"finite": numbers.positive_infinite + numbers.negative_infinite == 0}
    low, high = numbers.minimum, numbers.maximum
    if low is None or high is None:
        return rules
    margin = _MARGIN * (high / 2 - low / 2) * 2
    if not math.isfinite(margin) or max(abs(low), abs(high)) > _EXACT_LIMIT:
        return rules
    unit = 10.0 ** math.floor(math.log10(margin)) if margin > 0 else 1.0
    least, most = math.floor((low - margin) / unit) * unit, math.ceil((high + margin) / unit) * unit
    if not numbers.negative_infinite:
        rules["minimum"] = 0 if low >= 0 > least else _short(least)
    if not numbers.positive_infinite:
        rules["maximum"] = 0 if high <= 0 < most else _short(most)
    return rules


def _short(value: float) -> int | float:
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded.is_integer() else rounded
