"""Queues and sinks: bounded, in order, at their own pace, over real connections to this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from alert_cases import hour, point, rules

from mlops_runtime.core.errors import ConfigError, DataError, PolicyError, UnavailableError
from mlops_runtime.monitoring.alerts.alert import Notification
from mlops_runtime.monitoring.alerts.delivery import Couriers, deliver
from mlops_runtime.monitoring.alerts.engine import AlertEngine
from mlops_runtime.monitoring.alerts.outbox import Outbox
from mlops_runtime.monitoring.alerts.sinks.log import LogSink
from mlops_runtime.monitoring.alerts.sinks.opening import open_sinks
from mlops_runtime.monitoring.alerts.sinks.signing import signed_headers, verify_webhook
from mlops_runtime.monitoring.alerts.sinks.transport import post
from mlops_runtime.monitoring.rules.sinks import Secret

SECRET = "whsec_bWxydC1leGFtcGxlLXNlY3JldA=="
HIGH = "name: high, metric: psi, when: {above: 0.25}"
HOOK = "sinks:\n  webhook:\n    - {{url: '{url}', secret: {{env: HOOK_SECRET}}, queue: {queue}}}"


class Receiver(ThreadingHTTPServer):
    """A receiver of webhooks on this machine. answers: statuses for the next requests, then 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", self.server.url + "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _hooked(tmp_path, url, monkeypatch, *, queue=1000):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    rule_set = rules(HIGH, HOOK.format(url=url, queue=queue))
    return AlertEngine(rule_set, tmp_path), open_sinks(rule_set, tmp_path)["webhook"]


def _fire(engine, window):
    engine.observe([point(window, 0.3, column=str(window))], now=hour(window + 1))


def test_a_webhook_gets_a_signed_notification(tmp_path, receiver, monkeypatch):
    engine, sink = _hooked(tmp_path, receiver.url + "/hook?x=1", monkeypatch)
    _fire(engine, 0)
    assert deliver(engine.outboxes["webhook"], sink).sent == 1
    ((path, headers, body),) = receiver.got
    assert path == "/hook?x=1"
    assert verify_webhook(body, headers, SECRET) == json.loads(body)["id"]
    assert json.loads(body)["alerts"][0]["state"] == "firing"


def test_a_sink_that_fails_gets_the_same_notification_again_and_in_order(tmp_path, receiver, monkeypatch):
    engine, sink = _hooked(tmp_path, receiver.url, monkeypatch)
    for window in range(3):
        _fire(engine, window)
    receiver.answers = [503]
    first = deliver(engine.outboxes["webhook"], sink)
    assert (first.sent, first.waiting) == (0, 3)
    assert "503" in first.error
    assert deliver(engine.outboxes["webhook"], sink).sent == 3
    sent = [json.loads(body)["id"] for _, _, body in receiver.got]
    assert sent[0] == sent[1]
    columns = [json.loads(body)["alerts"][0]["labels"]["column"] for _, _, body in receiver.got]
    assert columns == ["0", "0", "1", "2"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver, status):
    receiver.answers = [status]
    with pytest.raises(UnavailableError, match="redirects are not followed"):
        post(receiver.url + "/here", b"{}", {}, timeout_s=5)
    assert [path for path, _, _ in receiver.got] == ["/here"]


def test_what_a_sink_will_never_take_is_put_aside_and_the_rest_goes_on(tmp_path, receiver, monkeypatch):
    engine, sink = _hooked(tmp_path, receiver.url, monkeypatch)
    _fire(engine, 0)
    _fire(engine, 1)
    receiver.answers = [422]
    done = deliver(engine.outboxes["webhook"], sink)
    assert (done.sent, done.refused, done.waiting) == (1, 1, 0)
    assert len(list((tmp_path / "outbox" / "webhook" / "refused").iterdir())) == 1


def test_an_error_does_not_show_the_path_of_an_address(receiver):
    receiver.answers = [500]
    with pytest.raises(UnavailableError) as caught:
        post(receiver.url + "/services/T000/secret", b"{}", {}, timeout_s=5)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://[fe80::1]/",
        "http://0.0.0.0:9/",
        "http://224.0.0.1/",
        "http://127.9.9.9/",
    ],
)
def test_addresses_that_no_webhook_has_are_not_asked(url):
    with pytest.raises(UnavailableError, match="an address that webhooks must not reach"):
        post(url, b"{}", {}, timeout_s=1)


def test_a_full_queue_keeps_its_bound_and_tells_later_what_it_lost(tmp_path, receiver, monkeypatch):
    engine, sink = _hooked(tmp_path, receiver.url, monkeypatch, queue=2)
    outbox = engine.outboxes["webhook"]
    for window in range(5):
        _fire(engine, window)
    assert (len(outbox.waiting()), outbox.lost) == (2, 3)
    assert deliver(outbox, sink).sent == 2
    engine.observe([], now=hour(6))
    assert deliver(outbox, sink).sent == 1
    summary = json.loads(receiver.got[-1][2])
    assert summary["overflow"] == 3
    assert {alert["labels"]["column"] for alert in summary["alerts"]} == set("01234")
    assert outbox.lost == 0


