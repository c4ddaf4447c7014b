"""The HTTP surface: Open Inference Protocol under /v2, drift under /v1, Prometheus under /metrics. Errors are JSON."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from mlops_runtime import __version__
from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.core.errors import CapacityError, DataError, UnavailableError
from mlops_runtime.core.logs import get_logger
from mlops_runtime.serving.body import header_bytes, read_body, request_coding
from mlops_runtime.serving.content import choose_coding, compress, decompress
from mlops_runtime.serving.envelope import Envelope
from mlops_runtime.serving.inference import Outcome, infer
from mlops_runtime.serving.metrics import FailureReason
from mlops_runtime.serving.routing import Split
from mlops_runtime.serving.service import Service
from mlops_runtime.serving.versions import ServedVersion

__all__ = ["create_app"]

_log = get_logger("serving")


def create_app(service: Service) -> ASGIApp:
    """Build the ASGI application of one service."""
    app = Starlette(
        routes=_routes(),
        exception_handlers={
            HTTPException: _http_error,
            DataError: _bad_request,
            CapacityError: _too_large,
            UnavailableError: _unavailable,
            ClientDisconnect: _gone,
            Exception: _failure,
        },
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return Envelope(app, service)


def _routes() -> list[Route]:
    routes = [
        Route("/v2", _server_metadata),
        Route("/v2/health/live", _live),
        Route("/v2/health/ready", _ready),
        Route("/v2/repository/index", _repository_index, methods=["POST"]),
        Route("/metrics", _metrics),
        Route("/v1/models/{model}/drift", _model_drift),
        Route("/v1/models/{model}/versions/{version}/drift", _version_drift),
    ]
    for model in ("/models/{model}", "/models/{model}/versions/{version}"):
        routes += [
            Route(f"/v2{model}", _model_metadata),
            Route(f"/v2{model}/ready", _model_ready),
            Route(f"/v2{model}/infer", _infer, methods=["POST"]),
            Route(f"/v1{model}/drift/reset", _reset_drift, methods=["POST"]),
        ]
    return routes


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with _service_of(app).running():
        yield


async def _server_metadata(_: Request) -> Response:
    return _json({"name": "mlops_runtime", "version": __version__, "extensions": ["binary_tensor_data"]})


async def _live(_: Request) -> Response:
    return _json({"live": True})


async def _ready(request: Request) -> Response:
    ready = not _service(request).draining
    return _json({"ready": ready}, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)


async def _repository_index(request: Request) -> Response:
    return _json(
        [
            {"name": served.name, "version": served.version, "state": "READY", "reason": ""}
            for served in _service(request).table.versions()
        ]
    )


async def _model_metadata(request: Request) -> Response:
    split, pinned = _lookup(request)
    return _json((pinned or split.stable).metadata([served.version for served in split.versions]))


async def _model_ready(request: Request) -> Response:
    split, _ = _lookup(request)
    ready = not _service(request).draining
    return _json(
        {"name": split.stable.name, "ready": ready}, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    )


async def _metrics(request: Request) -> Response:
    service = _service(request)
    return Response(await service.in_background(service.metrics.render), media_type=CONTENT_TYPE_LATEST)


async def _model_drift(request: Request) -> Response:
    split, _ = _lookup(request)
    reports = {served.version: await _drift_of(request, served) for served in split.versions}
    return _json({"model": split.stable.name, "versions": reports})


async def _version_drift(request: Request) -> Response:
    split, pinned = _lookup(request)
    return _json(await _drift_of(request, pinned or split.stable))


async def _drift_of(request: Request, served: ServedVersion) -> dict[str, Any]:
    report: dict[str, Any] = (await _service(request).in_background(served.watch.report)).to_dict()
    return {"model": served.name, "version": served.version, **report}


async def _reset_drift(request: Request) -> Response:
    split, pinned = _lookup(request)
    versions = split.versions if pinned is None else (pinned,)
    for served in versions:
        await _service(request).in_background(served.watch.reset)
    return _json({"model": split.stable.name, "reset": [served.version for served in versions]})


async def _infer(request: Request) -> Response:
    service = _service(request)
    split, pinned = _lookup(request)
    try:
        outcome = await _outcome(request, service, split, pinned)
    except Exception as error:
        service.metrics.failed(pinned or split.stable, _failure_reason(error))
        raise
    service.metrics.answered(outcome)
    request.state.fields = {
        "model": outcome.served.name,
        "version": outcome.served.version,
        "rows": outcome.rows,
        "id": outcome.request_id,
    }
    return _encoded(request, outcome)


def _failure_reason(error: Exception) -> FailureReason:
    if isinstance(error, ClientDisconnect):
        return "CANCELED"
    if isinstance(error, HTTPException) and error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "REJECTED"
    return "OTHER" if isinstance(error, DataError | CapacityError | HTTPException) else "BACKEND"


async def _outcome(request: Request, service: Service, split: Split, pinned: ServedVersion | None) -> Outcome:
    coding = request_coding(request)
    length = header_bytes(request)
    limit = service.options.body_bytes
    with service.admission.admit() as ticket:
        body = await read_body(request, ticket, limit=limit)
        ready_s = monotonic_s()

        def work() -> Outcome:
            plain = body if coding is None else decompress(body, coding, limit=limit)
            return infer(split, pinned, plain, length, limits=service.options.limits, queued_at_s=ready_s)

        try:
            return await service.in_worker(work)
        except TimeoutError as error:
            raise HTTPException(
                HTTPStatus.GATEWAY_TIMEOUT, f"no answer within {service.options.score_s:g} s"
            ) from error


def _encoded(request: Request, outcome: Outcome) -> Response:
    headers = {}
    media_type = "application/json"
    if outcome.response.header_bytes is not None:
        headers["Inference-Header-Content-Length"] = str(outcome.response.header_bytes)
        media_type = "application/octet-stream"
    body = outcome.response.body
    coding = choose_coding(request.headers.get("accept-encoding", ""), len(body))
    if coding is not None:
        body = compress(body, coding)
        headers |= {"Content-Encoding": coding, "Vary": "Accept-Encoding"}
    return Response(body, headers=headers, media_type=media_type)


def _lookup(request: Request) -> tuple[Split, ServedVersion | None]:
    """Return the model of the path and the version it names, if any. Raises HTTPException 404."""
    models = _service(request).table.models
    name = request.path_params["model"]
    if name not in models:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"model `{name[:80]}`: not served here — served: {', '.join(models)}")
    split = models[name]
    version = request.path_params.get("version")
    pinned = None if version is None else split.find(version)
    if version is not None and pinned is None:
        served = ", ".join(served.version for served in split.versions)
        raise HTTPException(
            HTTPStatus.NOT_FOUND, f"model `{name}`: version `{version[:40]}` is not served — served: {served}"
        )
    return split, pinned


def _service(request: Request) -> Service:
    return _service_of(request.app)


def _service_of(app: Starlette) -> Service:
    service: Service = app.state.service
    return service


def _json(payload: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, headers, media_type="application/json")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return _json({"error": message}, status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = error.detail
    if message == HTTPStatus(error.status_code).phrase:
        message = f"{request.method} {request.url.path[:200]}: {message}"
    return _error(error.status_code, message, error.headers)


async def _bad_request(_: Request, error: Exception) -> Response:
    return _error(HTTPStatus.BAD_REQUEST, str(error))


async def _too_large(_: Request, error: Exception) -> Response:
    return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))


async def _unavailable(_: Request, error: Exception) -> Response:
    _log.error("request failed: %s", error)
    message = "what the inputs are read from does not answer — try again"
    return _error(HTTPStatus.SERVICE_UNAVAILABLE, message, {"Retry-After": "1"})


async def _gone(_: Request, __: Exception) -> Response:
    return _error(HTTPStatus.BAD_REQUEST, "the client closed the connection before its body was complete")


async def _failure(_: Request, __: Exception) -> Response:
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed to answer; its log says why")
