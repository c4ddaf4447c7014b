"""A request to try: one typical row of a bundle's inputs, and the curl command that sends it."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from typing import Any
from urllib.parse import quote

import numpy as np

from mlops_runtime.data.schema import ColumnKind
from mlops_runtime.monitoring.state.summary import CategoricalSummary
from mlops_runtime.registry import Bundle

__all__ = ["curl_command", "example_request"]

_DIGITS = 4
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FALLBACK: dict[ColumnKind, str | int] = {
    "number": 0,
    "integer": 0,
    "string": "-",
    "timestamp": _EPOCH.isoformat(),
    "string_list": "[]",
    "integer_list": "[]",
}


def example_request(bundle: Bundle) -> dict[str, Any]:
    """Return an infer request of one row as the baseline knows it: the median of a number, the commonest text.

    A nullable input without a baseline is left out.
    """
    inputs = []
    for entry in bundle.manifest.inputs:
        value = _typical(bundle, entry.name, entry.kind)
        if value is not None or not entry.nullable:
            data = [_FALLBACK[entry.kind] if value is None else value]
            inputs.append({"name": entry.name, "datatype": entry.datatype, "shape": [1], "data": data})
    return {"inputs": inputs}


def _typical(bundle: Bundle, name: str, kind: str) -> str | float | None:
    summary = bundle.baseline.columns.get(name)
    if summary is None:
        return None
    if isinstance(summary, CategoricalSummary):
        first = summary.categories[0] if summary.categories else None
        return int(first) if first is not None and summary.holds == "integer" else first
    middle = int(np.searchsorted(np.cumsum(summary.counts), summary.finite / 2))
    median = float(summary.edges[min(middle, len(summary.edges) - 1)])
    if kind == "timestamp":
        return (_EPOCH + dt.timedelta(microseconds=median)).isoformat()
    return int(median) if median.is_integer() else float(f"{median:.{_DIGITS}g}")


def curl_command(bundle: Bundle, model: str, url: str) -> str:
    """Return a shell command that sends the example to `model` on the server at `url`."""
    body = json.dumps(example_request(bundle), separators=(",", ":"), ensure_ascii=False)
    return f"curl -s {url}/v2/models/{quote(model)}/infer -d {shlex.quote(body)}"
