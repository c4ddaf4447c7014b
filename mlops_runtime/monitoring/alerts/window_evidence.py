"""The evidence of alerts about windows: bins from the drift report, segments from its neighbours, rows, and a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.core.errors import MlrtError
from mlops_runtime.monitoring.alerts.evidence import Evidence, MovedBin, top_segments
from mlops_runtime.monitoring.alerts.reading import WindowReader
from mlops_runtime.monitoring.alerts.rows import RowSource, sample_rows
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport
from mlops_runtime.monitoring.rules.document import Rule

__all__ = ["WindowEvidence"]

_TOP = 5
_MOST = 20

_Source = TypeVar("_Source", RowSource, Path)


class WindowEvidence:
    """Evidence for points of a reader's windows; for others, segments alone.

    pages: folder for one HTML report a window, which alerts link; None writes none. address: of that folder for those
    who read the alerts; by default its path. rows: where the rows themselves lie. A search of rows reads them, and a
    page takes 5 MB, so there are at most 20 of each for one `read` of the reader; further alerts say so.
    """

    def __init__(
        self, reader: WindowReader, *, pages: Path | None = None, address: str = "", rows: RowSource | None = None
    ) -> None:
        self._reader = reader
        self._pages = pages
        self._address = address
        self._rows = rows
        self._reads = 0
        self._spent: Counter[str] = Counter()

    def __call__(self, rule: Rule, point: Point, beside: Sequence[Point]) -> Evidence:
        """Return what is known of a point. beside: all points of windows that end when its own does."""
        segments = top_segments(rule, point, beside)
        report = self._reader.report_of(point)
        if report is None:
            return Evidence(segments=segments)
        column = _column(report, point)
        bins = tuple(MovedBin(_named(column, bin_.label, point), bin_.reference, bin_.current) for bin_ in column.moved)
        rows, no_rows = self._attempt("rows", self._rows, lambda source: sample_rows(source, column, point))
        links, no_page = self._link(report, point)
        return Evidence(bins[:_TOP], segments, rows, links, no_rows + no_page)

    def _attempt(
        self, what: str, source: _Source | None, find: Callable[[_Source], tuple[str, ...]]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what was found, and a note when nothing could be."""
        if source is None:
            return (), ()
        if self._reads != self._reader.reads:
            self._reads, self._spent = self._reader.reads, Counter()
        self._spent[what] += 1
        if self._spent[what] > _MOST:
            return (), (f"no {what}: only {_MOST} alerts get some at a time",)
        try:
            return find(source), ()
        except (MlrtError, ValueError, OSError) as error:
            return (), (f"no {what}: {error}",)

    def _link(self, report: DriftReport, point: Point) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return where the page of a window is, after writing it if it is not there; and a note when it cannot be."""
        if self._pages is None:
            return (), ()
        labels = {name: value for name, value in sorted(point.labels.items()) if name != "column"}
        name = sha256_bytes(canonical_json([point.span.to_dict(), labels]))[:16] + ".html"
        path = self._pages / name
        link = (f"{self._address.rstrip('/')}/{name}" if self._address else str(path),)

        def write(path: Path) -> tuple[str, ...]:
            from mlops_runtime.monitoring.report.html import render_html  # plotly, for those who ask for pages

            words = ", ".join(f"{key} {value}" for key, value in labels.items())
            title = f"Drift {point.span.start:%Y-%m-%d %H:%M} – {point.span.end:%Y-%m-%d %H:%M} UTC"
            render_html(report, path, title=f"{title}: {words}" if words else title)
            return link

        return (link, ()) if path.exists() else self._attempt("page", path, write)


def _column(report: DriftReport, point: Point) -> ColumnDrift:
    """Return the column that a point is about, or the worst one for a point about the whole data set."""
    name = point.labels.get("column")
    return report.columns[0] if name is None else report.column(name)


def _named(column: ColumnDrift, label: str, point: Point) -> str:
    return label if "column" in point.labels else f"{column.name} {label}"
