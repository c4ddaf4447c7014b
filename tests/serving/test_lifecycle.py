"""From the ready line to exit 0: nothing is bound that should not be, nothing is dropped that was accepted."""

from __future__ import annotations

import http.client
import json
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv

from mlops_runtime.cli.main import run
from mlops_runtime.registry import Bundle, Model
from mlops_runtime.serving.client import Client


def body_of(rows: pa.Table) -> bytes:
    inputs = [
        {"name": name, "datatype": datatype, "shape": [rows.num_rows], "data": rows.column(name).cast(kind).to_pylist()}
        for name, datatype, kind in (
            ("age", "FP64", pa.float64()),
            ("hours", "FP64", pa.float64()),
            ("city", "BYTES", pa.string()),
            ("joined", "BYTES", pa.string()),
        )
    ]
    return json.dumps({"inputs": inputs}).encode()


def test_sigterm_under_load_answers_every_request_it_accepted(
    serve: Any, bundles: tuple[Path, Path], models: tuple[Model, Model], rows: pa.Table
) -> None:
    running = serve(str(bundles[0]), "--drain-seconds", "2")
    body = body_of(rows.slice(0, 8))
    expected = models[0].score(rows.slice(0, 8)).probability.ravel().tolist()
    failed: list[object] = []
    answered = [0] * 8

    def load(slot: int) -> None:
        connection = http.client.HTTPConnection(running.address, timeout=30)
        try:
            told_to_leave = False
            while not told_to_leave:
                connection.request("POST", "/v2/models/claims/infer", body)
                response = connection.getresponse()
                assert json.loads(response.read())["outputs"][1]["data"] == expected
                answered[slot] += 1
                told_to_leave = response.headers.get("connection") == "close"
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=load, args=(slot,)) for slot in range(8)]
    for thread in threads:
        thread.start()
    while min(answered) < 5 and not failed:
        time.sleep(0.01)
    assert running.stop() == 0
    for thread in threads:
        thread.join()
    assert failed == []
    assert min(answered) > 5


def test_readiness_turns_false_before_the_end_and_every_answer_says_close(
    serve: Any, bundles: tuple[Path, Path]
) -> None:
    running = serve(str(bundles[0]), "--drain-seconds", "2")
    running.process.terminate()
    deadline_s = time.monotonic() + 5
    status = 0
    while status != 503:
        assert time.monotonic() < deadline_s
        connection = http.client.HTTPConnection(running.address, timeout=10)
        connection.request("GET", "/v2/health/ready")
        response = connection.getresponse()
        status = response.status
        response.read()
        connection.close()
    assert response.headers["connection"] == "close"
    assert running.process.wait(10) == 0


def test_what_was_counted_is_flushed_and_logged_at_the_end(
    serve: Any, bundles: tuple[Path, Path], rows: pa.Table
) -> None:
    running = serve(str(bundles[0]), MLRT_LOG_LEVEL="INFO", MLRT_LOG_FORMAT="json")
    with Client(running.url) as client:
        for size in (1, 2, 3, 64):
            client.infer("claims", rows.slice(0, size), request_id=f"size {size}")
    assert running.stop() == 0
    lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    access = [line for line in lines if line["message"] == "request" and line["path"].endswith("/infer")]
    assert [(line["status"], line["rows"], line["id"], line["version"]) for line in access] == [
        (200, size, f"size {size}", "1") for size in (1, 2, 3, 64)
    ]
    final = next(line for line in lines if line["message"] == "drift at the end")
    assert (final["model"], final["rows"]) == ("claims", 70)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_an_address_that_is_not_loopback_is_refused(bundles: tuple[Path, Path], address: str, capsys: Any) -> None:
    assert run(["serve", str(bundles[0]), "--http", address]) == 3
    assert "--insecure" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:99999", "127.0.0.1:http", ":8000"])
def test_an_unusable_address_is_wrong_usage(bundles: tuple[Path, Path], address: str, capsys: Any) -> None:
    assert run(["serve", str(bundles[0]), "--http", address]) == 2
    assert "HOST:PORT" in capsys.readouterr().err


def test_a_taken_port_and_an_unknown_bundle_are_said_plainly(
    bundles: tuple[Path, Path], home: Path, capsys: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["serve", str(bundles[0]), "--http", f"127.0.0.1:{port}"]) == 2
        assert "port 0 takes a free one" in capsys.readouterr().err
    assert run(["serve", "no/such/bundle", "--http", "127.0.0.1:0"]) == 2
    assert run(["serve", "claims@production", "--http", "127.0.0.1:0"]) == 1
    assert run(["serve", str(bundles[0]), str(bundles[1]), "--http", "127.0.0.1:0"]) == 2
    assert "NEW_NAME=BUNDLE" in capsys.readouterr().err


def test_a_bundle_with_one_flipped_bit_is_not_served(bundles: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    copy = shutil.copytree(bundles[0], tmp_path / "copy")
    content = bytearray((copy / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.onnx").write_bytes(content)
    assert run(["serve", str(copy), "--http", "127.0.0.1:0"]) == 1
    assert "model.onnx" in capsys.readouterr().err


def test_two_bundles_are_served_side_by_side_under_names_of_ones_choice(
    serve: Any, bundles: tuple[Path, Path], models: tuple[Model, Model], rows: pa.Table
) -> None:
    running = serve(str(bundles[0]), f"rival={bundles[1]}")
    with Client(running.url) as client:
        for name, model in (("claims", models[0]), ("rival", models[1])):
            answer = client.infer(name, rows)
            assert answer.model == name
            assert answer.outputs["probability"].tobytes() == model.score(rows).probability.tobytes()


def test_the_banner_ends_with_a_curl_command_that_works(bundles: tuple[Path, Path]) -> None:

    command = [sys.executable, "-u", "-m", "mlops_runtime.cli", "serve", str(bundles[0]), "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        curl = next(line for line in process.stdout if line.startswith("curl "))
        answer = subprocess.run(shlex.split(curl), capture_output=True, check=True)
        process.terminate()
        assert process.wait(30) == 0
    assert json.loads(answer.stdout)["outputs"][0]["data"][0] in ("yes", "no")


@pytest.mark.parametrize(("target", "outputs"), [("hours", ["label"]), ("city", ["label", "probability"])])
def test_regression_and_many_classes_are_served_with_the_same_bits(
    serve: Any, make_people: Any, tmp_path: Path, target: str, outputs: list[str]
) -> None:
    table = make_people(1500, seed=5)
    csv.write_csv(table.filter(table.column(target).is_valid()), tmp_path / "people.csv")
    options = ["--target", target, "--model", "linear", "--name", "people", "-o", str(tmp_path / "bundle")]
    assert run(["train", str(tmp_path / "people.csv"), *options, "--json"]) in (0, 3)
    model = Model.load(Bundle.open(tmp_path / "bundle"))
    rows = make_people(40, seed=6).drop_columns([target])
    expected = model.score(rows)
    with Client(serve(str(tmp_path / "bundle")).url) as client:
        answer = client.infer("people", rows)
    assert list(answer.outputs) == outputs
    assert answer.outputs["label"].tolist() == list(expected.label)
    if target == "city":
        assert answer.outputs["probability"].tobytes() == expected.probability.tobytes()
