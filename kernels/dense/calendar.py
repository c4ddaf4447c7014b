"""Oracle of the date steps: NumPy's own calendar (datetime64), and Python's for ISO weeks."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

__all__ = ["date_part"]

_DAY = 86_400_000_000
_FIRST, _END = -719_162 * _DAY, 2_932_897 * _DAY  # 0001-01-01 and 10000-01-01
_SECONDS = {
    "hour": lambda second: second // 3600,
    "minute": lambda second: second // 60 % 60,
    "second": lambda second: second % 60,
    "minute_of_day": lambda second: second // 60,
}


def date_part(part: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a part of the times x, microseconds since 1970; NaN outside the years 1 to 9999.

    >>> date_part("week", np.array([0.0, np.nan]))
    array([ 1., nan])
    """
    is_inside = (x >= _FIRST) & (x < _END)
    microseconds = np.floor(np.where(is_inside, x, 0.0)).astype(np.int64)
    day, rest = np.divmod(microseconds, _DAY)
    value: NDArray[np.int64] = _SECONDS[part](rest // 1_000_000) if part in _SECONDS else _of_date(part, day)
    return np.where(is_inside, value.astype(np.float64), np.nan)


def _of_date(part: str, day: NDArray[np.int64]) -> NDArray[np.int64]:
    """A part of the dates `day` days after 1970-01-01."""
    days = day.astype("datetime64[D]")
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    month = months.astype(np.int64) % 12
    if part == "day_of_week":
        since_monday: NDArray[np.int64] = (day + 3) % 7  # 1970-01-01 was a Thursday
        return since_monday
    if part == "week":
        epoch = date(1970, 1, 1).toordinal()
        weeks = [date.fromordinal(int(each) + epoch).isocalendar().week for each in day]
        return np.array(weeks, np.int64)
    parts: dict[str, NDArray[np.int64]] = {
        "year": years.astype(np.int64) + 1970,
        "quarter": month // 3 + 1,
        "month": month + 1,
        "day": (days - months).astype(np.int64) + 1,
        "day_of_year": (days - years).astype(np.int64) + 1,
    }
    return parts[part]
