"""The request path, from a body to an answer: parse, choose a version, look up, clean, score, encode, count. No HTTP.

This is the part that a native data plane replaces; the model table, the watch and the metrics around it stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_runtime.core.clock import monotonic_s
from mlops_runtime.serving.online import Lookup
from mlops_runtime.serving.request import RequestLimits, parse_request
from mlops_runtime.serving.response import EncodedResponse, encode_response
from mlops_runtime.serving.routing import Split
from mlops_runtime.serving.versions import ServedVersion

__all__ = ["Outcome", "Timings", "infer"]


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of one request went, in seconds."""

    queue_s: float
    input_s: float
    infer_s: float
    output_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answered request."""

    served: ServedVersion
    request_id: str
    rows: int
    response: EncodedResponse
    lookups: Sequence[Lookup]
    timings: Timings


def infer(
    split: Split,
    pinned: ServedVersion | None,
    body: bytes,
    header_bytes: int | None,
    *,
    limits: RequestLimits,
    queued_at_s: float,
) -> Outcome:
    """Answer one request with the pinned version, or the one that the split chooses.

    queued_at_s: on the monotonic clock, when the request became ready to run. Thread-safe.
    Raises DataError (CapacityError beyond a limit) for anything wrong with the request, UnavailableError when an online
    store does not answer.
    """
    started_s = monotonic_s()
    request = parse_request(body, header_bytes, limits)
    served = pinned or split.choose(request.id)
    wanted = served.signature.wanted(request)
    request, lookups = served.online.complete(request)
    table = served.inputs(request)
    ready_s = monotonic_s()
    scores = served.model.score_conformed(table)
    scored_s = monotonic_s()
    served.watch.add(table, scores)
    response = encode_response(served.answer(scores, request.id, lookups), wanted)
    timings = Timings(started_s - queued_at_s, ready_s - started_s, scored_s - ready_s, monotonic_s() - scored_s)
    return Outcome(served, request.id, request.rows, response, lookups, timings)
