"""Checking a contract in one pass: good rows to the one side, bad rows with all their reasons to the other."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlops_runtime.core import clock
from mlops_runtime.data.batch import BadRow, Batch
from mlops_runtime.data.contract.model import Contract
from mlops_runtime.data.contract.quarantine import Quarantine, texts_of
from mlops_runtime.data.contract.report import ContractReport, Example, RuleResult
from mlops_runtime.data.contract.rules import Readings, RowRule, row_rules
from mlops_runtime.data.contract.set_rules import SetTally
from mlops_runtime.data.contract.table_file import TableFile, open_table_file
from mlops_runtime.data.contract.values import Mask, read_values

__all__ = ["check_stream"]

_EXAMPLES = 3
_UNDECODABLE = "decodable"


def check_stream(
    stream: Iterable[Batch | BadRow],
    contract: Contract,
    *,
    source: str,
    quarantine: Path | None = None,
    good: Path | None = None,
    now: dt.datetime | None = None,
) -> ContractReport:
    """Check rows that come in batches, and rows that could not be decoded, in the order of the data.

    The tables of the batches hold values as they were read: texts are read as their column's kind here, so that one bad
    value makes one bad row. source: for the report. quarantine: a Parquet file of all bad rows (`Quarantine`). good: a
    .parquet, .arrow or .csv file of the others, cleaned by `conform`. Both appear whole when the check has ended, the
    quarantine first. now: what freshness is measured against; by default the time of the call.
    Memory: one batch, and every distinct key of a unique column (`Repeats`).
    Raises ConfigError or CapacityError when a file cannot be written, and whatever the stream raises.
    """
    with contextlib.ExitStack() as files:
        good_file = files.enter_context(open_table_file(good)) if good else None
        bad_file = files.enter_context(open_table_file(quarantine)) if quarantine else None
        checker = _Checker(contract, now or clock.now(), bad_file, good_file)
        for item in stream:
            if isinstance(item, Batch):
                checker.check(item)
            else:
                checker.reject(item)
        if not checker.started:  # then the files hold no rows, of the declared columns
            checker.check(Batch(pa.table({name: pa.array([], pa.utf8()) for name in checker.columns}), 0, source))
        return checker.report(source)


class _Checker:
    """The state of one check."""

    def __init__(
        self, contract: Contract, now: dt.datetime, bad_file: TableFile | None, good_file: TableFile | None
    ) -> None:
        self._contract = contract
        self._schema = contract.table_schema
        self._tallies = [_RuleTally(rule) for rule in row_rules(contract)]
        self._undecodable: list[Example] = []
        self._sets = SetTally(contract, now)
        self._quarantine = Quarantine(bad_file, [tally.rule.name for tally in self._tallies]) if bad_file else None
        self._good_file = good_file
        self._rows = self._good = self._rejected = 0
        self.columns = self._schema.names
        self.started = False

    def check(self, batch: Batch) -> None:
        self.started = True
        readings = self._read(batch)
        broken = [tally.update(batch, readings) for tally in self._tallies]
        bad: Mask = np.logical_or.reduce(broken)
        self._sets.update(batch.table, readings)
        self._rows += len(bad)
        self._good += len(bad) - int(bad.sum())
        if self._quarantine is not None:
            self._quarantine.add(batch, bad, broken)
        if self._good_file is not None:
            self._good_file.write(_clean(batch.table, readings).filter(pa.array(~bad)))

    def reject(self, row: BadRow) -> None:
        self._rows += 1
        self._rejected += 1
        if len(self._undecodable) < _EXAMPLES:
            self._undecodable.append(Example(row.file, row.ordinal, row.line, row.reason))
        if self._quarantine is not None:
            self._quarantine.add_undecodable(row, f"{_UNDECODABLE}: {row.reason}")

    def _read(self, batch: Batch) -> Readings:
        present = (column for column in self._schema.columns if column.name in batch.table.column_names)
        readings = {
            column.name: read_values(batch.table.column(column.name), column, self._schema, where=batch.file)
            for column in present
        }
        return {name: reading for name, reading in readings.items() if reading is not None}

    def report(self, source: str) -> ContractReport:
        decoded = RuleResult(
            _UNDECODABLE, "row", "a row that can be decoded", self._rejected, examples=tuple(self._undecodable)
        )
        return ContractReport(
            source=source,
            contract=self._contract.digest,
            rows=self._rows,
            good=self._good,
            quarantined=self._rows - self._good,
            rules=(decoded, *(tally.result() for tally in self._tallies), *self._sets.results(self._rows)),
        )


@dataclass(slots=True)
class _RuleTally:
    rule: RowRule
    violations: int = 0
    examples: list[Example] = field(default_factory=list)

    def update(self, batch: Batch, readings: Readings) -> Mask:
        """Return which rows break the rule: none when its column is absent, or of a type that nobody can read."""
        if not all(name in readings for name in self.rule.columns):
            return np.zeros(batch.table.num_rows, np.bool_)
        broken = self.rule.broken(readings)
        rows = np.flatnonzero(broken)
        self.violations += len(rows)
        for row in rows[: _EXAMPLES - len(self.examples)].tolist():
            value = ", ".join(_shown(batch.table, name, row) for name in self.rule.columns)
            self.examples.append(Example(batch.file, int(batch.row_numbers()[row]), None, value))
        return broken

    def result(self) -> RuleResult:
        rule = self.rule
        return RuleResult(rule.name, "row", rule.expected, self.violations, examples=tuple(self.examples))


def _shown(table: pa.Table, name: str, row: int) -> str:
    text = texts_of(table.column(name).slice(row, 1))[0].as_py()
    return "missing" if text is None else str(text)


def _clean(table: pa.Table, readings: Readings) -> pa.Table:
    """The columns as `conform` leaves them, undeclared ones as they came; texts plain."""
    columns = {name: readings[name].values if name in readings else table.column(name) for name in table.column_names}
    return pa.table({name: _plain(values) for name, values in columns.items()})


def _plain(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
