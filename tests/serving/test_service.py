"""What bounds a server: admitted requests, the bytes they hold, and the time an answer may take."""

from __future__ import annotations

import asyncio
import threading

import pytest
from starlette.exceptions import HTTPException

from mlops_runtime.serving.admission import Admission
from mlops_runtime.serving.models import ModelTable
from mlops_runtime.serving.service import Service, ServiceOptions


def test_one_request_too_many_is_told_to_come_back_and_room_returns_with_the_others_end() -> None:
    admission = Admission(requests=2, body_bytes=100)
    with admission.admit(), admission.admit(), pytest.raises(HTTPException) as refused, admission.admit():
        pass
    assert refused.value.status_code == 503
    assert refused.value.headers == {"Retry-After": "1"}
    with admission.admit():
        assert admission.requests == 1


def test_bodies_in_flight_share_one_budget() -> None:
    admission = Admission(requests=10, body_bytes=100)
    with admission.admit() as first, admission.admit() as second:
        first.take(60)
        with pytest.raises(HTTPException):
            second.take(41)
        second.take(40)
    assert (admission.requests, admission.body_bytes) == (0, 0)


def test_work_that_takes_too_long_is_given_up_on_and_others_go_on() -> None:
    release = threading.Event()
    service = Service(ModelTable([]), ServiceOptions(score_s=0.2))

    async def scenario() -> int:
        async with service.running():
            with pytest.raises(TimeoutError):
                await service.in_worker(lambda: release.wait(30))
            release.set()
            return await service.in_worker(lambda: 7)

    assert asyncio.run(scenario()) == 7
