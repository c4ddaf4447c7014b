"""A small client of the Open Inference Protocol: rows of a table in, labels and probabilities out."""

from __future__ import annotations

import http.client
import json
import math
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_runtime.core.errors import ConfigError, MlrtError

__all__ = ["Client", "Inference"]


@dataclass(frozen=True, slots=True)
class Inference:
    """One answer: which version gave it, and its outputs by name (`label`: [N], `probability`: [N, classes])."""

    model: str
    version: str
    id: str
    outputs: dict[str, NDArray[Any]]


class Client:
    """One keep-alive connection to a server such as `http://127.0.0.1:8000`; use it as a context manager.

    Raises ConfigError for a URL that is not http, MlrtError with the server's own words for an error answer.
    """

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigError(f"client: expected a URL like http://127.0.0.1:8000, got {url!r} — correct it")
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout_s)
        self._signatures: dict[str, list[dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, path: str) -> dict[str, Any]:
        """GET a JSON document, for example `/v2/models/claims`."""
        return self._exchange("GET", path, None)

    def infer(self, model: str, table: pa.Table, *, request_id: str = "") -> Inference:
        """Score the rows of a table; its columns are matched to the model's inputs by name, extra ones are not sent.

        Inputs that the server can read from an online store may be absent from the table; its keys are sent then.
        Numbers, booleans and decimals travel as float64 in the binary extension: JSON has no NaN and no infinity.
        """
        if model not in self._signatures:
            self._signatures[model] = self.get(f"/v2/models/{model}")["inputs"]
        present = [item for item in self._signatures[model] if item["name"] in table.column_names or _is_required(item)]
        tensors = [_tensor(table, wanted) for wanted in present]
        request = {"id": request_id, "inputs": [description for description, _ in tensors]}
        header = json.dumps(request, allow_nan=False).encode()
        body = header + b"".join(data for _, data in tensors)
        answer = self._exchange("POST", f"/v2/models/{model}/infer", body, header_bytes=len(header))
        outputs = {
            item["name"]: np.asarray(item["data"], _NUMPY_TYPE[item["datatype"]]).reshape(item["shape"])
            for item in answer["outputs"]
        }
        return Inference(answer["model_name"], answer["model_version"], answer.get("id", ""), outputs)

    def _exchange(self, method: str, path: str, body: bytes | None, *, header_bytes: int = 0) -> dict[str, Any]:
        headers = {"Inference-Header-Content-Length": str(header_bytes)} if body is not None else {}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read() or b"{}")
        if response.status >= http.client.BAD_REQUEST:
            raise MlrtError(f"{method} {path}: {response.status} {answer.get('error', response.reason)}")
        return answer


_NUMPY_TYPE = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BYTES": np.str_}


def _is_required(wanted: dict[str, Any]) -> bool:
    return not wanted["parameters"].keys() & {"online_view", "online_key"}


def _tensor(table: pa.Table, wanted: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return a tensor's description, with its values or the size of its bytes, and the bytes."""
    column = table.column(wanted["name"])
    tensor = {"name": wanted["name"], "shape": [len(column)], "datatype": wanted["datatype"]}
    if wanted["datatype"] == "FP64":
        data = column.cast(pa.float64()).fill_null(math.nan).to_numpy().astype("<f8").tobytes()
        return {**tensor, "parameters": {"binary_data_size": len(data)}}, data
    if wanted["datatype"] == "BYTES":
        return {**tensor, "data": ["" if value is None else value for value in _as_text(column).to_pylist()]}, b""
    return {**tensor, "data": column.to_pylist()}, b""


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        zone = "UTC" if column.type.tz else None  # in its own zone, the wall clock would be written
        column = column.cast(pa.timestamp("us", zone), safe=False)
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ" if zone else "%Y-%m-%dT%H:%M:%S")
    return column.cast(pa.string())
