"""A window as bytes: a line of JSON that says which it is, then its counts, deflated.

What the baseline fixes (edges, categories) is not written again: a column holds what differs from the baseline's.
Format 1 has columns alone; format 2 has them beside what was counted of all columns together.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_runtime.core.errors import IntegrityError, SchemaError, problem
from mlops_runtime.monitoring.multivariate.state import MultivariateState
from mlops_runtime.monitoring.points import Span
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.state.summary import ColumnSummary, summary_from_dict
from mlops_runtime.monitoring.windows.window import Window

__all__ = ["WindowCodec", "WindowHead", "read_head"]

_COLUMNS_ALONE, _TOGETHER = 1, 2
_MOST_BYTES = 1 << 28
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class WindowHead:
    """Which window a record holds, read without its counts. record: the whole record.

    multivariate: the digest of the reference against which all columns together were counted; None where they were not.
    """

    span: Span
    key: Mapping[str, str]
    number: int
    rows: int
    baseline: str
    weighted: bool
    multivariate: str | None
    record: bytes


class WindowCodec:
    """Writes and reads windows counted over one baseline."""

    def __init__(self, baseline: Baseline) -> None:
        self.digest = baseline.digest
        self._reference = {name: summary.to_dict() for name, summary in baseline.columns.items()}

    def write(self, window: Window) -> bytes:
        """Return a window's record. Raises SchemaError for one of another baseline."""
        if window.baseline != self.digest:
            expected, got = f"a window over baseline {self.digest[:16]}", f"one over {window.baseline[:16]}"
            raise SchemaError(problem(expected=expected, got=got, where="window", next_step="give its own baseline"))
        together = window.multivariate
        head = {
            "format": _COLUMNS_ALONE if together is None else _TOGETHER,
            "span": window.span.to_dict(),
            "key": dict(window.key),
            "number": window.number,
            "rows": window.rows,
            "baseline": window.baseline,
            "weighted": window.weighted,
        }
        columns = {name: self._difference(name, summary) for name, summary in window.summaries.items()}
        if together is None:
            return _json(head) + b"\n" + zlib.compress(_json(columns), 6)
        head["multivariate"], body = together.reference, {"columns": columns, "multivariate": together.to_dict()}
        return _json(head) + b"\n" + zlib.compress(_json(body), 6)

    def read(self, head: WindowHead, *, where: str) -> Window:
        """Return the window of a head over this baseline. Raises IntegrityError when it is not as it was written."""
        try:
            inflate = zlib.decompressobj()
            text = inflate.decompress(head.record.partition(b"\n")[2], _MOST_BYTES)
            body = json.loads(text)
            columns = body if head.multivariate is None else body["columns"]
            together = None if head.multivariate is None else _state(head, body["multivariate"], where)
            summaries = {
                name: summary_from_dict(reference | columns[name], where=where)
                for name, reference in self._reference.items()
            }
        except (KeyError, TypeError, ValueError, RecursionError, zlib.error) as error:
            raise _damaged(where, error) from error
        return Window(head.span, head.key, head.number, head.rows, summaries, head.baseline, head.weighted, together)

    def _difference(self, name: str, summary: ColumnSummary) -> dict[str, Any]:
        reference = self._reference[name]
        return {field: value for field, value in summary.to_dict().items() if reference.get(field, _ABSENT) != value}


def _state(head: WindowHead, values: Mapping[str, Any], where: str) -> MultivariateState:
    state = MultivariateState.from_dict(values, where=where)
    if state.reference != head.multivariate or state.rows > head.rows:
        raise ValueError(f"{state.rows} rows together, counted against reference {state.reference[:16]}")
    return state


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def read_head(record: bytes, *, where: str) -> WindowHead:
    """Read which window a record holds. Raises IntegrityError for what is none of format 1 or 2."""
    try:
        values = json.loads(record.partition(b"\n")[0])
        if values["format"] not in (_COLUMNS_ALONE, _TOGETHER):
            raise ValueError(f"format {values['format']!r}")
        key = {str(name): str(value) for name, value in values["key"].items()}
        number, rows, weighted = int(values["number"]), int(values["rows"]), bool(values["weighted"])
        together = str(values["multivariate"]) if values["format"] == _TOGETHER else None
        span = Span.from_dict(values["span"])
        return WindowHead(span, key, number, rows, values["baseline"], weighted, together, record)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _damaged(where, error) from error


def _damaged(where: str, error: Exception) -> IntegrityError:
    got = f"{type(error).__name__}: {error}"[:200]
    next_step = "it was written by another version or by something else: move the file away"
    return IntegrityError(problem(expected="a window of format 1 or 2", got=got, where=where, next_step=next_step))
