"""Checking a contract in one pass: good rows to the one side, bad rows with all their reasons to the other."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlops_runtime.core import clock
from mlops_runtime.core.errors import ConfigError, problem
from mlops_runtime.data.batch import BadRow, Batch
from mlops_runtime.data.contract.good_rows import GoodRows
from mlops_runtime.data.contract.layout import plain, texts_of
from mlops_runtime.data.contract.model import Contract
from mlops_runtime.data.contract.quarantine import Quarantine
from mlops_runtime.data.contract.report import ContractReport, Example, RuleResult
from mlops_runtime.data.contract.rules import Readings, RowRule, row_rules
from mlops_runtime.data.contract.set_rules import SetTally
from mlops_runtime.data.contract.table_file import open_table_file
from mlops_runtime.data.contract.values import Mask, read_values
from mlops_runtime.data.source import Source

__all__ = ["check", "check_stream"]

_EXAMPLES = 3
_SHOWN = 200  # characters
_GATHERED = 1 << 12
_UNDECODABLE = "decodable"


def check(
    source: Source,
    contract: Contract,
    *,
    stream: Iterable[Batch | BadRow] | None = None,
    quarantine: Path | None = None,
    good: Path | None = None,
    now: dt.datetime | None = None,
) -> ContractReport:
    """Check a data set against a contract in one pass, in bounded memory; see `check_stream`.

    source: its schema and filters play no part, for the contract says what the columns are: of CSV every value is read
    as a text, and rows of another width or without valid UTF-8 are bad rows. Raises DataError for damaged files.

    >>> import tempfile
    >>> from mlops_runtime.data import open_source
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("age\\n31\\nold\\n")
    >>> contract = Contract.from_yaml("columns: [{name: age, kind: number}]")
    >>> report = check(open_source(path), contract)
    >>> report.good, report.quarantined, [rule.rule for rule in report.violated]
    (1, 1, ['age.kind'])
    """
    data = {path.resolve() for path in source.paths}
    for output in (quarantine, good):
        if output is not None and output.resolve() in data:
            raise _refused(output, "a file for rows beside the data", "a file of the data set")
    return check_stream(
        source.decoded() if stream is None else stream,
        contract,
        source=source.files[0] if len(source.files) == 1 else f"{len(source.files)} files",
        columns=source.columns,
        decimal_commas=source.decimal_commas,
        quarantine=quarantine,
        good=good,
        now=now,
    )


def check_stream(
    stream: Iterable[Batch | BadRow],
    contract: Contract,
    *,
    source: str,
    columns: Sequence[str],
    decimal_commas: Collection[str] = (),
    quarantine: Path | None = None,
    good: Path | None = None,
    now: dt.datetime | None = None,
) -> ContractReport:
    """Check all rows of all files, in the order of the data: in batches, or one by one where they cannot be decoded.

    The tables of the batches hold values as they were read: texts are read as their column's kind here, so that one bad
    value makes one bad row. source: for the report. columns: of all batches; one may lack some of them.
    decimal_commas: the files in which the text 1,5 is a number. quarantine: a Parquet file of all bad rows
    (`Quarantine`). good: a .parquet, .arrow or .csv file of the others (`GoodRows`). Both appear whole when the check
    has ended, the quarantine first; each of two checks that write one name writes all of it, and the last one stays.
    now: what freshness is measured against, without a zone in local time; by default the time of the call.
    Memory: one batch, and 26 to 52 bytes for each distinct key of a unique column (`Repeats`).
    Raises ConfigError or CapacityError when a file cannot be written or both have one name, SchemaError when good rows
    of two files do not fit one table, and whatever the stream raises.
    """
    if quarantine and good and quarantine.resolve() == good.resolve():
        raise _refused(good, "two files for good and for bad rows", "one")
    with contextlib.ExitStack() as files:
        good_file = files.enter_context(open_table_file(good)) if good else None
        bad_file = files.enter_context(open_table_file(quarantine)) if quarantine else None
        rules = row_rules(contract)
        bad_rows = Quarantine(bad_file, columns, [rule.name for rule in rules]) if bad_file else None
        good_rows = GoodRows(good_file, contract.table_schema, columns) if good_file else None
        checker = _Checker(contract, columns, rules, SetTally(contract, now or clock.now()), bad_rows, good_rows)
        for item in stream:
            if isinstance(item, Batch):
                batch = replace(item, table=plain(item.table))
                checker.check(batch, decimal_comma=item.file in decimal_commas)
            else:
                checker.reject(item)
        checker.close()
        return checker.report(source)


def _refused(path: Path, expected: str, got: str) -> ConfigError:
    return ConfigError(problem(expected=expected, got=got, where=str(path), next_step="choose another name"))


class _Checker:
    """The state of one check."""

    def __init__(
        self,
        contract: Contract,
        columns: Sequence[str],
        rules: Sequence[RowRule],
        sets: SetTally,
        quarantine: Quarantine | None,
        good_rows: GoodRows | None,
    ) -> None:
        self._contract = contract
        self._columns = tuple(columns)
        self._schema = contract.table_schema
        self._tallies = [_RuleTally(rule) for rule in rules]
        self._undecodable = _Undecodable(quarantine)
        self._sets = sets
        self._quarantine = quarantine
        self._good_rows = good_rows
        self._rows = self._good = 0
        self._file: str | None = None
        self._file_start = 0

    def check(self, batch: Batch, *, decimal_comma: bool) -> None:
        self._undecodable.flush()
        start = self._start_of(batch.file)
        readings = self._read(batch, decimal_comma)
        broken = [tally.update(batch, start, readings) for tally in self._tallies]
        bad: Mask = np.logical_or.reduce(broken)
        self._sets.update(batch.table, readings)
        self._rows += len(bad)
        self._good += len(bad) - int(bad.sum())
        if self._quarantine is not None:
            self._quarantine.add(batch, start, bad, broken)
        if self._good_rows is not None:
            self._good_rows.add(batch, ~bad, readings)

    def reject(self, row: BadRow) -> None:
        self._undecodable.add(row, row.ordinal - self._start_of(row.file))
        self._rows += 1

    def close(self) -> None:
        self._undecodable.flush()
        if self._good_rows is not None:
            self._good_rows.close()

    def _start_of(self, file: str) -> int:
        """Return the ordinal of a file's first row: all rows before it were counted."""
        if file != self._file:
            self._file, self._file_start = file, self._rows
        return self._file_start

    def _read(self, batch: Batch, decimal_comma: bool) -> Readings:
        readings = {}
        for column in self._schema.columns:
            if column.name in self._columns:
                raw = _column(batch.table, column.name)
                reading = read_values(raw, column, self._schema, where=batch.file, decimal_comma=decimal_comma)
                if reading is not None:
                    readings[column.name] = reading
        return readings

    def report(self, source: str) -> ContractReport:
        return ContractReport(
            source=source,
            contract=self._contract.digest,
            rows=self._rows,
            good=self._good,
            quarantined=self._rows - self._good,
            rules=(
                self._undecodable.result(),
                *(tally.result() for tally in self._tallies),
                *self._sets.results(self._rows, self._columns),
            ),
        )


