"""The client that everybody has, against a real server: the bits of `mlrt predict`, however the rows are sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from mlops_runtime.registry import Model

DATATYPES = {"FP64": np.float64, "BYTES": np.object_}


@pytest.fixture
def client(server: Any) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.address) as connected:
        yield connected


def inputs_of(table: pa.Table, *, binary: bool = True, omit: tuple[str, ...] = ()) -> list[triton.InferInput]:
    """The table's columns as tritonclient sends them: NaN and the empty string where a value is missing."""
    tensors = []
    for name in table.column_names:
        column = table.column(name)
        if name in omit:
            continue
        text = not pa.types.is_floating(column.type)
        values: np.ndarray[Any, Any]
        if text:
            values = np.array([value or "" for value in column.cast(pa.string()).to_pylist()], np.object_)
        else:
            values = column.to_numpy()
        tensor = triton.InferInput(name, [len(values)], "BYTES" if text else "FP64")
        tensors.append(tensor.set_data_from_numpy(values, binary_data=binary))
    return tensors


def complete(table: pa.Table) -> pa.Table:
    """The rows without a missing number: tritonclient would write NaN into JSON, which has no word for it."""
    return table.filter(table.column("age").is_valid())


def same_bits(answer: triton.InferResult, expected: np.ndarray[Any, Any]) -> bool:
    return bool(answer.as_numpy("probability").tobytes() == expected.tobytes())


def test_every_batch_size_gives_the_bits_of_predict(
    client: triton.InferenceServerClient, models: tuple[Model, Model], rows: pa.Table
) -> None:
    expected = models[0].score(rows)
    assert len(np.unique(expected.probability)) > 100
    start = 0
    for size in [*range(1, 20), 31, 32, 33, 63, 64]:
        batch = rows.slice(start, size)
        answer = client.infer("claims", inputs_of(batch))
        assert same_bits(answer, expected.probability[start : start + size])
        labels = [text.decode() for text in answer.as_numpy("label")]
        assert labels == expected.label[start : start + size]
        start += size


def test_a_row_alone_scores_as_in_its_batch(
    client: triton.InferenceServerClient, models: tuple[Model, Model], rows: pa.Table
) -> None:
    expected = models[0].score(rows).probability
    for position in range(64):
        answer = client.infer("claims", inputs_of(rows.slice(position, 1)))
        assert same_bits(answer, expected[position : position + 1])


@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_json_and_binary_compressed_or_not_give_the_same_bits(
    client: triton.InferenceServerClient, models: tuple[Model, Model], rows: pa.Table, binary: bool, coding: str | None
) -> None:
    batch = complete(rows).slice(0, 64)
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probability", "label")]
    answer = client.infer(
        "claims",
        inputs_of(batch, binary=binary),
        outputs=wanted,
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
    )
    assert same_bits(answer, models[0].score(batch).probability)
    assert [output["name"] for output in answer.get_response()["outputs"]] == ["probability", "label"]


def test_an_omitted_nullable_input_is_a_missing_one(
    client: triton.InferenceServerClient, models: tuple[Model, Model], rows: pa.Table
) -> None:
    batch = rows.slice(0, 8)
    empty = batch.set_column(0, "age", pa.nulls(8, pa.float64()))
    answer = client.infer("claims", inputs_of(batch, omit=("age",)))
    assert same_bits(answer, models[0].score(empty).probability)


def test_the_answer_says_who_gave_it(
    client: triton.InferenceServerClient, models: tuple[Model, Model], rows: pa.Table
) -> None:
    response = client.infer("claims", inputs_of(rows.slice(0, 1)), request_id="a-7").get_response()
    assert (response["model_name"], response["model_version"], response["id"]) == ("claims", "1", "a-7")
    assert response["parameters"] == {
        "bundle_digest": models[0].bundle.digest,
        "program_digest": models[0].program.digest,
    }


def test_metadata_describes_the_signature(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("claims")
    assert client.is_model_ready("claims", "1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("claims")
    assert [(entry["name"], entry["datatype"], entry["shape"]) for entry in metadata["inputs"]] == [
        ("age", "FP64", [-1]),
        ("hours", "FP64", [-1]),
        ("city", "BYTES", [-1]),
        ("joined", "BYTES", [-1]),
    ]
    assert metadata["outputs"][1] == {"name": "probability", "datatype": "FP32", "shape": [-1, 2]}
    index = client.get_model_repository_index()
    assert index == [{"name": "claims", "version": "1", "state": "READY", "reason": ""}]


def test_what_is_not_served_is_a_404_that_says_what_is(client: triton.InferenceServerClient, rows: pa.Table) -> None:
    tensors = inputs_of(rows.slice(0, 1))
    for model, version, words in (("claim", "", "served: claims"), ("claims", "9", "served: 1")):
        with pytest.raises(InferenceServerException, match=words) as caught:
            client.infer(model, tensors, model_version=version)
        assert caught.value.status() == "404"
    assert not client.is_model_ready("claims", "9")
