"""What the server says about itself: every row counted, a planted shift found, metrics that Prometheus reads."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlops_runtime.core.errors import MlrtError
from mlops_runtime.monitoring.performance.estimate import ConfidenceEstimator
from mlops_runtime.registry import Model
from mlops_runtime.serving.client import Client


@pytest.fixture
def fresh(serve: Any, bundles: Any) -> Any:
    return serve(str(bundles[0]))


def post(running: Any, path: str) -> int:
    connection = http.client.HTTPConnection(running.address)
    connection.request("POST", path, b"")
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


_ORDER = ("model", "version", "column", "reason", "method", "code", "le", "metric", "bound")


def metrics_of(running: Any) -> dict[tuple[str, ...], float]:
    connection = http.client.HTTPConnection(running.address)
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    assert response.headers["content-type"].startswith("text/plain; version=")
    text = response.read().decode()
    connection.close()
    return {
        (
            sample.name.removesuffix("_total"),
            *(sample.labels[key] for key in sorted(sample.labels, key=_ORDER.index)),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_sixteen_threads_each_get_the_answer_to_their_own_rows_and_all_are_counted(
    fresh: Any, models: tuple[Model, Model], rows: pa.Table
) -> None:
    expected = models[0].score(rows).probability
    wrong: list[object] = []
    sent = [0] * 16

    def load(slot: int) -> None:
        with Client(fresh.url) as client:
            for turn in range(25):
                start, size = (slot * 29 + turn * 13) % 440, 1 + (slot + turn) % 64
                answer = client.infer("claims", rows.slice(start, size), request_id=f"{slot}/{turn}")
                same = answer.outputs["probability"].tobytes() == expected[start : start + size].tobytes()
                if not same or answer.id != f"{slot}/{turn}":
                    wrong.append((slot, turn))
                sent[slot] += size

    threads = [threading.Thread(target=load, args=(slot,)) for slot in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    with Client(fresh.url) as client:
        assert client.get("/v1/models/claims/drift")["versions"]["1"]["dataset"]["n_current"] == sum(sent)
    metrics = metrics_of(fresh)
    assert metrics["nv_inference_request_success", "claims", "1"] == 16 * 25
    assert metrics["nv_inference_count", "claims", "1"] == sum(sent)
    assert metrics["mlrt_drift_rows", "claims", "1"] == sum(sent)


def test_metrics_count_successes_failures_and_time(fresh: Any, rows: pa.Table) -> None:
    with Client(fresh.url) as client:
        for size in (1, 9):
            client.infer("claims", rows.slice(0, size))
        with pytest.raises(MlrtError, match="yesterday"):
            client.infer("claims", rows.slice(0, 1).set_column(3, "joined", pa.array(["yesterday"])))
    metrics = metrics_of(fresh)
    assert metrics["nv_inference_request_success", "claims", "1"] == 2
    assert metrics["nv_inference_exec_count", "claims", "1"] == 2
    assert metrics["nv_inference_count", "claims", "1"] == 10
    assert metrics["nv_inference_request_failure", "claims", "1", "OTHER"] == 1
    assert metrics["mlrt_request_seconds_count", "claims", "1"] == 2
    assert metrics["mlrt_model_weight", "claims", "1"] == 1
    assert metrics["mlrt_http_responses", "POST", "400"] == 1
    stages = ("queue", "compute_input", "compute_infer", "compute_output")
    parts = sum(metrics[f"nv_inference_{stage}_duration_us", "claims", "1"] for stage in stages)
    assert abs(metrics["nv_inference_request_duration_us", "claims", "1"] - parts) < 10
    assert metrics["nv_inference_compute_infer_duration_us", "claims", "1"] > 0


def test_a_planted_shift_is_flagged_and_ordinary_rows_are_not(
    fresh: Any, make_people: Callable[..., pa.Table], rows: pa.Table
) -> None:
    with Client(fresh.url) as client:
        client.infer("claims", rows)
        usual = client.get("/v1/models/claims/versions/1/drift")
        assert not usual["dataset"]["drifted"], [name for name, column in usual["columns"].items() if column["drifted"]]
        assert post(fresh, "/v1/models/claims/versions/1/drift/reset") == 200
        client.infer("claims", make_people(1000, seed=3, age=60.0).drop_columns(["claim"]))
        shifted = client.get("/v1/models/claims/drift")["versions"]["1"]
    assert shifted["dataset"]["n_current"] == 1000
    assert shifted["columns"]["age"]["drifted"]
    assert not shifted["columns"]["city"]["drifted"]
    scores = [name for name in shifted["columns"] if name.startswith("score")]
    assert scores
    assert all(shifted["columns"][name]["drifted"] for name in scores)
    metrics = metrics_of(fresh)
    assert metrics["mlrt_drift_drifted", "claims", "1", "age"] == 1
    assert metrics["mlrt_drift_psi", "claims", "1", "age"] > 0.25 > metrics["mlrt_drift_psi", "claims", "1", "city"]


def test_the_performance_of_what_was_scored_is_estimated_from_its_counts(
    fresh: Any, models: tuple[Model, Model], rows: pa.Table
) -> None:
    assert not [key for key in metrics_of(fresh) if key[0] == "mlrt_performance_estimate"]  # no row, no estimate
    with Client(fresh.url) as client:
        client.infer("claims", rows)
    estimator = models[0].bundle.estimator
    assert isinstance(estimator, ConfidenceEstimator)
    metrics = metrics_of(fresh)
    for one in estimator.estimate(models[0].score(rows).probability[:, 1].astype(np.float64)):
        for bound, exact in (("value", one.value), ("low", one.low), ("high", one.high)):
            found = metrics["mlrt_performance_estimate", "claims", "1", one.metric, bound]
            assert found == pytest.approx(exact, abs=0.02), (one.metric, bound)
