"""Parsing of infer requests: what is accepted means one thing, and everything else is refused by name."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest

from mlops_runtime.core.errors import CapacityError, DataError, MlrtError
from mlops_runtime.serving.request import InferRequest, OutputRequest, RequestLimits, parse_request
from mlops_runtime.serving.signature import Signature, TensorSpec
from mlops_runtime.serving.wire import encode_bytes

LIMITS = RequestLimits(rows=1000, json_bytes=4 << 20)
SIGNATURE = Signature(
    inputs=(
        TensorSpec("age", "FP64", nullable=True),
        TensorSpec("code", "INT64"),
        TensorSpec("city", "BYTES", nullable=True),
    ),
    outputs=(TensorSpec("label", "BYTES"), TensorSpec("probability", "FP32", (-1, 2))),
)


def tensor(name: str = "age", datatype: str = "FP64", shape: Any = (2,), **fields: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape) if isinstance(shape, tuple) else shape, **fields}


def parse(document: Any, binary: bytes = b"", limits: RequestLimits = LIMITS) -> InferRequest:
    header = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_request(header + binary, len(header) if binary else None, limits)


def one(item: dict[str, Any], binary: bytes = b"") -> pa.Array:
    return parse({"inputs": [item]}, binary).tensors[0].values


def test_json_numbers_are_read_exactly() -> None:
    assert one(tensor(data=[0.1, 7])).to_pylist() == [0.1, 7.0]


def test_a_column_may_have_shape_n_by_1_flat_or_nested() -> None:
    assert one(tensor(shape=(2, 1), data=[1, 2])).equals(one(tensor(shape=(2, 1), data=[[1], [2]])))


def test_null_is_missing_and_nan_in_binary_stays_nan() -> None:
    assert one(tensor(data=[None, 1.5])).to_pylist() == [None, 1.5]
    values = np.array([np.nan, 1.5]).tobytes()
    binary = one(tensor(parameters={"binary_data_size": 16}), values)
    assert binary.null_count == 0
    assert math.isnan(binary[0].as_py())


@pytest.mark.parametrize(
    ("datatype", "values"),
    [
        ("BOOL", np.array([True, False])),
        ("INT8", np.array([-128, 127], np.int8)),
        ("UINT16", np.array([0, 65535], np.uint16)),
        ("INT64", np.array([-(2**63), 2**63 - 1])),
        ("UINT64", np.array([0, 2**64 - 1], np.uint64)),
        ("FP16", np.array([0.5, -2], np.float16)),
        ("FP32", np.array([0.1, 3e38], np.float32)),
    ],
)
def test_binary_and_json_tensors_hold_the_same_values(datatype: str, values: np.ndarray[Any, Any]) -> None:
    as_json = one(tensor(datatype=datatype, data=values.tolist()))
    as_bytes = one(tensor(datatype=datatype, parameters={"binary_data_size": values.nbytes}), values.tobytes())
    assert as_json.equals(as_bytes)
    assert as_json.to_pylist() == values.tolist()


def test_binary_and_json_tensors_mix_in_one_request() -> None:
    text = encode_bytes(["é", ""])
    request = parse(
        {
            "inputs": [
                tensor("city", "BYTES", parameters={"binary_data_size": len(text)}),
                tensor("age", data=[1, 2]),
                tensor("code", "INT64", parameters={"binary_data_size": 16}),
            ]
        },
        text + np.array([5, 6]).tobytes(),
    )
    table = SIGNATURE.table(request)
    assert table.to_pydict() == {"age": [1.0, 2.0], "code": [5, 6], "city": ["é", ""]}


def test_narrow_datatypes_widen_without_loss_and_others_are_refused() -> None:
    code = tensor("code", "INT8", data=[1, 2])
    assert SIGNATURE.table(parse({"inputs": [code, tensor("age", "INT64", data=[1, 2**53])]})).schema == pa.schema(
        {"age": pa.float64(), "code": pa.int64(), "city": pa.string()}
    )
    for item in (
        tensor("age", "INT64", data=[1, 2**53 + 1]),
        tensor("age", "BYTES", data=["1", "2"]),
        tensor("city", "FP64", data=[1, 2]),
        tensor("code", "FP64", data=[1, 2]),
        tensor("code", "UINT64", data=[1, 2**63]),
    ):
        others = [] if item["name"] == "code" else [code]
        with pytest.raises(DataError, match=item["name"]):
            SIGNATURE.table(parse({"inputs": [item, *others]}))


def test_only_a_nullable_input_may_be_left_out() -> None:
    table = SIGNATURE.table(parse({"inputs": [tensor("code", "INT64", data=[1, 2])]}))
    assert table.column("age").null_count == 2
    with pytest.raises(DataError, match="expected `code`"):
        SIGNATURE.table(parse({"inputs": [tensor("age", data=[1, 2])]}))


def test_a_missing_value_is_refused_where_the_input_is_not_nullable() -> None:
    table = pa.table({"age": [None, 1.0], "code": pa.array([1, None], pa.int64()), "city": ["a", None]})
    with pytest.raises(DataError, match=r"`code`.*row 1"):
        SIGNATURE.refuse_missing(table)


def test_unknown_inputs_and_outputs_are_refused() -> None:
    request = parse({"inputs": [tensor("agee", data=[1, 2])], "outputs": [{"name": "labels"}]})
    with pytest.raises(DataError, match="`agee`"):
        SIGNATURE.table(request)
    with pytest.raises(DataError, match="`labels`"):
        SIGNATURE.wanted(request)


def test_outputs_come_as_asked_and_all_of_them_by_default() -> None:
    asked = parse(
        {"inputs": [tensor(data=[1, 2])], "outputs": [{"name": "label", "parameters": {"binary_data": True}}]}
    )
    assert SIGNATURE.wanted(asked) == (OutputRequest("label", True),)
    default = parse({"inputs": [tensor(data=[1, 2])], "parameters": {"binary_data_output": True}})
    assert SIGNATURE.wanted(default) == (OutputRequest("label", True), OutputRequest("probability", True))


GOOD = tensor(data=[1, 2])
BAD_DOCUMENTS: list[tuple[str, Any]] = [
    ("valid JSON", b"{"),
    ("JSON object", []),
    ("`inputs`", {}),
    ("at least one input", {"inputs": []}),
    ("a list of objects", {"inputs": {}}),
    ("object", {"inputs": [1]}),
    ("`model_name`", {"inputs": [GOOD], "model_name": "m"}),
    ("id", {"inputs": [GOOD], "id": 7}),
    ("id", {"inputs": [GOOD], "id": "x" * 2000}),
    ("`parameters`", {"inputs": [GOOD], "parameters": []}),
    ("parameter `a`", {"inputs": [GOOD], "parameters": {"a": {}}}),
    ("binary_data_output", {"inputs": [GOOD], "parameters": {"binary_data_output": 1}}),
    ("name once", {"inputs": [GOOD, GOOD]}),
    ("`name`", {"inputs": [tensor(name=3, data=[1, 2])]}),  # type: ignore[arg-type]
    ("datatype", {"inputs": [tensor(datatype="FP128", data=[1, 2])]}),
    ("datatype", {"inputs": [tensor(datatype=64, data=[1, 2])]}),  # type: ignore[arg-type]
    ("shape", {"inputs": [tensor(shape=2, data=[1, 2])]}),
    ("shape", {"inputs": [tensor(shape=[2.0], data=[1, 2])]}),
    ("shape", {"inputs": [tensor(shape=[True], data=[1])]}),
    ("shape", {"inputs": [tensor(shape=[10**4000], data=[1])]}),
    ("shape", {"inputs": [tensor(shape=[], data=[1])]}),
    ("shape", {"inputs": [tensor(shape=[1, 2], data=[1, 2])]}),
    ("shape", {"inputs": [tensor(shape=[2, 1, 1], data=[1, 2])]}),
    ("shape", {"inputs": [tensor(shape=[-1], data=[1])]}),
    ("shape", {"inputs": [tensor(shape=[-1, -1], data=[1])]}),
    ("empty batch", {"inputs": [tensor(shape=[0], data=[])]}),
    ("values", {"inputs": [tensor(shape=[2**61], data=[1])]}),
    ("values", {"inputs": [tensor(shape=[2**61, 1], data=[1])]}),
    ("rows", {"inputs": [tensor(shape=[1001], data=[1] * 1001)]}),
    ("shape", {"inputs": [tensor(shape=[10**9, 39], data=[1])]}),
    ("values", {"inputs": [tensor(shape=[3], data=[1, 2])]}),
    ("values", {"inputs": [tensor(shape=[1], data=[1, 2])]}),
    ("JSON number", {"inputs": [tensor(shape=[2], data=[[1], [2]])]}),
    ("JSON number", {"inputs": [tensor(shape=[2, 1], data=[[1], [2, 3]])]}),
    ("`data`", {"inputs": [tensor()]}),
    ("list", {"inputs": [tensor(data="12")]}),
    ("JSON number", {"inputs": [tensor(data=[1, "2"])]}),
    ("JSON number", {"inputs": [tensor(data=[1, True])]}),
    ("too large", {"inputs": [tensor(data=[1, 10**400])]}),
    ("too large", {"inputs": [tensor(datatype="FP32", data=[1, 1e39])]}),
    ("JSON integer", {"inputs": [tensor(datatype="INT64", data=[1, 2.0])]}),
    ("300", {"inputs": [tensor(datatype="INT8", data=[1, 300])]}),
    ("true or false", {"inputs": [tensor(datatype="BOOL", data=[1, 0])]}),
    ("JSON string", {"inputs": [tensor(datatype="BYTES", data=["a", 1])]}),
    ("rows", {"inputs": [GOOD, tensor("code", "INT64", (1,), data=[1])]}),
    ("`extra`", {"inputs": [tensor(data=[1, 2], extra=1)]}),
    ("shared_memory_region", {"inputs": [tensor(parameters={"shared_memory_region": "r"})]}),
    ("bytes of binary", {"inputs": [tensor(parameters={"binary_data_size": 16})]}),
    ("list of objects", {"inputs": [GOOD], "outputs": {}}),
    ("name once", {"inputs": [GOOD], "outputs": [{"name": "label"}] * 100_000}),
    ("binary_data", {"inputs": [GOOD], "outputs": [{"name": "label", "parameters": {"binary_data": "yes"}}]}),
    ("classification", {"inputs": [GOOD], "outputs": [{"name": "label", "parameters": {"classification": 3}}]}),
    ("twice", b'{"inputs": [], "inputs": []}'),
    ("NaN", b'{"inputs": [{"name": "age", "datatype": "FP64", "shape": [1], "data": [NaN]}]}'),
    ("too large", b'{"inputs": [{"name": "age", "datatype": "FP64", "shape": [1], "data": [1e400]}]}'),
    ("digits", b'{"inputs": [{"name": "age", "datatype": "FP64", "shape": [1], "data": [' + b"1" * 5000 + b"]}]}"),
    ("UTF-8", b'{"inputs": "\xff"}'),
    ("surrogate", b'{"inputs": "\\ud800"}'),
    ("nesting", b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("JSON number", {"inputs": [tensor(shape=[1], data=[[[[[[1]]]]]])]}),
]


@pytest.mark.parametrize(
    ("words", "document"), BAD_DOCUMENTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_bad_request_is_refused_with_its_reason(words: str, document: Any) -> None:
    with pytest.raises(MlrtError, match=words) as caught:
        parse(document)
    assert isinstance(caught.value, DataError | CapacityError)
    assert len(str(caught.value)) < 1500


def bytes_tensor(size: int, rows: int = 2) -> dict[str, Any]:
    return tensor("city", "BYTES", (rows,), parameters={"binary_data_size": size})


@pytest.mark.parametrize(
    ("words", "item", "binary"),
    [
        ("truncated", tensor(parameters={"binary_data_size": 16}), b"\0" * 15),
        ("trailing", tensor(parameters={"binary_data_size": 16}), b"\0" * 17),
        ("16 bytes", tensor(parameters={"binary_data_size": 8}), b"\0" * 8),
        ("count of bytes", tensor(parameters={"binary_data_size": -8}), b"\0" * 8),
        ("count of bytes", tensor(parameters={"binary_data_size": 8.0}), b"\0" * 8),
        ("both", tensor(data=[1, 2], parameters={"binary_data_size": 16}), b"\0" * 16),
        ("trailing", tensor(data=[1, 2]), b"\0"),
        ("0 or 1", tensor(datatype="BOOL", parameters={"binary_data_size": 2}), b"\0\2"),
        ("too few", bytes_tensor(7), b"\0" * 7),
        ("inside value 1", bytes_tensor(9), struct.pack("<I1sI", 1, b"a", 1)),
        ("inside value 0", bytes_tensor(8), struct.pack("<II", 2**32 - 1, 0)),
        ("trailing", bytes_tensor(9), struct.pack("<IIb", 0, 0, 1)),
        ("UTF-8", bytes_tensor(10), struct.pack("<I1sI1s", 1, b"\xc3", 1, b"\xa9")),
    ],
)
def test_bad_binary_data_is_refused_with_its_reason(words: str, item: dict[str, Any], binary: bytes) -> None:
    with pytest.raises(DataError, match=words):
        one(item, binary)


@pytest.mark.parametrize("header_bytes", [0, 10_000])
def test_a_header_length_outside_the_body_is_refused(header_bytes: int) -> None:
    with pytest.raises(DataError, match="Inference-Header-Content-Length"):
        parse_request(json.dumps({"inputs": [GOOD]}).encode(), header_bytes, LIMITS)


@hypothesis.given(st.data())
def test_a_mutilated_request_is_parsed_or_refused_and_never_a_crash(data: st.DataObject) -> None:
    text = encode_bytes(["Dubai", ""])
    inputs = [tensor(data=[1.5, None]), tensor("city", "BYTES", parameters={"binary_data_size": len(text)})]
    header = json.dumps({"id": "7", "inputs": inputs, "outputs": [{"name": "label"}]}).encode()
    body = bytearray(header + text)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(body) - 1))
        body[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    length = len(header) + data.draw(st.integers(-2, 2))
    with contextlib.suppress(DataError, CapacityError):
        assert SIGNATURE.table(parse_request(bytes(body), length, LIMITS)).num_rows > 0


def test_json_beyond_its_limit_is_a_capacity_error() -> None:
    with pytest.raises(CapacityError, match="binary"):
        parse({"inputs": [GOOD]}, limits=RequestLimits(json_bytes=20))
