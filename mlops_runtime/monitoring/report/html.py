"""The drift report as one self-contained page: it opens offline, and nothing in the data can become code in it.

Text goes through Jinja's autoescaping; plots are JSON in an inert script element, with `<`, `>` and `&` written as
escapes; labels are escaped once more for plotly, which reads a little HTML in text. A content security policy forbids
every request.
"""

from __future__ import annotations

from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from mlops_runtime.core.durable import durable_write
from mlops_runtime.monitoring.report.drift import DriftReport, write_p
from mlops_runtime.monitoring.report.figures import figures_of
from mlops_runtime.monitoring.report.timeline import Timeline
from mlops_runtime.monitoring.report.together import TOGETHER, together_level, together_rows
from mlops_runtime.monitoring.report.verdicts import each_in_words, level_in_words
from mlops_runtime.monitoring.statistics.effects import percent

__all__ = ["render_html"]

_TEMPLATE = Path(__file__).with_name("drift.html.j2")


def render_html(found: DriftReport | Timeline, path: Path, *, title: str = "Drift report") -> None:
    """Write a report, with its timeline if there is one, as an HTML page, durably.

    The page has about 5 MB, of which plotly.js is nearly all. Raises ConfigError when `path` cannot be written.
    """
    timeline = found if isinstance(found, Timeline) else Timeline(found)
    figures, multivariate = figures_of(timeline), timeline.total.multivariate
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters.update(percent=_percent, number=_number, p_value=write_p)
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        report=timeline.total,
        timeline=timeline,
        level=level_in_words(timeline.total),
        each_level=each_in_words(timeline.total),
        together=None if multivariate is None else list(together_rows(multivariate)),
        together_level=None if multivariate is None else together_level(multivariate),
        together_headers=TOGETHER,
        figures=figures,
        figures_json=jinja2.utils.htmlsafe_json_dumps(figures),
        plotly_js=get_plotlyjs(),
    )
    durable_write(Path(path), page.encode())


def _percent(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
