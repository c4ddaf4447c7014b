"""A request to try: one typical row of a model's inputs, as a curl command that can be pasted into a shell."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from typing import Any
from urllib.parse import quote

from mlops_runtime.monitoring.summary import CategoricalSummary
from mlops_runtime.registry import Bundle
from mlops_runtime.serving.versions import ServedVersion

__all__ = ["curl_command", "example_request"]

_DIGITS = 4


def example_request(served: ServedVersion) -> dict[str, Any]:
    """Return an infer request of one row as the baseline knows it: the median of a number, the commonest text.

    A nullable input without a baseline is left out.
    """
    inputs = []
    for column, spec in zip(served.model.schema.columns, served.signature.inputs, strict=True):
        value = _typical(served.model.bundle, column.name, column.kind)
        if value is not None or not spec.nullable:
            data = ["" if value is None and spec.datatype == "BYTES" else value or 0]
            inputs.append({"name": spec.name, "datatype": spec.datatype, "shape": [1], "data": data})
    return {"inputs": inputs}


def _typical(bundle: Bundle, name: str, kind: str) -> str | float | None:
    summary = bundle.baseline.columns.get(name)
    if summary is None:
        return None
    if isinstance(summary, CategoricalSummary):
        return summary.categories[0] if summary.categories else None
    median = float(summary.edges[len(summary.edges) // 2])
    if kind == "timestamp":
        return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=median)).isoformat()
    return int(median) if median.is_integer() else float(f"{median:.{_DIGITS}g}")


def curl_command(served: ServedVersion, url: str) -> str:
    """Return a shell command that sends the example to the server at `url`."""
    body = json.dumps(example_request(served), separators=(",", ":"), ensure_ascii=False)
    return f"curl -s {url}/v2/models/{quote(served.name)}/infer -d {shlex.quote(body)}"
