"""Rules about the whole data set: tallied while it streams by, decided at the end."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mlops_runtime.data.conform import TIMESTAMP
from mlops_runtime.data.contract.model import ColumnContract, Contract
from mlops_runtime.data.contract.report import RuleResult
from mlops_runtime.data.contract.rules import Readings
from mlops_runtime.data.schema import listed
from mlops_runtime.data.sketch import time_text

__all__ = ["SetTally"]

_HOUR = 3_600_000_000  # microseconds


class SetTally:
    """What the set rules need to know of all rows, bad ones included."""

    def __init__(self, contract: Contract, now: dt.datetime) -> None:
        """now: what freshness is measured against."""
        self._contract = contract
        self._now = now.astimezone(dt.UTC)
        self._rows = 0
        self._missing: Counter[str] = Counter()
        self._newest: dict[str, int] = {}  # microseconds since 1970: a time may be beyond any calendar
        self._unread: dict[str, pa.DataType] = {}

    def update(self, table: pa.Table, readings: Readings) -> None:
        """Add a batch: the table as it came and the columns that could be read."""
        self._rows += table.num_rows
        for column in self._contract.columns:
            reading = readings.get(column.name)
            if reading is None:
                if column.name in table.column_names:
                    self._unread[column.name] = table.schema.field(column.name).type
                continue
            self._missing[column.name] += int(reading.missing.sum())
            if column.maximum_age_h is not None:
                self._add_times(column.name, reading.values)

    def _add_times(self, name: str, values: pa.Array) -> None:
        past = pc.less_equal(values, pa.scalar(self._now, TIMESTAMP))
        newest = pc.max(values.filter(past).cast(pa.int64())).as_py()
        if newest is not None:
            self._newest[name] = max(newest, self._newest.get(name, newest))

    def results(self, rows: int, columns: Sequence[str]) -> Iterator[RuleResult]:
        """Decide every rule; rows, columns: of the data set, rows included that could not be decoded."""
        contract = self._contract
        if contract.minimum_rows is not None:
            least = contract.minimum_rows
            yield _result("minimum_rows", f"at least {least:,}", rows < least, f"{rows:,}")
        if contract.maximum_rows is not None:
            most = contract.maximum_rows
            yield _result("maximum_rows", f"at most {most:,}", rows > most, f"{rows:,}")
        if contract.extra_columns == "refuse":
            extra = [name for name in columns if name not in contract.table_schema.names]
            yield _result("extra_columns", "no column but the declared", bool(extra), listed(extra))
        for column in contract.columns:
            yield from self._column_results(column, present=column.name in columns)

    def _column_results(self, column: ColumnContract, *, present: bool) -> Iterator[RuleResult]:
        name = column.name
        if column.required:
            yield _result(f"{name}.required", "the column", not present, "present" if present else "absent")
        if name in self._unread:
            yield _result(f"{name}.type", f"a type that holds {column.kind}", True, str(self._unread[name]))
        if not present or name in self._unread:
            return
        if column.maximum_missing_share is not None:
            share = self._missing[name] / self._rows if self._rows else 0.0
            most = column.maximum_missing_share
            yield _result(f"{name}.maximum_missing_share", f"at most {most:.4%}", share > most, f"{share:.4%}")
        if column.maximum_age_h is not None:
            yield self._freshness(name, column.maximum_age_h)

    def _freshness(self, name: str, limit_h: float) -> RuleResult:
        newest = self._newest.get(name)
        expected = f"a time in the {limit_h:g} hours before {self._now:%Y-%m-%dT%H:%M:%SZ}"
        if newest is None:
            return _result(f"{name}.maximum_age_h", expected, True, "no time that is not in the future")
        age_h = (pa.scalar(self._now, TIMESTAMP).value - newest) / _HOUR
        observed = f"{age_h:.2f} hours ({time_text(newest)})"
        return _result(f"{name}.maximum_age_h", expected, age_h > limit_h, observed)


def _result(rule: str, expected: str, violated: bool, observed: str) -> RuleResult:
    return RuleResult(rule, "set", expected, int(violated), observed)
