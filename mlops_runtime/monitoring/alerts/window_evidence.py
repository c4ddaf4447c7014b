"""The evidence of alerts about windows: bins from the drift report, segments from its neighbours, rows, and a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlops_runtime.core.digest import canonical_json, sha256_bytes
from mlops_runtime.monitoring.alerts.evidence import Evidence, MovedBin, top_segments
from mlops_runtime.monitoring.alerts.reading import WindowReader
from mlops_runtime.monitoring.alerts.rows import RowSource, sample_rows
from mlops_runtime.monitoring.points import Point
from mlops_runtime.monitoring.report.drift import ColumnDrift, DriftReport
from mlops_runtime.monitoring.rules.document import Rule

__all__ = ["WindowEvidence"]

_TOP = 5


class WindowEvidence:
    """Evidence for points of a reader's windows; for others, segments alone.

    pages: folder for one HTML report a window, which alerts link; None writes none. address: of that folder for those
    who read the alerts; by default its path. rows: where the rows themselves lie.
    """

    def __init__(
        self, reader: WindowReader, *, pages: Path | None = None, address: str = "", rows: RowSource | None = None
    ) -> None:
        self._reader = reader
        self._pages = pages
        self._address = address
        self._rows = rows

    def __call__(self, rule: Rule, point: Point, beside: Sequence[Point]) -> Evidence:
        """Return what is known of a point. beside: all points of windows that end when its own does."""
        segments = top_segments(rule, point, beside)
        report = self._reader.report_of(point)
        if report is None:
            return Evidence(segments=segments)
        column = _column(report, point)
        bins = tuple(MovedBin(_named(column, bin_.label, point), bin_.reference, bin_.current) for bin_ in column.moved)
        rows = sample_rows(self._rows, column, point) if self._rows else ()
        return Evidence(bins[:_TOP], segments, rows, self._links(report, point))

    def _links(self, report: DriftReport, point: Point) -> tuple[str, ...]:
        if self._pages is None:
            return ()
        from mlops_runtime.monitoring.report.html import render_html  # plotly and jinja2, for those who ask for pages

        labels = {name: value for name, value in sorted(point.labels.items()) if name != "column"}
        name = sha256_bytes(canonical_json([point.span.to_dict(), labels]))[:16] + ".html"
        path = self._pages / name
        if not path.exists():
            words = ", ".join(f"{key} {value}" for key, value in labels.items())
            title = f"Drift {point.span.start:%Y-%m-%d %H:%M} – {point.span.end:%Y-%m-%d %H:%M} UTC"
            render_html(report, path, title=f"{title}: {words}" if words else title)
        return (f"{self._address.rstrip('/')}/{name}" if self._address else str(path),)


def _column(report: DriftReport, point: Point) -> ColumnDrift:
    """Return the column that a point is about, or the worst one for a point about the whole data set."""
    name = point.labels.get("column")
    return report.columns[0] if name is None else report.column(name)


def _named(column: ColumnDrift, label: str, point: Point) -> str:
    return label if "column" in point.labels else f"{column.name} {label}"
