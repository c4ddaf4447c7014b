"""When rows happened, in microseconds since 1970, as every caller may say it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_runtime.core.clock import now
from mlops_runtime.core.errors import SchemaError, problem
from mlops_runtime.monitoring.state.table import is_time

__all__ = ["EARLIEST_US", "LATEST_US", "row_times", "to_microseconds"]


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
EARLIEST_US, LATEST_US = -(1 << 55), 1 << 57  # 828 to 6537: any window around them has a beginning and an end


def to_microseconds(time: dt.datetime) -> int:
    """Return a time in microseconds since 1970. Raises SchemaError when it has no zone.

    >>> to_microseconds(dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC))
    1000000
    """
    if time.tzinfo is None:
        raise _unusable(f"{time} without a zone", "attach one: .replace(tzinfo=UTC)")
    return (time - _EPOCH) // _MICROSECOND


def row_times(table: pa.Table, time: object) -> NDArray[np.int64]:
    """Return int64[rows]; a row without a time, or with one outside 828 to 6537, has `EARLIEST_US`.

    time: a column's name, one time for all rows, an array of a time a row, or None for now. Arrow times without a zone
    are taken as UTC. Raises SchemaError for anything else.
    """
    if time is None or isinstance(time, dt.datetime):
        return np.full(table.num_rows, _clip(np.array([to_microseconds(time or now())]))[0])
    if isinstance(time, str):
        if time not in table.column_names:
            raise _unusable(f"no column `{time}`", f"name one of {', '.join(table.column_names)}")
        time = table.column(time)
    values = _of_numpy(time) if isinstance(time, np.ndarray) else _of_arrow(time)
    if values.shape != (table.num_rows,):
        raise _unusable(f"{values.shape} times for {table.num_rows} rows", "give one time a row")
    return _clip(values)


def _of_arrow(times: object) -> NDArray[np.int64]:
    if not isinstance(times, pa.Array | pa.ChunkedArray) or not is_time(times.type):
        got = str(times.type) if isinstance(times, pa.Array | pa.ChunkedArray) else type(times).__name__
        raise _unusable(got, "cast the column to a timestamp")
    try:
        exact = times.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise _unusable(str(error), "correct the times") from error
    values: NDArray[np.int64] = exact.fill_null(EARLIEST_US).to_numpy()
    return values


def _of_numpy(times: NDArray[Any]) -> NDArray[np.int64]:
    if times.dtype.kind != "M":
        raise _unusable(f"an array of {times.dtype}", "convert it: .astype('datetime64[us]')")
    exact: NDArray[np.int64] = times.astype("datetime64[us]").astype(np.int64)  # not a time is the least integer
    return exact


def _clip(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where((values > EARLIEST_US) & (values < LATEST_US), values, EARLIEST_US)


def _unusable(got: str, next_step: str) -> SchemaError:
    return SchemaError(problem(expected="times of rows", got=got, where="time", next_step=next_step))
