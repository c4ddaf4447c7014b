"""How `mlrt data` draws its results: columns, broken rules, and what changed between two versions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from rich.console import Console
from rich.table import Table

from mlops_runtime.cli.output import table
from mlops_runtime.data.contract import ContractReport, RuleResult
from mlops_runtime.data.diff import ColumnDiff, DatasetDiff
from mlops_runtime.data.sketch import ColumnSketch, NumberSketch, time_text

__all__ = ["columns_table", "print_diff", "print_notes", "print_report"]

_BARS = "▁▂▃▄▅▆▇█"
_SLICES = 16
_SHOWN_KEYS = 3
_DAY = 10  # characters of an ISO date


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """Print what a reader of the data should know."""
    for note in notes:
        console.print(f"note: {note}", style="yellow", markup=False)


def columns_table(title: str, columns: Iterable[ColumnSketch]) -> Table:
    """Draw one line a column."""
    rows = [(c.name, c.kind, f"{c.missing_share:.1%}" if c.missing else "-", _distinct(c), _values(c)) for c in columns]
    drawn = table(title, ("column", "kind", "missing", "distinct", "values"), rows)
    for column in drawn.columns[1:-1]:
        column.no_wrap = True
    drawn.columns[-1].justify = "left"
    return drawn


def _distinct(column: ColumnSketch) -> str:
    return f"≈ {column.distinct:,}" if column.distinct_error else f"{column.distinct:,}"


def _values(column: ColumnSketch) -> str:
    if column.keys is not None:
        return ", ".join(f"{key} {count:,}" for key, count in column.keys.top[:_SHOWN_KEYS])
    numbers = column.numbers
    if numbers is None or not numbers.count:
        return ""
    if column.kind == "timestamp":
        limits = " … ".join(str(time_text(limit))[:_DAY] for limit in (numbers.minimum, numbers.maximum))
    else:
        figures = (numbers.minimum, numbers.mean, numbers.maximum)
        limits = " · ".join(_short(value) for value in figures if value is not None)
    return f"{_sparkline(numbers)} {limits}".strip()


def _short(value: float) -> str:
    """Write a number in at most eight characters or so: 1,484,705 is 1.48M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if limit <= abs(value) < 1e12:
            return f"{value / (1e3 if unit == 'k' else limit):.3g}{unit}"
    return f"{value:.4g}"


def _sparkline(numbers: NumberSketch) -> str:
    """Draw how many of the quantiles fall into equal slices from least to greatest; a slice with one is never blank."""
    low, high = numbers.quantiles[0], numbers.quantiles[-1]
    if low == high:
        return ""
    share = np.arange(1, _SLICES) / _SLICES
    edges = low * (1 - share) + high * share  # without overflow
    counts = np.bincount(np.searchsorted(edges, numbers.quantiles, "right"), minlength=_SLICES).tolist()
    highest = max(counts)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // highest)] if count else " " for count in counts)


def print_report(console: Console, report: ContractReport) -> None:
    """Print the rules that were broken, with examples, and how the rows add up."""
    if report.violated:
        rows = [(rule.rule, rule.expected, f"{rule.violations:,}", _found(rule)) for rule in report.violated]
        drawn = table(f"{report.source}: broken rules", ("rule", "expected", "times", "found"), rows)
        drawn.columns[1].justify = drawn.columns[3].justify = "left"
        console.print(drawn)
    console.print(f"{report.rows:,} rows: {report.good:,} good, {report.quarantined:,} bad")
    kept = len(report.rules) - len(report.violated)
    console.print(f"{kept} of {len(report.rules)} rules hold", style="green" if report.passed else "red")


def _found(rule: RuleResult) -> str:
    if rule.observed is not None:
        return rule.observed
    lines = []
    for example in rule.examples:
        place = f"row {example.file_row:,}" if example.line is None else f"line {example.line:,}"
        lines.append(f"{example.value} ({example.file}, {place})")
    return "\n".join(lines)


def print_diff(console: Console, diff: DatasetDiff) -> None:
    """Print what changed, most general first; columns that did not move are only counted."""
    if diff.before == diff.after:
        console.print("the same version: nothing changed")
        return
    before, after = diff.rows
    console.print(f"rows {before:,} → {after:,}")
    files, schema = diff.files, diff.schema
    moved = [f"{old} → {new}" for old, new in files.moved]
    kinds = [f"{name} ({old} → {new})" for name, old, new in schema.changed]
    for words, names in (
        ("files added", files.added),
        ("files removed", files.removed),
        ("files changed", files.changed),
        ("files moved", moved),
        ("columns added", schema.added),
        ("columns removed", schema.removed),
        ("columns changed", kinds),
        ("columns reordered", ["yes"] if schema.reordered else []),
    ):
        if names:
            console.print(f"{words}: {', '.join(names)}", markup=False)
    headers = ("column", "missing", "distinct", "distance", "error", "range or keys", "drifted")
    drawn = table(f"{len(diff.columns)} columns in both", headers, [_diff_row(column) for column in diff.columns])
    drawn.columns[5].justify = "left"
    console.print(drawn)


def _diff_row(column: ColumnDiff) -> tuple[str, ...]:
    before, after = column.before, column.after
    farthest = max(column.distances, key=lambda distance: distance.value - distance.error, default=None)
    return (
        after.name,
        _both(f"{before.missing_share:.2%}", f"{after.missing_share:.2%}"),
        _both(_distinct(before), _distinct(after)),
        "-" if farthest is None else f"{farthest.method} {farthest.value:.3f}",
        "-" if farthest is None else f"{farthest.error:.3f}",
        _both(_limits(before), _limits(after)) if after.keys is None else _keys(column),
        "yes" if column.drifted else "",
    )


def _both(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _limits(sketch: ColumnSketch) -> str:
    numbers = sketch.numbers
    if numbers is None or numbers.minimum is None or numbers.maximum is None:
        return "-"
    if sketch.kind == "timestamp":
        return " … ".join(str(time_text(limit))[:_DAY] for limit in (numbers.minimum, numbers.maximum))
    return f"{_short(numbers.minimum)} … {_short(numbers.maximum)}"


def _keys(column: ColumnDiff) -> str:
    gone = [f"-{key}" for key, _ in column.disappeared[:_SHOWN_KEYS]]
    return " ".join([*(f"+{key}" for key, _ in column.appeared[:_SHOWN_KEYS]), *gone])
