"""The transitions of a time zone as a table, so that a fitted program needs no time-zone data where it runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

__all__ = ["zone_transitions"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN, _END = datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_STRIDE_S = 86_400  # no zone changes its offset twice within three days
_MICROSECONDS = 1_000_000


@lru_cache(maxsize=64)
def zone_transitions(name: str) -> NDArray[np.float64]:
    """Return the parameters of step `local_time`: k instants, then the k offsets that hold from them; microseconds.

    The first instant is the start of 1900, whose offset also holds before; the last offset holds after 2099. They are
    read from this machine's time-zone data, which has to know the zone (`DateFeature` checks it).

    >>> instants, offsets = zone_transitions("Asia/Dubai").reshape(2, -1)
    >>> (offsets / 3.6e9).round(2).tolist(), _EPOCH + timedelta(microseconds=instants[1])
    ([3.69, 4.0], datetime.datetime(1919, 12, 31, 20, 18, 48, tzinfo=datetime.timezone.utc))
    """
    zone = ZoneInfo(name)
    begin, end = (int((edge - _EPOCH).total_seconds()) for edge in (_BEGIN, _END))
    instants, offsets = [begin], [_offset_s(zone, begin)]
    for before in range(begin, end, _STRIDE_S):
        after = min(before + _STRIDE_S, end)
        if _offset_s(zone, after) != offsets[-1]:
            instants.append(_first_change(zone, before, after))
            offsets.append(_offset_s(zone, after))
    table = np.array([*instants, *offsets], np.float64) * _MICROSECONDS
    table.flags.writeable = False
    return table


def _first_change(zone: ZoneInfo, before: int, after: int) -> int:
    """The second in (before, after] from which the later offset holds."""
    earlier = _offset_s(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset_s(zone, middle) == earlier else (before, middle)
    return after


def _offset_s(zone: ZoneInfo, second: int) -> int:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    return round(offset.total_seconds()) if offset is not None else 0
