"""A monitor that a test kills: rounds over a fixed stream of points, delivered to a log, from where it was cut off."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from alert_cases import hour, point, rules

from mlops_runtime.monitoring.alerts.delivery import deliver
from mlops_runtime.monitoring.alerts.engine import AlertEngine
from mlops_runtime.monitoring.alerts.sinks.opening import open_sinks

RULES = rules("name: high, metric: psi, when: {above: 0.25, clear: 0.2}, for: 2 windows")
PERIOD = (0.1, 0.3, 0.3, 0.1)
HOURS = 60


def run(folder: Path) -> None:
    """Begin where the state says, so a round is repeated when the process died before its end."""
    engine, sinks = AlertEngine(RULES, folder), open_sinks(RULES, folder)
    for i in range(int(engine.cursor() or 0), HOURS):
        points = [point(i, PERIOD[(i + k) % 4], column=str(k)) for k in range(3)]
        engine.observe(points, now=hour(i + 1), cursor=str(i + 1))
        deliver(engine.outboxes["log"], sinks["log"])
    deliver(engine.outboxes["log"], sinks["log"])


if __name__ == "__main__":
    run(Path(sys.argv[1]))
