"""The running verdicts on each key of a store's windows, carried from one reading to the next as text.

They are part of the cursor, which is saved with the alerts that rest on it, in one step: after a crash both are of one
round or both of the next, and the same windows give the same verdicts.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.report.drift import DriftReport
from mlops_runtime.monitoring.report.verdicts import with_verdicts
from mlops_runtime.monitoring.state.baseline import Baseline
from mlops_runtime.monitoring.statistics.sequential import SequentialVerdict
from mlops_runtime.monitoring.windows import Window

__all__ = ["Sequences"]

_MOST_BYTES = 1 << 28


@dataclass(slots=True)
class _Sequence:
    """baseline: its digest; windows over another one begin a sequence of their own. end: of the last window in it."""

    baseline: str
    end: datetime
    verdict: SequentialVerdict


class Sequences:
    """Judges windows key by key, each as the latest of its sequence. texts: what `texts` gave, by key."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._open: dict[str, _Sequence] = {}

    def judge(self, key: str, window: Window, baseline: Baseline) -> DriftReport:
        """Return the report of a key's next window. Raises SchemaError when the key's text is not as it was given.

        A window that overlaps the last one would count rows twice: it is judged as that one was.
        """
        one = self._open.get(key) or self._read(key, baseline)
        if one is None or one.baseline != window.baseline:
            one = _Sequence(window.baseline, window.span.start, SequentialVerdict(baseline.columns))
        self._open[key] = one
        if window.span.start >= one.end and not window.weighted:
            found, one.end = one.verdict.update(window.summaries), window.span.end
        else:
            found = one.verdict.verdicts()
        return with_verdicts(window.report(baseline), found, level=one.verdict.level)

    def texts(self) -> dict[str, str]:
        """Return every key's sequence, for the next reading."""
        return self._texts | {key: _written(one) for key, one in self._open.items()}

    def _read(self, key: str, baseline: Baseline) -> _Sequence | None:
        if key not in self._texts:
            return None
        try:
            packed = base64.b64decode(self._texts[key], validate=True)
            values = json.loads(zlib.decompressobj().decompress(packed, _MOST_BYTES))
            digest, end = str(values["baseline"]), datetime.fromisoformat(values["end"])
            if digest != baseline.digest:
                return None
            return _Sequence(digest, end, SequentialVerdict.from_dict(values["verdict"], baseline.columns))
        except (KeyError, TypeError, ValueError, RecursionError, zlib.error) as error:
            got, next_step = f"{type(error).__name__}: {error}", "remove the folder of alerts to start afresh"
            expected, where = "a sequence as it was written", f"alerts, windows of {key}"
            raise SchemaError(problem(expected=expected, got=got[:200], where=where, next_step=next_step)) from error


def _written(one: _Sequence) -> str:
    values = {"baseline": one.baseline, "end": one.end.isoformat(), "verdict": one.verdict.to_dict()}
    return base64.b64encode(zlib.compress(json.dumps(values, separators=(",", ":")).encode(), 6)).decode()