@dataclass(slots=True)
class _Undecodable:
    """Rows that could not be decoded: counted, and gathered for the quarantine."""

    quarantine: Quarantine | None
    violations: int = 0
    examples: list[Example] = field(default_factory=list)
    rows: list[BadRow] = field(default_factory=list)
    file_rows: list[int] = field(default_factory=list)

    def add(self, row: BadRow, file_row: int) -> None:
        self.violations += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(Example(row.file, file_row, row.ordinal, row.line, row.reason))
        if self.quarantine is not None:
            self.rows.append(row)
            self.file_rows.append(file_row)
            if len(self.rows) == _GATHERED:
                self.flush()

    def flush(self) -> None:
        if self.quarantine is not None and self.rows:
            self.quarantine.add_undecodable(self.rows, self.file_rows, _UNDECODABLE)
            self.rows, self.file_rows = [], []

    def result(self) -> RuleResult:
        expected = "a row that can be decoded"
        return RuleResult(_UNDECODABLE, "row", expected, self.violations, examples=tuple(self.examples))


@dataclass(slots=True)
class _RuleTally:
    rule: RowRule
    violations: int = 0
    examples: list[Example] = field(default_factory=list)

    def update(self, batch: Batch, file_start: int, readings: Readings) -> Mask:
        """Return which rows break the rule: none when its column is absent, or of a type that nobody can read."""
        if not all(name in readings for name in self.rule.columns):
            return np.zeros(batch.table.num_rows, np.bool_)
        broken = self.rule.broken(readings)
        rows = np.flatnonzero(broken)
        self.violations += len(rows)
        for row in rows[: _EXAMPLES - len(self.examples)].tolist():
            value = ", ".join(_shown(batch.table, name, row) for name in self.rule.columns)
            ordinal = int(batch.row_numbers()[row])
            self.examples.append(Example(batch.file, ordinal - file_start, ordinal, None, value))
        return broken

    def result(self) -> RuleResult:
        rule = self.rule
        return RuleResult(rule.name, "row", rule.expected, self.violations, examples=tuple(self.examples))


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column as it came; of a file that lacks what others have, no value."""
    return table.column(name) if name in table.column_names else pa.chunked_array([pa.nulls(table.num_rows)])


def _shown(table: pa.Table, name: str, row: int) -> str:
    text: str | None = texts_of(_column(table, name).slice(row, 1))[0].as_py()
    if text is None:
        return "missing"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
