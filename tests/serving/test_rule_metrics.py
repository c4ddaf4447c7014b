"""Rules exported for Prometheus read metrics and labels that a real server exposes."""

from __future__ import annotations

import re
import urllib.request
from datetime import timedelta

from mlops_runtime.monitoring.rules.document import RuleSet
from mlops_runtime.monitoring.rules.prometheus import export_rules

SERVED = ("psi", "drifted", "share_drifted", "rows")
ADDED_BY_PROMETHEUS = {"job", "instance"}


def test_a_server_exposes_what_exported_rules_read(server, rows):
    from mlops_runtime.serving.client import Client

    with Client(server.url) as client:
        client.infer("claims", rows)
    with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
        text = answer.read().decode()
    labels: dict[str, set[str]] = {}
    for name, inner in re.findall(r"^(\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
        labels.setdefault(name, set()).update(re.findall(r'(\w+)="', inner))
    entries = [f"{{name: {metric}, metric: {metric}, when: {{above: 0, min_rows: 1}}}}" for metric in SERVED]
    entries.append("{name: errors, metric: server_error_share, when: {above: 0}}")
    exported = export_rules(RuleSet.from_yaml(f"rules: [{', '.join(entries)}]"), window=timedelta(minutes=5))
    assert len(exported.rules) == len(entries)
    for rule in exported.rules:
        names = re.findall(r"(?:mlrt|nv)_\w+", rule.to_dict()["expr"])
        assert names
        assert set(names) <= set(labels), f"{rule.rule.name} reads {names}"
        own = set(rule.metric.labels or ()) - ADDED_BY_PROMETHEUS
        assert own <= labels[names[0]]
    assert "code" in labels["mlrt_http_responses_total"]
