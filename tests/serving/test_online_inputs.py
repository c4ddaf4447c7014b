"""Inputs that the server reads from an online store: a real server, a real Redis and the client that everybody has."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from mlops_runtime.cli.main import run
from mlops_runtime.data import Column, Schema
from mlops_runtime.features.online import OnlineStore, OnlineView
from mlops_runtime.features.online.embedded import EmbeddedStore
from mlops_runtime.features.online.redis import RedisStore
from mlops_runtime.registry import Bundle, Model, Registry
from mlops_runtime.serving.client import Client

FEATURES = Schema((Column("hours", "number"), Column("city", "string")))
VIEW = OnlineView("people", Schema((Column("id", "integer"),)), FEATURES, ttl_s=3600.0, entity_keys=("person",))
PASSWORD = "open-sesame"
KNOWN = 64  # rows of people that the store knows; those after them it does not


def fill(store: OnlineStore, rows: pa.Table, *, age_s: float = 0.0) -> None:
    """Write a row for each of `rows`, keyed by its position, whose values hold since `age_s` ago."""
    event = np.full(rows.num_rows, time.time() - age_s).astype("datetime64[s]").astype("datetime64[us]").view(np.int64)
    with store.writing() as writing:
        writing.add(rows.append_column("id", pa.array(np.arange(rows.num_rows))), event, event)


@pytest.fixture
def redis(make_redis: Callable[..., Any]) -> Any:
    """A Redis server that wants a password, with the features of the first people in it."""
    return make_redis("--requirepass", PASSWORD)


@pytest.fixture
def place(redis: Any, rows: pa.Table) -> str:
    """A store that knows the hours and the city of the first people, as `mlrt serve --online` takes it."""
    url = f"{redis.url}?password={PASSWORD}"
    fill(RedisStore(url, VIEW), rows.slice(0, KNOWN))
    return f"{url}#people"


def tensors(rows: pa.Table, people: list[int | None], *, also: tuple[str, ...] = ()) -> list[triton.InferInput]:
    """What a caller knows: who it is, the age, when they joined; and of the rest what `also` names."""
    keys = triton.InferInput("person", [len(people)], "INT64")
    sent = [keys.set_data_from_numpy(np.array(people, np.int64))]
    for name in ("age", "joined", *also):
        column = rows.column(name)
        is_number = pa.types.is_floating(column.type)
        texts = np.array([value or "" for value in column.cast(pa.string()).to_pylist()], np.object_)
        tensor = triton.InferInput(name, [rows.num_rows], "FP64" if is_number else "BYTES")
        sent.append(tensor.set_data_from_numpy(column.to_numpy() if is_number else texts))
    return sent


def without(rows: pa.Table, places: list[int]) -> pa.Table:
    """The rows as they are scored when the store has nothing for those at `places`."""
    mask = np.isin(np.arange(rows.num_rows), places)
    for name in FEATURES.names:
        column = rows.column(name)
        emptied = pa.array(column.to_pylist(), column.type, mask=mask | column.is_null().to_numpy())
        rows = rows.set_column(rows.column_names.index(name), name, emptied)
    return rows


def probability(answer: triton.InferResult) -> bytes:
    return bytes(answer.as_numpy("probability").tobytes())


def metrics(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/metrics") as response:
        lines = response.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith("mlrt_online")}


def rows_counted(result: str) -> str:
    return f'mlrt_online_rows_total{{model="claims",result="{result}",version="1",view="people"}}'


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_inputs_left_out_are_read_by_key_and_score_as_if_they_were_sent(
    serve: Any,
    bundles: tuple[Path, Path],
    models: tuple[Model, Model],
    rows: pa.Table,
    tmp_path: Path,
    kind: str,
    request: pytest.FixtureRequest,
) -> None:
    if kind == "embedded":
        place = str(tmp_path / "store")
        fill(EmbeddedStore(Path(place), VIEW), rows.slice(0, KNOWN))
    else:
        place = request.getfixturevalue("place")
    running = serve(str(bundles[0]), "--online", place)
    batch = rows.slice(0, 8)
    with triton.InferenceServerClient(running.address) as client:
        answer = client.infer("claims", tensors(batch, list(range(8))))
        assert probability(answer) == models[0].score(batch).probability.tobytes()
        assert answer.get_response()["parameters"]["online_found_people"] == 8

        unknown = client.infer("claims", tensors(batch, [0, 1, 999, 3, 4, -5, 6, 7]))
        assert probability(unknown) == models[0].score(without(batch, [2, 5])).probability.tobytes()
        assert unknown.get_response()["parameters"]["online_found_people"] == 6
    counted = metrics(running.url)
    assert [counted[rows_counted(result)] for result in ("found", "missing", "expired")] == [14, 2, 0]
    assert counted['mlrt_online_read_seconds_count{model="claims",version="1",view="people"}'] == 2


def test_what_a_request_carries_wins_and_is_not_looked_up(
    serve: Any, bundles: tuple[Path, Path], models: tuple[Model, Model], rows: pa.Table, place: str
) -> None:
    running = serve(str(bundles[0]), "--online", place)
    batch, others = rows.slice(0, 4), rows.slice(100, 4)
    with triton.InferenceServerClient(running.address) as client:
        mixed = batch.set_column(1, "hours", others.column("hours"))
        answer = client.infer("claims", tensors(mixed, [0, 1, 2, 3], also=("hours",)))
        assert probability(answer) == models[0].score(mixed).probability.tobytes()
        whole = client.infer("claims", tensors(others, [0, 1, 2, 3], also=("hours", "city"))[1:])
        assert probability(whole) == models[0].score(others).probability.tobytes()
        assert "online_found_people" not in whole.get_response()["parameters"]


def test_values_that_hold_no_more_are_missing_and_counted_as_expired(
    serve: Any, bundles: tuple[Path, Path], models: tuple[Model, Model], rows: pa.Table, redis: Any
) -> None:
    url = f"{redis.url}?password={PASSWORD}"
    fill(RedisStore(url, VIEW), rows.slice(0, 4), age_s=3600 + 60)
    running = serve(str(bundles[0]), "--online", f"{url}#people")
    batch = rows.slice(0, 4)
    with triton.InferenceServerClient(running.address) as client:
        answer = client.infer("claims", tensors(batch, [0, 1, 2, 9]))
    assert probability(answer) == models[0].score(without(batch, [0, 1, 2, 3])).probability.tobytes()
    counted = metrics(running.url)
    assert [counted[rows_counted(result)] for result in ("found", "missing", "expired")] == [0, 1, 3]


def test_a_request_with_neither_the_input_nor_its_key_is_refused_with_the_name_of_both(
    serve: Any, bundles: tuple[Path, Path], rows: pa.Table, place: str
) -> None:
    running = serve(str(bundles[0]), "--online", place)
    with triton.InferenceServerClient(running.address) as client:
        sent = tensors(rows.slice(0, 2), [0, 1])
        with pytest.raises(
            InferenceServerException, match="expected `hours`, or `person`, by which online view `people`"
        ):
            client.infer("claims", sent[1:])
        texts = triton.InferInput("person", [2], "BYTES").set_data_from_numpy(np.array(["a", "b"], np.object_))
        with pytest.raises(InferenceServerException, match="column `id`"):
            client.infer("claims", [texts, *sent[1:]])
        huge = triton.InferInput("person", [2], "UINT64").set_data_from_numpy(np.array([1, 2**64 - 1], np.uint64))
        with pytest.raises(InferenceServerException) as caught:
            client.infer("claims", [huge, *sent[1:]])
        assert caught.value.status() == "400"
        with pytest.raises(InferenceServerException, match="got `persona`"):
            client.infer(
                "claims", [triton.InferInput("persona", [2], "INT64").set_data_from_numpy(np.arange(2)), *sent]
            )


def test_metadata_says_what_comes_from_the_store_and_by_which_keys_and_our_client_follows_it(
    serve: Any, bundles: tuple[Path, Path], models: tuple[Model, Model], rows: pa.Table, place: str
) -> None:
    running = serve(str(bundles[0]), "--online", place)
    with Client(running.url) as client:
        inputs = {item["name"]: item for item in client.get("/v2/models/claims")["inputs"]}
        assert {name for name, item in inputs.items() if item["parameters"].get("online_view") == "people"} == {
            "hours",
            "city",
        }
        assert inputs["person"]["datatype"] == "INT64"
        assert inputs["person"]["parameters"] == {"nullable": True, "online_key": "people"}
        known = rows.slice(0, 8).select(["age", "joined"]).append_column("person", pa.array(np.arange(8)))
        answer = client.infer("claims", known)
    assert answer.outputs["probability"].tobytes() == models[0].score(rows.slice(0, 8)).probability.tobytes()


def test_two_stores_are_each_read_once_by_their_own_keys_whatever_the_kinds(
    serve: Any, home: Path, bundles: tuple[Path, Path], models: tuple[Model, Model], rows: pa.Table, place: str
) -> None:
    url = place.partition("#")[0]
    view = OnlineView("members", Schema((Column("card", "string"),)), Schema((Column("joined", "timestamp"),)))
    batch = rows.slice(0, 4)
    joined = pa.table({"card": ["c-0", "c-1", "c-2", "c-3"], "joined": batch.column("joined")})
    with RedisStore(url, view, tenant="emirates/1").writing() as writing:
        writing.add(joined, np.full(4, 5), np.full(4, 5))
    registry = Registry()
    registry.push(Bundle.open(bundles[0]), "claims")
    registry.alias("claims", "production", 1)
    running = serve("claims@production", "--online", place, "--online", f"{url}#emirates%2F1/members")
    with triton.InferenceServerClient(running.address) as client:
        cards = triton.InferInput("card", [4, 1], "BYTES")
        cards.set_data_from_numpy(np.array([["c-0"], ["c-1"], ["c-2"], ["c-9"]], np.object_))
        people, ages, _ = tensors(batch, [0, 999, 2, 3])
        answer = client.infer("claims", [cards, people, ages])
    known = without(batch, [1]).to_pydict()
    known["joined"][3] = None
    assert probability(answer) == models[0].score(pa.table(known, batch.schema)).probability.tobytes()
    parameters = answer.get_response()["parameters"]
    assert (parameters["online_found_people"], parameters["online_found_members"]) == (3, 3)


def test_a_store_that_no_model_reads_from_is_warned_of(serve: Any, bundles: tuple[Path, Path], place: str) -> None:
    url = place.partition("#")[0]
    RedisStore(url, OnlineView("others", VIEW.keys, Schema((Column("height", "number"),))))
    running = serve(str(bundles[0]), "--online", f"{url}#others")
    assert "warning: online view `others` holds no input of the models served now" in running.log.read_text()


def test_rows_that_are_written_while_the_server_runs_are_served(
    serve: Any, bundles: tuple[Path, Path], models: tuple[Model, Model], rows: pa.Table, tmp_path: Path
) -> None:
    store = EmbeddedStore(tmp_path / "store", VIEW)
    running = serve(str(bundles[0]), "--online", str(store.folder))
    with triton.InferenceServerClient(running.address) as client:
        for newer in (rows.slice(0, 4), rows.slice(4, 4)):
            fill(store, newer)
            batch = newer.set_column(0, "age", rows.column("age").slice(0, 4))
            answer = client.infer("claims", tensors(batch, [0, 1, 2, 3]))
            assert probability(answer) == models[0].score(batch).probability.tobytes()


def test_a_store_that_is_away_is_a_503_and_its_return_needs_no_restart(
    serve: Any, bundles: tuple[Path, Path], rows: pa.Table, redis: Any, place: str
) -> None:
    running = serve(str(bundles[0]), MLRT_ONLINE=place)
    batch = rows.slice(0, 4)
    with triton.InferenceServerClient(running.address) as client:
        before = probability(client.infer("claims", tensors(batch, [0, 1, 2, 3])))
        redis.kill()
        with pytest.raises(InferenceServerException, match="does not answer — try again") as caught:
            client.infer("claims", tensors(batch, [0, 1, 2, 3]))
        assert caught.value.status() == "503"
        whole = client.infer("claims", tensors(batch, [0, 1, 2, 3], also=("hours", "city")))
        assert probability(whole) == before
        redis.start()
        assert probability(client.infer("claims", tensors(batch, [0, 1, 2, 3]))) == before
    log = running.log.read_text()
    assert "no answer from the Redis server" in log
    assert PASSWORD not in log


def test_a_503_says_when_to_come_back(serve: Any, bundles: tuple[Path, Path], redis: Any, place: str) -> None:
    running = serve(str(bundles[0]), "--online", place)
    redis.kill()
    body = json.dumps({"inputs": [{"name": "person", "datatype": "INT64", "shape": [1], "data": [1]}]}).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{running.url}/v2/models/claims/infer", body)
    with caught.value as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


def test_a_store_that_does_not_fit_the_model_is_refused_before_anything_is_served(
    bundles: tuple[Path, Path], redis: Any, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = place.partition("#")[0]
    keys = Schema((Column("person", "integer"),))
    RedisStore(url, OnlineView("kinds", keys, Schema((Column("hours", "string"),))))
    RedisStore(url, OnlineView("twins", keys, Schema((Column("city", "string"),))))
    cases = {
        "kinds": "input `hours`: expected kind number, as the model has it, got kind string in online view `kinds`",
        "nobody": "expected the online view `nobody`",
        "": "got an address without `#VIEW`",
    }
    for view, words in cases.items():
        assert run(["serve", str(bundles[0]), "--http", "127.0.0.1:0", "--online", f"{url}#{view}"]) == 2
        assert words in capsys.readouterr().err
    both = ["--online", place, "--online", f"{url}#twins"]
    assert run(["serve", str(bundles[0]), "--http", "127.0.0.1:0", *both]) == 2
    assert "input `city`: expected one online view that holds it, got `people` and `twins`" in capsys.readouterr().err
