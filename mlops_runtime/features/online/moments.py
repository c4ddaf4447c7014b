"""When the values of a row hold: from the moment it is available, until its time to live has passed."""

from __future__ import annotations

import datetime as dt
import time

import numpy as np
from numpy.typing import NDArray

from mlops_runtime.features.online.store import Moment
from mlops_runtime.features.tables import MISSING_TIME

__all__ = ["LATEST", "bounds", "microseconds_of"]

LATEST = 2**63 - 1

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def microseconds_of(moment: dt.datetime | int) -> int:
    """Return a moment in microseconds since 1970; a time without a zone is UTC.

    >>> microseconds_of(dt.datetime(1970, 1, 1, 0, 0, 1))
    1000000
    """
    if isinstance(moment, dt.datetime):
        return (moment.replace(tzinfo=moment.tzinfo or dt.UTC) - _EPOCH) // _MICROSECOND
    return moment


def bounds(at: Moment | None, ttl_us: int | None) -> tuple[int, int] | tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the oldest event time of a row that holds, and the latest moment from which it may be available.

    at: None for now, when whatever a store has is available. Two numbers, or for many moments two int64[n].

    >>> bounds(1000, 300), bounds(None, None) == (MISSING_TIME, LATEST)
    ((700, 1000), True)
    """
    if at is None:
        return (MISSING_TIME, LATEST) if ttl_us is None else (_before(time.time_ns() // 1000, ttl_us), LATEST)
    if isinstance(at, np.ndarray):
        if ttl_us is None:
            return np.full(len(at), MISSING_TIME), at
        return np.maximum(at, MISSING_TIME + ttl_us) - ttl_us, at
    moment = microseconds_of(at)
    return (MISSING_TIME if ttl_us is None else _before(moment, ttl_us)), moment


def _before(moment: int, ttl_us: int) -> int:
    return max(moment - ttl_us, MISSING_TIME)
