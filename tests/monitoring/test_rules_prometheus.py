"""Rules for Prometheus: the real promtool takes them, and in its unit tests they fire when ours would."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta

import pytest
import yaml
from alert_cases import point, rules

from mlops_runtime.monitoring.alerts.textfile import write_textfile
from mlops_runtime.monitoring.rules.document import default_rules
from mlops_runtime.monitoring.rules.prometheus import export_rules
from mlops_runtime.monitoring.rules.prometheus_tests import promtool_tests

FIVE_MINUTES = timedelta(minutes=5)
EVERY_KIND = """
name: a, metric: psi, labels: {column: [age, 'in"come'], model: 'a\\b'}, when: {above: 0.25, clear: 0.2, min_rows: 9}
name: b, metric: drifted, labels: {column: '*', version: {not: '2'}}, for: 3 windows, keep_firing_for: 15m
name: c, metric: share_drifted, when: {above: 0.3}, window: 1h, for: 2 windows, summary: '{value}% {rule} {severity}'
name: d, metric: rows, labels: {model: claims}, when: {below: 100}, for: 10m, missing: {after: 1h}
name: e, metric: server_error_share, when: {above: 0.9, clear: 0.5}, for: 5m, keep_firing_for: 10m
name: f, metric: auc, when: {below: 0.7, clear: 0.75, confident: true, min_rows: 50}, for: 1h, severity: info
name: g, metric: anomaly_score, labels: {tenant: {not: [a, b]}}, when: {above: -3}, summary: '{tenant} {missing}'
name: h, metric: rmse, when: {above: 1.0e+7, confident: true}
name: i, metric: auc, when: {falls_by: 0.1, clear: 0.05, confident: true, min_rows: 50}, for: 2 windows
name: j, metric: log_loss, when: {rises_by: 15%, clear: 8%, over: 7}, for: 10m, keep_firing_for: 20m, window: 1h
name: k, metric: psi, labels: {column: age}, when: {rises_by: 0.2}
"""


def _promtool(*words):
    if shutil.which("promtool") is None:
        pytest.skip("no promtool — apt-get install -y --no-install-recommends prometheus")
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def _write(folder, exported):
    (folder / "rules.yaml").write_text(exported.to_yaml(), encoding="utf-8")
    (folder / "test.yaml").write_text(promtool_tests(exported, "rules.yaml"), encoding="utf-8")
    return folder / "rules.yaml", folder / "test.yaml"


@pytest.mark.parametrize("rule_set", [default_rules(), rules(EVERY_KIND)], ids=["the default", "one of every kind"])
def test_promtool_takes_the_rules_and_their_unit_tests(tmp_path, rule_set):
    exported = export_rules(rule_set, window=FIVE_MINUTES)
    file, tests = _write(tmp_path, exported)
    assert len(yaml.safe_load(tests.read_text())["tests"]) == len(exported.rules) > 0
    code, words = _promtool("check", "rules", file)
    assert code == 0, words
    assert "SUCCESS" in words
    assert "lint error" not in words
    code, words = _promtool("test", "rules", tests)
    assert code == 0, words


@pytest.mark.parametrize(
    ("given", "changed"), [("> 0.25", "> 0.75"), ("> 0.25", "> -1"), ("for: 10m", "for: 20m"), ("model", "modem")]
)
def test_the_unit_tests_fail_when_a_rule_is_changed(tmp_path, given, changed):
    text = (
        "name: a, metric: psi, labels: {column: age}, when: {above: 0.25, clear: 0.2}, for: 10m, summary: 'of {model}'"
    )
    file, tests = _write(tmp_path, export_rules(rules(text), window=FIVE_MINUTES))
    assert _promtool("test", "rules", tests)[0] == 0
    assert given in file.read_text()
    file.write_text(file.read_text().replace(given, changed))
    assert _promtool("test", "rules", tests)[0] == 1


def test_hysteresis_holds_a_prometheus_alert_as_it_holds_ours(tmp_path):
    file, _ = _write(
        tmp_path, export_rules(rules("name: a, metric: psi, when: {above: 0.25, clear: 0.2}"), window=FIVE_MINUTES)
    )
    series = {"series": 'mlrt_drift_psi{model="m", version="1", column="x"}', "values": "0.22x4 0.3x4 0.22x9 0.1x4"}
    labels = {"model": "m", "version": "1", "column": "x", "severity": "warning"}
    fires = [{"exp_labels": labels, "exp_annotations": {"summary": "psi is 0.22"}}]
    moments = {"4m": [], "18m": fires, "20m": []}
    checks = [{"eval_time": at, "alertname": "a", "exp_alerts": alerts} for at, alerts in moments.items()]
    test = {"interval": "1m", "input_series": [series], "alert_rule_test": checks}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"rule_files": [file.name], "tests": [test]}))
    code, words = _promtool("test", "rules", tmp_path / "own.yaml")
    assert code == 0, words


def test_a_change_is_judged_by_the_median_past_and_not_before_there_are_five_windows(tmp_path):
    rule = "name: a, metric: auc, when: {falls_by: 0.1, over: 10}, summary: '{value}'"
    file, _ = _write(tmp_path, export_rules(rules(rule), window=FIVE_MINUTES))
    values = {"early": "0.9x11 0.7x80", "late": "0.9+0x60 0.7+0x80"}
    series = [{"series": f'mlrt_monitor_auc{{model="{name}"}}', "values": one} for name, one in values.items()]
    fires = {"exp_labels": {"model": "late", "severity": "warning"}, "exp_annotations": {"summary": "0.7"}}
    moments = {"15m": [], "59m": [], "62m": [fires], "80m": [fires], "100m": []}
    checks = [{"eval_time": at, "alertname": "a", "exp_alerts": alerts} for at, alerts in moments.items()]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": checks}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"rule_files": [file.name], "tests": [test]}))
    code, words = _promtool("test", "rules", tmp_path / "own.yaml")
    assert code == 0, words


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("name: a, metric: psi, labels: {tenant: t}, when: {above: 1}", "`psi` of the server has no label tenant"),
        ("name: a, metric: psi, when: {above: 1, confident: true}", "the server exposes no interval of `psi`"),
    ],
)
def test_what_prometheus_cannot_say_is_named_in_the_file(rule, reason):
    exported = export_rules(rules(rule), window=FIVE_MINUTES)
    assert exported.rules == ()
    assert f"# not here: a: {reason}" in exported.to_yaml()


def test_promtool_takes_the_metrics_of_a_textfile(tmp_path):
    points = [point(0, 0.8, metric="auc", model="m"), point(0, 0.3, column='a"b\n', **{"claim type": "x"})]
    write_textfile(points, tmp_path / "points.prom")
    text = (tmp_path / "points.prom").read_text()
    assert 'mlrt_monitor_auc{model="m"} 0.8\n' in text
    assert 'mlrt_monitor_auc_n{model="m"} 1000.0\n' in text
    assert 'mlrt_monitor_psi{claim_type="x",column="a\\"b\\n"} 0.3\n' in text
    if shutil.which("promtool") is not None:
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True, capture_output=True)


def test_the_rules_that_ship_for_prometheus_are_those_of_the_default(repository):
    folder, exported = repository / "deploy" / "prometheus", export_rules(default_rules(), window=FIVE_MINUTES)
    hint = "make it anew: mlrt monitor rules --prometheus deploy/prometheus/rules.yaml"
    assert (folder / "rules.yaml").read_text(encoding="utf-8") == exported.to_yaml(), hint
    assert (folder / "rules.test.yaml").read_text(encoding="utf-8") == promtool_tests(exported, "rules.yaml"), hint
