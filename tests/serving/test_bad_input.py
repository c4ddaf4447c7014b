"""Hostile and mistaken requests over real sockets: the right status, a JSON error, and the next good one is right."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from mlops_runtime.registry import Model
from mlops_runtime.serving.client import Client

INFER = "/v2/models/claims/infer"
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _server_still_answers_rightly(server: Any, models: tuple[Model, Model], rows: pa.Table) -> Iterator[None]:
    yield
    with Client(server.url) as client:
        answer = client.infer("claims", rows.slice(0, 3))
    assert answer.outputs["probability"].tobytes() == models[0].score(rows.slice(0, 3)).probability.tobytes()


def post(server: Any, body: bytes, headers: dict[str, str] | None = None, path: str = INFER) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(server.address, timeout=60)
    connection.request("POST", path, body, headers or {})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def raw(server: Any, data: bytes) -> bytes:
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as link:
        link.sendall(data)
        answer = b""
        while piece := link.recv(65536):
            answer += piece
    return answer


def request(**replaced: Any) -> bytes:
    columns = {
        "age": ("FP64", 40.5),
        "hours": ("FP64", 30.0),
        "city": ("BYTES", "Dubai"),
        "joined": ("BYTES", "2020-01-01"),
    }
    inputs = {
        name: {"name": name, "datatype": datatype, "shape": [1], "data": [value]}
        for name, (datatype, value) in columns.items()
    }
    for name, fields in replaced.items():
        inputs[name] |= fields
    return json.dumps({"inputs": list(inputs.values())}).encode()


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ("`age`: expected datatype FP64, got BYTES", request(age={"datatype": "BYTES", "data": ["40"]})),
        ("shape", request(age={"shape": [1, 39]})),
        ("values", request(age={"shape": [2**61]})),
        ("shape", request(age={"shape": [10**9, 39]})),
        ("`hours`: expected 1 rows", request(hours={"shape": [2], "data": [1, 2]})),
        ("too large", request(hours={"data": [10**400]})),
        ("joined", request(joined={"data": ["yesterday"]})),
        ("`tenure`", request(age={"name": "tenure"})),
        ("valid JSON", b"\x80\x02}q\x00."[3:]),
        ("UTF-8", b"\x89PNG\r\n"),
        ("got nothing", b""),
        ("nesting", b"[" * 200_000),
    ],
)
def test_a_wrong_request_is_a_400_with_its_reason(server: Any, words: str, body: bytes) -> None:
    status, answer = post(server, body)
    assert status == 400
    assert words in answer["error"]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (400, {"Inference-Header-Content-Length": "-1"}, request()),
        (400, {"Inference-Header-Content-Length": "1e3"}, request()),
        (400, {"Inference-Header-Content-Length": "99999999"}, request()),
        (400, {"Inference-Header-Content-Length": "10"}, request()),
        (400, {"Content-Encoding": "gzip"}, request()),
        (400, {"Content-Encoding": "gzip"}, gzip.compress(request())[:-4]),
        (413, {"Content-Encoding": "gzip"}, gzip.compress(bytes(65 * MIB), 9)),
        (415, {"Content-Encoding": "br"}, request()),
        (413, {}, b"[" + b"1," * (5 * MIB)),
        (413, {}, bytes(65 * MIB)),
    ],
)
def test_wrong_framing_has_its_own_status(server: Any, status: int, headers: dict[str, str], body: bytes) -> None:
    got, answer = post(server, body, headers)
    assert got == status, answer
    assert answer["error"]


def test_unknown_paths_and_methods_are_json_errors(server: Any) -> None:
    assert post(server, b"", path="/v2/models/claims")[0] == 405
    assert post(server, b"", path="/v2/models/..%2f..%2fetc/infer")[0] == 404
    status, answer = post(server, b"", path="/nowhere/")
    assert (status, list(answer)) == (404, ["error"])


def test_contradictory_framing_is_refused_once(server: Any) -> None:
    body = request()
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n".encode()
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    answer = raw(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


def test_what_is_not_http_gets_a_json_400(server: Any) -> None:
    answer = raw(server, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert "error" in json.loads(answer.split(b"\r\n\r\n", 1)[1])


def test_a_chunked_body_of_single_bytes_is_read(server: Any) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in request()) + b"0\r\n\r\n"
    assert raw(server, head + chunks).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent", [b"", b"GET /v2 HT", b"POST /v2/models/claims/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_client_that_stops_sending_is_cut_off(shared_serve: Any, bundles: Any, sent: bytes) -> None:
    impatient = shared_serve(str(bundles[0]), "--timeout-seconds", "1")
    started_s = time.monotonic()
    answer = raw(impatient, sent)
    assert 0.5 < time.monotonic() - started_s < 10
    assert answer.startswith(b"HTTP/1.1 408")


def test_a_client_that_leaves_early_harms_nobody(server: Any) -> None:
    host, port = server.address.split(":")
    for sent in (b"POST /v2", f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{".encode()):
        with socket.create_connection((host, int(port))) as link:
            link.sendall(sent)


def test_hostile_sizes_do_not_grow_the_process_without_bound(server: Any) -> None:
    before = server.peak_bytes
    for body in (
        b'{"inputs":[' + b"[]," * (2 * MIB),
        b"[" + b"1.5," * (2 * MIB),
        bytes(64 * MIB),
        gzip.compress(bytes(64 * MIB)),
    ):
        headers = {"Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
        for _ in range(3):
            assert post(server, body, headers)[0] in (400, 413)
    assert server.peak_bytes - before < 600 * MIB