def test_a_dead_sink_holds_up_neither_rounds_nor_other_sinks(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    closed = Receiver()
    closed.server_close()
    rule_set = rules(HIGH, HOOK.format(url=closed.url, queue=10) + "\n  log:\n    - {}")
    engine = AlertEngine(rule_set, tmp_path)
    with Couriers(engine.outboxes, open_sinks(rule_set, tmp_path)) as couriers:
        for window in range(3):
            _fire(engine, window)
            couriers.wake()
        done = couriers.settle(30)
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 3
    assert len(engine.outboxes["webhook"].waiting()) == 3
    assert done["webhook"].error


def test_a_courier_tries_again_until_the_sink_is_back(tmp_path, receiver, monkeypatch):
    engine, sink = _hooked(tmp_path, receiver.url, monkeypatch)
    receiver.answers = [503]
    _fire(engine, 0)
    with Couriers(engine.outboxes, {"webhook": sink}) as couriers:
        assert couriers.settle(30)["webhook"].waiting == 1
        deadline = time.monotonic() + 30
        while engine.outboxes["webhook"].waiting():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert len({json.loads(body)["id"] for _, _, body in receiver.got}) == 1
    assert len(receiver.got) == 2


def test_couriers_deliver_what_an_earlier_process_left(tmp_path):
    rule_set = rules(HIGH)
    _fire(AlertEngine(rule_set, tmp_path), 0)
    engine = AlertEngine(rule_set, tmp_path)
    with Couriers(engine.outboxes, open_sinks(rule_set, tmp_path)) as couriers:
        assert couriers.settle(30)["log"].sent == 1


def test_without_its_secret_nothing_is_sent_and_all_of_it_waits(tmp_path, receiver, monkeypatch):
    engine, sink = _hooked(tmp_path, receiver.url, monkeypatch)
    monkeypatch.delenv("HOOK_SECRET")
    _fire(engine, 0)
    done = deliver(engine.outboxes["webhook"], sink)
    assert (done.sent, done.waiting, receiver.got) == (0, 1, [])
    assert "HOOK_SECRET" in done.error


def _message(body=b"{}", secrets=(SECRET,), age_s=0.0):
    return signed_headers("ntf_1", body, list(secrets), at=hour(0) - timedelta(seconds=age_s))


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        (_message(age_s=301), b"{}", SECRET),
        (_message(age_s=-301), b"{}", SECRET),
        (_message(), b"{ }", SECRET),
        (_message(), b"{}", "another secret of some length"),
        (_message() | {"webhook-id": "ntf_2"}, b"{}", SECRET),
        (_message() | {"webhook-timestamp": "x"}, b"{}", SECRET),
        ({}, b"{}", SECRET),
    ],
    ids=["old", "of the future", "altered", "another secret", "another id", "no time", "unsigned"],
)
def test_a_message_that_is_not_genuine_and_fresh_is_refused(headers, body, secret):
    assert verify_webhook(b"{}", _message(age_s=299), SECRET, now=hour(0)) == "ntf_1"
    with pytest.raises(PolicyError, match="webhook: expected"):
        verify_webhook(body, headers, secret, now=hour(0))


def test_a_secret_is_replaced_without_a_gap():
    old, new = "the old secret, long enough", SECRET
    headers = _message(secrets=(new, old))
    for secret in (old, new):
        assert verify_webhook(b"{}", headers, secret, now=hour(0)) == "ntf_1"


@pytest.mark.parametrize("secret", ["short", "whsec_AAAA", "whsec_not base64 at all!"])
def test_a_weak_secret_is_refused(secret):
    with pytest.raises(ConfigError, match="at least 16 bytes"):
        _message(secrets=(secret,))


def test_a_secret_is_read_from_a_file_with_one_on_each_line(tmp_path):
    path = tmp_path / "secret"
    path.write_text("new\nold\n")
    assert Secret(file=str(path)).read() == ("new", "old")


def test_a_log_line_that_a_crash_cut_off_is_ended_before_the_next(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_text('{"id": "ntf_')
    LogSink(path).send(Notification.of({}, [], hour(0)))
    assert [line[:8] for line in path.read_text().splitlines()] == ['{"id": "', '{"alerts']


def test_a_queued_file_that_is_no_notification_is_put_aside(tmp_path):
    outbox = Outbox(tmp_path, capacity=3)
    (tmp_path / "00000000000000000001-ntf_x.json").write_text("[]")
    with pytest.raises(DataError, match="expected a notification"):
        outbox.read(outbox.waiting()[0])
    assert deliver(outbox, LogSink(tmp_path / "log")).refused == 1


def test_the_same_notification_under_one_number_is_queued_once(tmp_path):
    outbox, note = Outbox(tmp_path, capacity=3), Notification.of({}, [], hour(0))
    assert outbox.put(note, 1)
    assert outbox.put(note, 1)
    assert len(outbox.waiting()) == 1
