"""Alerts in a real Alertmanager: they fire, are grouped, and are resolved; over TLS as well."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from alert_cases import rules
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mlops_runtime.core import clock
from mlops_runtime.core.errors import UnavailableError
from mlops_runtime.monitoring.alerts.delivery import deliver
from mlops_runtime.monitoring.alerts.engine import AlertEngine
from mlops_runtime.monitoring.alerts.evidence import Evidence, MovedBin, Segment
from mlops_runtime.monitoring.alerts.sinks.opening import open_sinks
from mlops_runtime.monitoring.alerts.sinks.transport import post
from mlops_runtime.monitoring.points import Point, Span

PATIENCE_S = 30.0
HEAD = "sinks:\n  alertmanager:\n    - {{url: '{}'}}"
HIGH = "name: psi-high, metric: psi, when: {above: 0.25}, severity: critical, summary: 'psi of {column} is {value}'"


@pytest.fixture
def alertmanager(tmp_path) -> Iterator[str]:
    """The address of a real Alertmanager that groups by model."""
    if shutil.which("prometheus-alertmanager") is None:
        pytest.skip("no prometheus-alertmanager — apt-get install -y --no-install-recommends prometheus-alertmanager")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = tmp_path / "alertmanager.yml"
    config.write_text(
        "route: {receiver: nobody, group_by: [model], group_wait: 0s, group_interval: 1s}\n"
        "receivers: [{name: nobody}]\n"
    )
    command = ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={tmp_path / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _answers(url))
        yield url
    finally:
        process.kill()
        process.wait()


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "Alertmanager did not do it in time"
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return bool(_get(url + "/api/v2/status"))
    except OSError:
        return False


def _get(url: str):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def _point(value: float, minutes: float, column: str) -> Point:
    end = clock.now() + dt.timedelta(minutes=minutes)
    labels = {"model": "claims", "column": column, "claim type": "car"}
    return Point("psi", value, Span(end - dt.timedelta(minutes=1), end), 1000, labels=labels)


def _evidence(rule, point, beside) -> Evidence:
    """Of one column everything, of the others a page that has no address."""
    if point.labels["column"] != "age":
        return Evidence(links=("pages/x.html",))
    segment = Segment({"region": "north", "kind": "car"}, 0.9, 10, 0.6)
    return Evidence(
        (MovedBin("< 30", 0.1, 0.7),), (segment,), ("r1",), ("pages/x.html", "https://console.example.com/x")
    )


def test_alerts_fire_are_grouped_and_are_resolved_in_an_alertmanager(tmp_path, alertmanager):
    rule_set = rules(HIGH, HEAD.format(alertmanager))
    engine = AlertEngine(rule_set, tmp_path, evidence=_evidence)
    sink = open_sinks(rule_set, tmp_path)["alertmanager"]

    def tell(values: dict[str, float], minutes: float) -> None:
        engine.observe([_point(value, minutes, column) for column, value in values.items()])
        assert deliver(engine.outboxes["alertmanager"], sink).sent == 1

    tell({"age": 0.9, "income": 0.8, "city": 0.1}, minutes=-3)
    _until(lambda: len(_get(alertmanager + "/api/v2/alerts")) == 2)
    (group,) = [one for one in _get(alertmanager + "/api/v2/alerts/groups") if one["alerts"]]
    assert group["labels"] == {"model": "claims"}
    alert = next(one for one in group["alerts"] if one["labels"]["column"] == "age")
    assert alert["labels"] == {
        "alertname": "psi-high", "severity": "critical", "model": "claims", "column": "age", "claim_type": "car"
    }  # fmt: skip
    assert alert["status"]["state"] == "active"
    assert alert["annotations"]["summary"] == "psi of age is 0.9"
    assert alert["annotations"]["segments"] == "region=north, kind=car: 60%"
    assert alert["annotations"]["moved_bins"] == "< 30: 10.0% -> 70.0%"
    assert alert["generatorURL"] == "https://console.example.com/x"
    assert alert["annotations"]["alert_id"].startswith("alr_")
    ends = dt.datetime.fromisoformat(alert["endsAt"]) - clock.now()
    assert dt.timedelta(hours=35) < ends < dt.timedelta(hours=37)

    tell({"age": 0.1}, minutes=-1)
    _until(lambda: [one["labels"]["column"] for one in _get(alertmanager + "/api/v2/alerts")] == ["income"])


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def tls_server(tmp_path) -> Iterator[tuple[str, str]]:
    """A server over TLS on this machine: its port, and the file of its own certificate."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.OID_COMMON_NAME, "test")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(clock.now() - dt.timedelta(1)).not_valid_after(clock.now() + dt.timedelta(1))
    made = made.add_extension(names, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate, private = tmp_path / "ca.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield str(server.server_address[1]), str(certificate)
        server.shutdown()
        thread.join()


def test_a_certificate_is_trusted_when_it_is_named_and_its_host_is_right(tls_server):
    port, certificate = tls_server
    post(f"https://localhost:{port}/", b"{}", {}, timeout_s=5, ca_file=certificate)
    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        post(f"https://localhost:{port}/", b"{}", {}, timeout_s=5)
    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        post(f"https://127.0.0.1:{port}/", b"{}", {}, timeout_s=5, ca_file=certificate)
