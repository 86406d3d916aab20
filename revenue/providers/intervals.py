"""How long a recurring payment pays for: providers count units, the contract knows six intervals."""

from datetime import datetime
from typing import Final

from revenue.types import Interval

_BY_UNIT: Final = {
    ("day", 1): Interval.DAY,
    ("day", 7): Interval.WEEK,
    ("week", 1): Interval.WEEK,
    ("month", 1): Interval.MONTH,
    ("month", 3): Interval.QUARTER,
    ("month", 6): Interval.HALF_YEAR,
    ("month", 12): Interval.YEAR,
    ("year", 1): Interval.YEAR,
}
_BY_DAYS: Final = (
    (1, 1, Interval.DAY),
    (7, 7, Interval.WEEK),
    (28, 31, Interval.MONTH),
    (89, 92, Interval.QUARTER),
    (181, 184, Interval.HALF_YEAR),
    (365, 366, Interval.YEAR),
)
_DAY_S: Final = 86_400


def interval_of(unit: str, count: int) -> Interval | None:
    """Return the interval of so many units; None for one that the contract has no word for, such as two weeks."""
    return _BY_UNIT.get((unit.lower(), count))


def interval_between(start: datetime, end: datetime) -> Interval | None:
    """Return the interval that a billing period is, to the nearest day; None for any other length."""
    days = round((end - start).total_seconds() / _DAY_S)
    return next((interval for least, most, interval in _BY_DAYS if least <= days <= most), None)
