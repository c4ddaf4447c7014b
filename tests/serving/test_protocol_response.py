"""Encoding of answers, read back by the client that everybody has."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tritonclient.http import InferResult

from mlops_runtime.core.errors import CapacityError, DataError
from mlops_runtime.serving.content import compress, decompress
from mlops_runtime.serving.request import OutputRequest
from mlops_runtime.serving.response import Answer, encode_response

PROBABILITY = np.array([[0.1, 0.9], [1e-30, 1.0]], np.float32)
ANSWER = Answer("m", "3", "", {"bundle_digest": "d"}, {"label": ["no", "sí"], "probability": PROBABILITY})


@pytest.mark.parametrize("binary", [(False, False), (True, True), (False, True), (True, False)])
def test_tritonclient_reads_the_same_bits_however_they_were_sent(binary: tuple[bool, bool]) -> None:
    wanted = [OutputRequest("label", binary[0]), OutputRequest("probability", binary[1])]
    encoded = encode_response(ANSWER, wanted)
    result = InferResult.from_response_body(encoded.body, header_length=encoded.header_bytes)
    assert result.as_numpy("probability").tobytes() == PROBABILITY.tobytes()
    labels = [text if isinstance(text, str) else text.decode() for text in result.as_numpy("label").tolist()]
    assert labels == ["no", "sí"]


def test_nan_and_infinity_are_null_in_json_and_themselves_in_binary() -> None:
    values = np.array([np.nan, np.inf, 1.5])
    answer = Answer("m", "1", "", {}, {"label": values})
    document = json.loads(encode_response(answer, [OutputRequest("label", False)]).body)
    assert document["outputs"][0]["data"] == [None, None, 1.5]
    binary = encode_response(answer, [OutputRequest("label", True)])
    assert binary.header_bytes is not None
    assert binary.body[binary.header_bytes :] == values.tobytes()


def test_only_the_wanted_outputs_are_sent_and_the_id_is_echoed_when_given() -> None:
    answer = Answer("m", "3", "a-7", {"bundle_digest": "d"}, ANSWER.outputs)
    document = json.loads(encode_response(answer, [OutputRequest("probability", False)]).body)
    assert [output["name"] for output in document["outputs"]] == ["probability"]
    assert document["id"] == "a-7"
    assert document["parameters"] == {"bundle_digest": "d"}
    assert "id" not in json.loads(encode_response(ANSWER, []).body)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_bodies_survive_their_content_coding_and_damage_is_refused(coding: str) -> None:
    body = bytes(range(256)) * 40
    packed = compress(body, coding)
    assert decompress(packed, coding, limit=len(body)) == body
    for damaged in (packed[:-1], packed + b"x", b"\0" + packed):
        with pytest.raises(DataError):
            decompress(damaged, coding, limit=len(body))
    with pytest.raises(CapacityError):
        decompress(packed, coding, limit=len(body) - 1)
