"""A real Prometheus scrapes a real server, judges it by generated rules, and its alert reaches a real Alertmanager."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_runtime.serving.client import Client

PATIENCE_S = 60.0
RULES = """
rules:
  - {name: column-drifted, metric: drifted, labels: {column: '*'}, summary: 'column {column} has drifted'}
  - {name: many-drifted, metric: share_drifted, when: {above: 0.9, min_rows: 30}}
  - {name: psi-rose, metric: psi, labels: {column: age}, when: {rises_by: 0.1}}
"""
PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yaml]
scrape_configs: [{{job_name: mlrt, static_configs: [{{targets: ['{server}']}}]}}]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}
"""
ALERTMANAGER = "route: {receiver: nobody, group_wait: 0s}\nreceivers: [{name: nobody}]\n"


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def running(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def get(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
        return json.load(answer)


def until(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except OSError:
            pass  # it is still starting
        time.sleep(0.1)
    pytest.fail(f"not in time: {what}")


@pytest.fixture
def stack(tmp_path: Path, serve: Any, bundles: Any) -> Iterator[tuple[Any, str, str]]:
    """A server, and the addresses of the Prometheus that scrapes it and of the Alertmanager that this tells."""
    if shutil.which("prometheus") is None or shutil.which("prometheus-alertmanager") is None:
        pytest.skip(
            "no prometheus and prometheus-alertmanager"
            " — apt-get install -y --no-install-recommends prometheus prometheus-alertmanager"
        )
    server, prometheus, alertmanager = serve(str(bundles[0])), free_address(), free_address()
    (tmp_path / "own-rules.yaml").write_text(RULES)
    export = ("monitor", "rules", str(tmp_path / "own-rules.yaml"), "--prometheus", str(tmp_path / "rules.yaml"))
    subprocess.run([sys.executable, "-m", "mlops_runtime.cli", *export, "--json"], check=True, stdout=subprocess.PIPE)
    config = PROMETHEUS.format(server=server.address, alertmanager=alertmanager)
    (tmp_path / "prometheus.yaml").write_text(config)
    (tmp_path / "alertmanager.yaml").write_text(ALERTMANAGER)
    with (
        running(
            "prometheus-alertmanager",
            f"--config.file={tmp_path / 'alertmanager.yaml'}",
            f"--storage.path={tmp_path / 'alerts'}",
            f"--web.listen-address={alertmanager}",
            "--cluster.listen-address=",
        ),
        running(
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yaml'}",
            f"--storage.tsdb.path={tmp_path / 'series'}",
            f"--web.listen-address={prometheus}",
        ),
    ):
        until(lambda: get(alertmanager, "/api/v2/status"), "Alertmanager answers")
        yield server, prometheus, alertmanager


def test_drift_of_a_server_reaches_alertmanager_through_prometheus_and_ends_with_a_reset(
    stack: tuple[Any, str, str], rows: pa.Table, make_people: Callable[..., pa.Table]
) -> None:
    server, prometheus, alertmanager = stack

    def value(expression: str) -> float | None:
        found = get(prometheus, "/api/v1/query?" + urllib.parse.urlencode({"query": expression}))["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def alerts() -> set[tuple[str, str | None]]:
        found = get(alertmanager, "/api/v2/alerts?active=true")
        return {(one["labels"]["alertname"], one["labels"].get("column")) for one in found}

    with Client(server.url) as client:
        client.infer("claims", rows)
        until(lambda: value(f"mlrt_drift_rows == {rows.num_rows}"), "Prometheus scrapes the server")
        groups = get(prometheus, "/api/v1/rules")["data"]["groups"]
        until(lambda: value("sum(mlrt_drift_drifted) == bool 0"), "nothing has drifted")
        assert alerts() == set()
        client.infer("claims", make_people(1000, seed=3, age=60.0).drop_columns(["claim"]))
        until(lambda: ("column-drifted", "age") in alerts(), "the alert reaches Alertmanager")
        assert ("column-drifted", "city") not in alerts()
    assert [rule["name"] for rule in groups[0]["rules"]] == ["column-drifted", "many-drifted", "psi-rose"]
    reset = urllib.request.Request(f"{server.url}/v1/models/claims/drift/reset", b"", method="POST")
    urllib.request.urlopen(reset, timeout=30).close()
    until(lambda: value('count(ALERTS{alertname="column-drifted"}) or vector(0)') == 0, "it ends with the reset")
    groups = get(prometheus, "/api/v1/rules")["data"]["groups"]
    assert {rule["health"] for rule in groups[0]["rules"]} == {"ok"}
